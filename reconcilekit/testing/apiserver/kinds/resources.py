"""The kinds a server serves: the built-in ones, and those that CustomResourceDefinitions add."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.kube.resource import Resource
from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.crd.definitions.acceptance import is_terminating
from reconcilekit.testing.apiserver.kinds.faces import FACES, STORED_AS, Face
from reconcilekit.testing.apiserver.kinds.traits import FIELD_SELECTORS, GENERATIONS
from reconcilekit.testing.apiserver.schema.shapes import (
    Shape,
    built_in_shape,
    shape_from_keys,
    shape_from_schema,
)

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.crd.kind import CustomKind

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
"""The same in the order in which discovery has them for custom kinds."""

ENDING_VERBS = ("delete", "deletecollection", "get", "list", "watch")
"""The same for kinds whose objects are all being deleted."""


@attrs.frozen(kw_only=True)
class Subresource:
    """A path below an object's, such as its status or its scale.

    Attributes:
        group: of the kind that it speaks, with `version` and `kind`: a Deployment's scale is autoscaling/v1's Scale.
    """

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@attrs.frozen(kw_only=True, eq=False)
class ResourceType:
    """One kind in one version.

    Attributes:
        verbs: what may be done to its objects; a review can only be created.
        subresources: the paths below its objects.
        definition: the struct of a built-in kind, by its name in OpenAPI; "" for a custom kind.
        openapi: a custom kind's `openAPIV3Schema`.
        has_status: it has the status subresource.
        has_generation: its writes count `metadata.generation`; several core kinds have none.
        is_custom: it came by a CustomResourceDefinition.
        is_ending: its definition is being deleted, and no object of it can be made any more.
        is_told: its `shape` was told by hand and takes the place of what its schema says.
        field_selectors: what a fieldSelector may name.
        custom: what its definition says of its objects; None for built-in kinds.
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
    is_ending: bool = False
    is_told: bool = False
    verbs: tuple[str, ...] = VERBS
    subresources: tuple[Subresource, ...] = ()
    definition: str = ""
    openapi: Mapping[str, Any] = attrs.field(factory=dict)
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    shape: Shape = attrs.field(factory=Shape)
    field_selectors: tuple[str, ...] = ("metadata.name", "metadata.namespace")
    custom: CustomKind | None = None

    @functools.cached_property
    def api_version(self) -> str:
        """As objects have it: "v1", "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @functools.cached_property
    def storage_key(self) -> tuple[str, str]:
        """What all versions of the kind share, and all its faces."""
        key = (self.group, self.plural)
        return STORED_AS.get(key, key)

    @property
    def is_question(self) -> bool:
        """Its objects are created to be answered, and never stored: a review, a binding."""
        return self.verbs == ("create",)

    @functools.cached_property
    def face(self) -> Face | None:
        """How its objects are shown where they are stored as another kind's."""
        return FACES.get((self.group, self.version, self.plural))

    @functools.cached_property
    def prefix(self) -> bytes:
        """The opening of an encoded object, up to its first field."""
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()


_OBJECT_FIELDS = ("metadata.name", "metadata.namespace")


@functools.cache
def built_in_types() -> Mapping[tuple[str, str, str], ResourceType]:
    """The kinds that the server has by itself, by group, version and plural, in the order of discovery."""
    return {(t.group, t.version, t.plural): t for t in map(_built_in_type, recorded.kinds())}


def _built_in_type(told: Mapping[str, Any]) -> ResourceType:
    group, plural = told["group"], told["plural"]
    subresources = tuple(
        Subresource(**{**subresource, "verbs": tuple(subresource["verbs"])}) for subresource in told["subresources"]
    )
    more_fields = FIELD_SELECTORS.get((group, plural), ())
    return ResourceType(
        group=group,
        version=told["version"],
        kind=told["kind"],
        plural=plural,
        singular=told["singular"],
        is_namespaced=told["is_namespaced"],
        has_status=any(subresource.name == "status" for subresource in subresources),
        has_generation=(group, plural) in GENERATIONS,
        verbs=tuple(told["verbs"]),
        subresources=subresources,
        short_names=tuple(told["short_names"]),
        categories=tuple(told["categories"]),
        shape=built_in_shape(told["schema"]),
        definition=told["schema"],
        field_selectors=(*(_OBJECT_FIELDS if told["is_namespaced"] else _OBJECT_FIELDS[:1]), *more_fields),
    )


