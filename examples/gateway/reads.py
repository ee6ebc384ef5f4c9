"""What a translation looks up, and two ways to answer: a reconcile's context, or objects in memory.

A lookup in vain counts as one: whoever answers may note it, so that the object's appearance wakes the Gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from examples.gateway.kinds import HTTP_ROUTE
from examples.gateway.model import Object, parse_metadata, parse_parent_refs
from reconcilekit.errors import ConfigError
from reconcilekit.kube.resource import ObjectKey, Resource

PARENT_GATEWAY: Final = "parentGateway"
"""The index of HTTPRoutes by the Gateways that they name, "namespace/name"; its function is `parent_gateways`."""


class Reads(Protocol):
    """The lookups; a reconcile's context has them, and what they find or miss becomes a dependency of its key."""

    def get(self, resource: Resource, name: str, *, namespace: str) -> dict[str, Any] | None:
        """One object, None where there is none; namespace "" for cluster-scoped kinds."""
        ...

    def select(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        index: tuple[str, str] | None = None,
    ) -> Sequence[dict[str, Any]]:
        """The objects of a kind: of one namespace, with these labels, with this value in this index."""
        ...


def parent_gateways(route: Object) -> list[str]:
    """The function of the index `PARENT_GATEWAY`; a route whose parents can't be read has none."""
    try:
        own_namespace = parse_metadata(route).key.namespace
        parents = parse_parent_refs(route)
    except ConfigError:
        return []
    gateways = [
        ObjectKey(own_namespace if parent.namespace is None else parent.namespace, parent.name) for parent in parents
    ]
    return [
        str(gateway)
        for gateway, parent in zip(gateways, parents, strict=True)
        if parent.names(gateway, from_namespace=own_namespace)
    ]


INDEXES: Final[Mapping[tuple[Resource, str], Callable[[Object], Iterable[str]]]] = {
    (HTTP_ROUTE, PARENT_GATEWAY): parent_gateways
}
"""Every index that the translation selects by, with its function over the decoded object."""


class Objects:
    """Lookups among objects in memory: for golden tests, and for controllers that read the server themselves.

    Args:
        objects: of any kinds; the last of several with one kind and key counts.
    """

    def __init__(self, objects: Iterable[Object]) -> None:
        self._by_resource: dict[Resource, dict[ObjectKey, Object]] = {}
        for obj in objects:
            resource = Resource(obj["apiVersion"], obj["kind"])
            self._by_resource.setdefault(resource, {})[_key(obj)] = obj

    def get(self, resource: Resource, name: str, *, namespace: str) -> dict[str, Any] | None:
        """One object, None where there is none."""
        return self._by_resource.get(resource, {}).get(ObjectKey(namespace, name))

    def select(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        index: tuple[str, str] | None = None,
    ) -> Sequence[dict[str, Any]]:
        """The objects of a kind that fit all of it, sorted by namespace and name."""
        return [
            obj
            for key, obj in sorted(self._by_resource.get(resource, {}).items())
            if namespace in (None, key.namespace)
            and (labels is None or labels.items() <= _labels(obj).items())
            and (index is None or index[1] in INDEXES[resource, index[0]](obj))
        ]


class RememberedReads:
    """Asks each question once: an answer is decoded anew at each read of a view, and routes share what they name.

    Args:
        reads: whom to ask.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._objects: dict[tuple[Resource, str, str], Object | None] = {}
        self._selections: dict[tuple[object, ...], Sequence[Object]] = {}

    def get(self, resource: Resource, name: str, *, namespace: str) -> dict[str, Any] | None:
        """One object, None where there is none."""
        question = (resource, namespace, name)
        if question not in self._objects:
            self._objects[question] = self._reads.get(resource, name, namespace=namespace)
        return self._objects[question]

    def select(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        index: tuple[str, str] | None = None,
    ) -> Sequence[dict[str, Any]]:
        """The objects of a kind that fit all of it."""
        question = (resource, namespace, None if labels is None else tuple(sorted(labels.items())), index)
        if question not in self._selections:
            self._selections[question] = self._reads.select(resource, namespace=namespace, labels=labels, index=index)
        return self._selections[question]


def _key(obj: Object) -> ObjectKey:
    metadata = obj["metadata"]
    return ObjectKey(metadata.get("namespace", ""), metadata["name"])


def _labels(obj: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels
