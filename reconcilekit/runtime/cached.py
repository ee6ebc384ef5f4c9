"""The cache, as the parts ask for it that need only a little of it."""

from __future__ import annotations

import attrs

from reconcilekit.cache.cache import Cache
from reconcilekit.cache.selection import Selection
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource


@attrs.frozen
class CacheProgress:
    """`reconcilekit.runtime.own_writes.Progress`."""

    _cache: Cache

    def has_seen(self, resource: Resource, key: ObjectKey, resource_version: str) -> bool:
        """True where the watch that covers this object has reached that version."""
        return self._cache.store(resource).has_seen(key, resource_version)

    def current(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        """The newest version in the cache."""
        return self._cache.store(resource).get(key)


@attrs.frozen
class CacheMatcher:
    """`reconcilekit.runtime.dependencies.Matcher`."""

    _cache: Cache

    def matches(self, resource: Resource, selection: Selection, obj: RawObject) -> bool:
        """True where the selection would return the object."""
        return self._cache.store(resource).matches(selection, obj)

    def index_values(self, resource: Resource, name: str, obj: RawObject) -> frozenset[str]:
        """The object's values in a named index."""
        return self._cache.store(resource).index_values(name, obj)