class Registry:
    """What is served, by group, version and plural.

    What it holds is replaced, never changed in place: copies share it.

    Attributes:
        down: groups and versions whose own server, aggregated into this one, doesn't answer.
    """

    def __init__(self) -> None:
        self._types = built_in_types()
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

    def all(self) -> Iterable[ResourceType]:
        """Every kind in every version."""
        return self._types.values()

    def groups(self) -> list[str]:
        """The groups in the order of discovery: the core group (""), the other built-in ones, custom ones by name."""
        built_in = list(dict.fromkeys(group for group, *_ in built_in_types()))
        return built_in + sorted({group for group, *_ in (*self._types, *self.down)} - set(built_in))

    def versions(self, group: str) -> list[str]:
        """A group's versions, the preferred one first."""
        known = {version for g, version, *_ in (*self._types, *self.down) if g == group}
        return sorted(known, key=_version_priority)

    def types(self, group: str, version: str) -> list[ResourceType]:
        """What a group serves in one version, by plural."""
        found = [t for (g, v, _), t in self._types.items() if (g, v) == (group, version)]
        return sorted(found, key=lambda t: t.plural)

    def namespaced_types(self) -> list[ResourceType]:
        """Every type whose objects live in namespaces, one version each; reviews, which are never stored, left out."""
        stored = {t.storage_key: t for t in self._types.values() if t.is_namespaced and "delete" in t.verbs}
        return list(stored.values())

    def tell_list_keys(self, resource: Resource, keys: Mapping[str, Any]) -> None:
        """Say how a kind's lists merge, in place of what was known: see `shapes.shape_from_keys`."""
        found = self.of(resource)
        metadata = found.shape.field("metadata")
        shape = shape_from_keys(keys, structs=[n for n, s in found.shape.fields.items() if s.is_struct])
        shape = attrs.evolve(shape, fields={**shape.fields, "metadata": metadata})
        told = attrs.evolve(found, shape=shape, is_told=True)
        self._types = {**self._types, (found.group, found.version, found.plural): told}

    def define(self, definition: Mapping[str, Any]) -> None:
        """Serve what a CustomResourceDefinition describes, in place of what an earlier form of it described."""
        # Names that are taken already aren't served, the ones from before are.
        accepted = (definition.get("status") or {}).get("acceptedNames") or {}
        spec = {
            **definition["spec"],
            "names": {**definition["spec"]["names"], **{k: v for k, v in accepted.items() if v}},
        }
        self.undefine(definition)
        told = [_custom_type(spec, version) for version in spec["versions"] if version.get("served", True)]
        is_ending = bool(definition["metadata"].get("deletionTimestamp"))
        verbs = ENDING_VERBS if is_terminating(definition) else CUSTOM_VERBS
        added = [attrs.evolve(each, is_ending=is_ending, verbs=verbs) for each in told]
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
    from reconcilekit.testing.apiserver.crd.kind import CustomKind

    names = spec["names"]
    custom = CustomKind(spec, version)
    schema, is_namespaced = custom.schema, spec.get("scope", "Namespaced") == "Namespaced"
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        is_namespaced=is_namespaced,
        has_status=custom.has_status,
        has_generation=True,
        is_custom=True,
        subresources=tuple(_custom_subresources(spec, version)),
        openapi=schema,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        shape=shape_from_schema(schema),
        field_selectors=(*(_OBJECT_FIELDS if is_namespaced else _OBJECT_FIELDS[:1]), *custom.selectable_fields),
        custom=custom,
    )


def _custom_subresources(spec: Mapping[str, Any], version: Mapping[str, Any]) -> Iterator[Subresource]:
    told, verbs = version.get("subresources") or {}, ("get", "patch", "update")
    if told.get("status") is not None:
        kind = spec["names"]["kind"]
        yield Subresource(name="status", group=spec["group"], version=version["name"], kind=kind, verbs=verbs)
    if told.get("scale") is not None:
        yield Subresource(name="scale", group="autoscaling", version="v1", kind="Scale", verbs=verbs)


def _version_priority(version: str) -> tuple[int, int, int, str]:
    """Kube-like order (KEP-95): v2, v1, v2beta1, v1beta1, v1alpha1, then anything else by name."""
    stage_rank = {"": 0, "beta": 1, "alpha": 2}
    for stage in ("beta", "alpha", ""):
        major, _, minor = version[1:].partition(stage) if stage else (version[1:], "", "0")
        if version.startswith("v") and major.isdigit() and minor.isdigit():
            return (stage_rank[stage], -int(major), -int(minor), version)
    return (3, 0, 0, version)
