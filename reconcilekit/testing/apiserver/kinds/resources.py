"""The kinds a server serves: the built-in ones, and those that CustomResourceDefinitions add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from reconcilekit.kube.resource import Resource
from reconcilekit.testing.apiserver.kinds.faces import STORED_AS
from reconcilekit.testing.apiserver.schema.shapes import (
    Shape,
    built_in_shape,
    shape_from_keys,
    shape_from_schema,
)

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@attrs.frozen(kw_only=True, eq=False)
class ResourceType:
    """One kind in one version.

    Attributes:
        has_status: it has the status subresource.
        has_generation: its writes count `metadata.generation`; several core kinds have none.
        is_custom: it came by a CustomResourceDefinition.
        field_selectors: what a fieldSelector may name.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    is_namespaced: bool
    has_status: bool = False
    has_generation: bool = False
    is_custom: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    shape: Shape = attrs.field(factory=Shape)
    field_selectors: tuple[str, ...] = ("metadata.name", "metadata.namespace")

    @property
    def api_version(self) -> str:
        """As objects have it: "v1", "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_key(self) -> tuple[str, str]:
        """What all versions of the kind share, and all its faces."""
        key = (self.group, self.plural)
        return STORED_AS.get(key, key)

    @property
    def prefix(self) -> bytes:
        """The opening of an encoded object, up to its first field."""
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()


_EVENT_FIELDS = (
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.kind",
    "involvedObject.uid",
    "reason",
    "type",
)

# group/version | kind | plural | flags: N namespaced, S status, G generation | short names
_BUILT_IN = """
v1 | Namespace | namespaces | S | ns
v1 | Node | nodes | S | no
v1 | PersistentVolume | persistentvolumes | S | pv
v1 | ConfigMap | configmaps | N | cm
v1 | Endpoints | endpoints | N | ep
v1 | Event | events | N | ev
v1 | PersistentVolumeClaim | persistentvolumeclaims | NS | pvc
v1 | Pod | pods | NSG | po
v1 | Secret | secrets | N |
v1 | Service | services | NS | svc
v1 | ServiceAccount | serviceaccounts | N | sa
apps/v1 | DaemonSet | daemonsets | NSG | ds
apps/v1 | Deployment | deployments | NSG | deploy
apps/v1 | ReplicaSet | replicasets | NSG | rs
apps/v1 | StatefulSet | statefulsets | NSG | sts
batch/v1 | Job | jobs | NSG |
batch/v1 | CronJob | cronjobs | NSG | cj
apiextensions.k8s.io/v1 | CustomResourceDefinition | customresourcedefinitions | SG | crd,crds
coordination.k8s.io/v1 | Lease | leases | N |
discovery.k8s.io/v1 | EndpointSlice | endpointslices | NG |
events.k8s.io/v1 | Event | events | N | ev
networking.k8s.io/v1 | Ingress | ingresses | NSG | ing
networking.k8s.io/v1 | IngressClass | ingressclasses | G |
networking.k8s.io/v1 | NetworkPolicy | networkpolicies | NG | netpol
policy/v1 | PodDisruptionBudget | poddisruptionbudgets | NSG | pdb
rbac.authorization.k8s.io/v1 | ClusterRole | clusterroles | |
rbac.authorization.k8s.io/v1 | ClusterRoleBinding | clusterrolebindings | |
rbac.authorization.k8s.io/v1 | Role | roles | N |
rbac.authorization.k8s.io/v1 | RoleBinding | rolebindings | N |
"""


_IN_ALL = frozenset(
    {"pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "jobs", "cronjobs"}
)
"""What `kubectl get all` asks for."""


def _built_in_types() -> Iterator[ResourceType]:
    for line in _BUILT_IN.strip().splitlines():
        api_version, kind, plural, flags, short = (part.strip() for part in line.split("|"))
        group, _, version = api_version.rpartition("/")
        extra = _EVENT_FIELDS if kind == "Event" else ()
        yield ResourceType(
            group=group,
            version=version,
            kind=kind,
            plural=plural,
            singular=kind.lower(),
            is_namespaced="N" in flags,
            has_status="S" in flags,
            has_generation="G" in flags,
            short_names=tuple(name for name in short.split(",") if name),
            categories=("all",) if plural in _IN_ALL else (),
            shape=built_in_shape(group, kind),
            field_selectors=("metadata.name", "metadata.namespace", *extra),
        )


class Registry:
    """What is served, by group, version and plural.

    What it holds is replaced, never changed in place: copies share it.

    Attributes:
        down: groups and versions whose own server, aggregated into this one, doesn't answer.
    """

    def __init__(self) -> None:
        self._types = {(t.group, t.version, t.plural): t for t in _built_in_types()}
        self.down: frozenset[tuple[str, str]] = frozenset()

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type behind a path, None where there is none."""
        return self._types.get((group, version, plural))

    def of(self, resource: Resource) -> ResourceType:
        """The type of a kind.

        Raises:
            KeyError: it isn't served.
        """
        for candidate in self._types.values():
            if (candidate.api_version, candidate.kind) == (resource.api_version, resource.kind):
                return candidate
        raise KeyError(f"{resource} isn't served; create its CustomResourceDefinition first")

    def groups(self) -> list[str]:
        """The groups by name, the core group ("") first."""
        return sorted({group for group, *_ in (*self._types, *self.down)})

    def versions(self, group: str) -> list[str]:
        """A group's versions, the preferred one first."""
        known = {version for g, version, *_ in (*self._types, *self.down) if g == group}
        return sorted(known, key=_version_priority)

    def types(self, group: str, version: str) -> list[ResourceType]:
        """What a group serves in one version, by plural."""
        found = [t for (g, v, _), t in self._types.items() if (g, v) == (group, version)]
        return sorted(found, key=lambda t: t.plural)

    def namespaced_types(self) -> list[ResourceType]:
        """Every type whose objects live in namespaces, one version each."""
        return list({t.storage_key: t for t in self._types.values() if t.is_namespaced}.values())

    def tell_list_keys(self, resource: Resource, keys: Mapping[str, Any]) -> None:
        """Say how a kind's lists merge, in place of what was known: see `shapes.shape_from_keys`."""
        found = self.of(resource)
        metadata = found.shape.field("metadata")
        shape = shape_from_keys(keys, structs=[n for n, s in found.shape.fields.items() if s.is_struct])
        shape = attrs.evolve(shape, fields={**shape.fields, "metadata": metadata})
        told = attrs.evolve(found, shape=shape)
        self._types = {**self._types, (found.group, found.version, found.plural): told}

    def define(self, definition: Mapping[str, Any]) -> None:
        """Serve what a CustomResourceDefinition describes, in place of what an earlier form of it described."""
        spec = definition["spec"]
        self.undefine(definition)
        added = [_custom_type(spec, version) for version in spec["versions"] if version.get("served", True)]
        self._types = {**self._types, **{(t.group, t.version, t.plural): t for t in added}}

    def undefine(self, definition: Mapping[str, Any]) -> None:
        """Stop serving it."""
        spec = definition["spec"]
        group, plural = spec["group"], spec["names"]["plural"]
        self._types = {key: t for key, t in self._types.items() if (t.group, t.plural) != (group, plural)}

    def copy(self) -> Registry:
        """A registry that changes on its own; O(1)."""
        twin: Registry = Registry.__new__(Registry)
        twin._types = self._types
        twin.down = self.down
        return twin


def _custom_type(spec: Mapping[str, Any], version: Mapping[str, Any]) -> ResourceType:
    names = spec["names"]
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        is_namespaced=spec.get("scope", "Namespaced") == "Namespaced",
        has_status="status" in (version.get("subresources") or {}),
        has_generation=True,
        is_custom=True,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        shape=shape_from_schema(schema),
    )


def _version_priority(version: str) -> tuple[int, int, int, str]:
    """Kube-like order (KEP-95): v2, v1, v2beta1, v1beta1, v1alpha1, then anything else by name."""
    stage_rank = {"": 0, "beta": 1, "alpha": 2}
    for stage in ("beta", "alpha", ""):
        major, _, minor = version[1:].partition(stage) if stage else (version[1:], "", "0")
        if version.startswith("v") and major.isdigit() and minor.isdigit():
            return (stage_rank[stage], -int(major), -int(minor), version)
    return (3, 0, 0, version)
