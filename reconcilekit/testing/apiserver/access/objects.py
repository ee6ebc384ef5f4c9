"""The cluster's objects, as decisions about access look them up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding.routes import parse_route
from reconcilekit.testing.apiserver.storage.storage import Collection


class ClusterObjects:
    """`rbac.Objects` of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def find(self, group: str, plural: str, key: ObjectKey) -> Mapping[str, Any] | None:
        """See `Objects.find`."""
        stored = self._collection(group, plural).objects.get(key)
        return None if stored is None else stored.content

    def has(self, path: str) -> bool:
        """Whether the object is there that a request's path names."""
        route = parse_route(path)
        served = route and self._cluster.registry.find(route.group, route.version, route.plural)
        return bool(route and served and route.key in self._cluster.storage.collection(served).objects)

    def all_of(self, group: str, plural: str, namespace: str = "") -> Iterator[tuple[ObjectKey, Mapping[str, Any]]]:
        """See `Objects.all_of`."""
        collection = self._collection(group, plural)
        for key in collection.sorted_keys():
            if not namespace or key.namespace == namespace:
                yield key, collection.objects[key].content

    def has_any(self, group: str, plural: str) -> bool:
        """Whether there is any object of a kind."""
        return len(self._collection(group, plural).objects) > 0

    def _collection(self, group: str, plural: str) -> Collection:
        served = self._cluster.registry.find(group, "v1", plural)
        assert served is not None
        return self._cluster.storage.collection(served)
