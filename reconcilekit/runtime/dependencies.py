"""What a run read is what wakes it: the reverse index from objects and selections to the keys that read them.

An object read is one entry; a selection is one entry, however many objects it returned. Names, namespaces, equality
labels and index values are looked up; other selections are held against every change, and counted as scanned.

Single readers are stored bare and several in a set: most objects have one reader, and a set costs 200 bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Change
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource

Bucket = tuple[str, str, str]
"""Where a selection is looked up: ("label", name, value), ("index", name, value), ("namespace", name, ""), or ALL."""

ALL: Bucket = ("all", "", "")


Target = tuple[Resource, ObjectKey]
"""One object of a kind."""


@attrs.define
class Reads:
    """What one run looked at.

    Attributes:
        objects: objects read by the reconcile, with the version it saw, None where there was none.
        staged: objects looked up only because a write to them was staged; the echo of that write doesn't wake the key.
        selections: selections made by the reconcile.
        vain: of both, what was looked for in vain and has to be confirmed before a commit.
        scopes: scopes of the StateStore.
    """

    objects: dict[Target, RawObject | None] = attrs.field(factory=dict)
    staged: dict[Target, RawObject | None] = attrs.field(factory=dict)
    selections: set[tuple[Resource, Selection]] = attrs.field(factory=set)
    vain: set[tuple[Resource, ObjectKey | Selection]] = attrs.field(factory=set)
    scopes: set[str] = attrs.field(factory=set)

    @property
    def resources(self) -> set[Resource]:
        """Every kind that was looked at."""
        places = (self.objects.keys(), self.staged.keys(), self.selections)
        return {resource for place in places for resource, _ in place}


_Read = ObjectKey | Selection | str

_Kept = tuple[Resource | _Read, ...]
"""One key's entries: each kind is followed by what was read of it, and scopes stand by themselves.

It is flat because 100,000 keys keep one of these each, and each tuple within would take 40 bytes more.
"""

_NOTHING: _Kept = ()


@attrs.frozen
class DependencyStatistics:
    """Counts at one moment.

    Attributes:
        keys: that read anything.
        objects: that somebody read or looked for.
        selections: different ones.
        scanned_selections: those of them that are held against every change of their kind, or namespace of it.
    """

    keys: int
    objects: int
    selections: int
    scanned_selections: int


@attrs.frozen
class Woken:
    """A key to run, and why.

    Attributes:
        key: of the primary.
        reason: for people.
        is_by_name: it read the object by its name; then the echo of its own write may be passed over.
    """

    key: ObjectKey
    reason: str
    is_by_name: bool


class _Readers:
    """A multimap from something read to the keys that read it."""

    __slots__ = ("_map",)

    def __init__(self) -> None:
        self._map: dict[object, ObjectKey | set[ObjectKey]] = {}

    def __len__(self) -> int:
        return len(self._map)

    def __contains__(self, read: object) -> bool:
        return read in self._map

    def __iter__(self) -> Iterator[object]:
        return iter(self._map)

    def add(self, read: object, key: ObjectKey) -> None:
        present = self._map.get(read)
        if present is None:
            self._map[read] = key
        elif isinstance(present, set):
            present.add(key)
        elif present != key:
            self._map[read] = {present, key}

    def discard(self, read: object, key: ObjectKey) -> None:
        present = self._map.get(read)
        if isinstance(present, set):
            present.discard(key)
            if len(present) == 1:
                self._map[read] = next(iter(present))
        elif present == key:
            del self._map[read]

    def of(self, read: object) -> tuple[ObjectKey, ...]:
        present = self._map.get(read)
        if present is None:
            return ()
        return tuple(sorted(present)) if isinstance(present, set) else (present,)


class Matcher(Protocol):
    """How a selection is held against an object; the cache's stores know their indexes."""

    def matches(self, resource: Resource, selection: Selection, obj: RawObject) -> bool:
        """True where the selection would return the object."""

    def index_values(self, resource: Resource, name: str, obj: RawObject) -> Iterable[str]:
        """The object's values in a named index."""


class _Selections:
    """The selections of one kind, by the bucket in which a change looks for them."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._buckets: dict[Bucket, dict[Selection, Selection]] = {}
        self._indexes: Counter[str] = Counter()
        self.readers = _Readers()

    def __len__(self) -> int:
        return len(self.readers)

    def add(self, selection: Selection, key: ObjectKey) -> None:
        bucket = bucket_of(selection)
        selections = self._buckets.setdefault(bucket, {})
        if selection not in selections:
            selections[selection] = selection
            if bucket[0] == "index":
                self._indexes[bucket[1]] += 1
        self.readers.add(selection, key)

    def discard(self, selection: Selection, key: ObjectKey) -> None:
        self.readers.discard(selection, key)
        if selection in self.readers:
            return
        bucket = bucket_of(selection)
        del self._buckets[bucket][selection]
        if bucket[0] == "index":
            self._indexes[bucket[1]] -= 1
        if not self._buckets[bucket]:
            del self._buckets[bucket]

    def shared(self, selection: Selection) -> Selection:
        """The one that is kept of those that equal it: they take ten times the bytes of a key."""
        return self._buckets[bucket_of(selection)][selection]

    def matched(self, change: Change, matcher: Matcher) -> Iterator[Selection]:
        versions = [version for version in (change.before, change.after) if version is not None]
        for bucket in self._buckets_touched(change.key, versions, matcher):
            for selection in self._buckets.get(bucket, ()):
                if any(_may_match(self._resource, selection, version, matcher) for version in versions):
                    yield selection

    def scanned(self) -> int:
        places = ((bucket, selection) for bucket, selections in self._buckets.items() for selection in selections)
        return sum(
            bucket[0] in ("all", "namespace") and (selection.where is not None or bool(selection.labels))
            for bucket, selection in places
        )

    def _buckets_touched(self, key: ObjectKey, versions: list[RawObject], matcher: Matcher) -> set[Bucket]:
        touched = {ALL, ("namespace", key.namespace, "")}
        for version in versions:
            touched.update(("label", name, value) for name, value in (version.meta.labels or {}).items())
            for name in +self._indexes:
                touched.update(self._indexed(name, version, matcher))
        return touched

    def _indexed(self, name: str, version: RawObject, matcher: Matcher) -> list[Bucket]:
        try:
            return [("index", name, value) for value in matcher.index_values(self._resource, name, version)]
        except Exception:  # noqa: BLE001 -- the runs it wakes meet it as well, and say so
            return [bucket for bucket in self._buckets if bucket[:2] == ("index", name)]


def _may_match(resource: Resource, selection: Selection, version: RawObject, matcher: Matcher) -> bool:
    try:
        return matcher.matches(resource, selection, version)
    except Exception:  # noqa: BLE001 -- a user's function that can't judge an object mustn't hide it
        return True


def bucket_of(selection: Selection) -> Bucket:
    """The narrowest place where a change that matters to the selection will look for it."""
    if selection.index is not None:
        return ("index", *selection.index)
    if selection.labels is not None:
        for name, value in sorted(selection.labels.equalities.items()):
            return ("label", name, value)
    if selection.namespace is not None:
        return ("namespace", selection.namespace, "")
    return ALL


class Dependencies:
    """The index of one controller.

    Args:
        matcher: the cache, which knows how a selection is evaluated.
    """

    def __init__(self, *, matcher: Matcher) -> None:
        self._matcher = matcher
        self._kept: dict[ObjectKey, _Kept] = {}
        self._succeeded: dict[ObjectKey, _Kept] = {}
        self._objects: dict[Resource, _Readers] = {}
        self._selections: dict[Resource, _Selections] = {}
        self._scopes = _Readers()

    def replace(self, key: ObjectKey, reads: Reads) -> None:
        """After a run that succeeded: exactly these reads wake `key`."""
        self._succeeded.pop(key, None)
        self._set(key, _keep(reads), selects=bool(reads.selections))

    def extend(self, key: ObjectKey, reads: Reads) -> None:
        """After a run that failed or overran: these reads wake `key`, and those of its last success still do.

        What an earlier failure read is let go, so that a key that fails for a week doesn't keep more and more.
        """
        succeeded = self._succeeded.setdefault(key, self._kept.get(key, _NOTHING))
        self._set(key, _union(succeeded, _keep(reads)))

    def forget(self, key: ObjectKey) -> None:
        """Nothing wakes `key` any more."""
        self._succeeded.pop(key, None)
        self._set(key, _NOTHING)

    def woken_by(self, change: Change) -> Iterator[Woken]:
        """The keys that read what changed, each with the read as a reason for people; always in the same order.

        A selection by a function or an index that raises for the object counts as matching.
        """
        readers = self._objects.get(change.resource)
        if readers is not None:
            for key in readers.of(change.key):
                yield Woken(key, describe(change), is_by_name=True)
        selections = self._selections.get(change.resource)
        if selections:
            matched = [
                (describe_selection(selection), selections.readers.of(selection))
                for selection in selections.matched(change, self._matcher)
            ]
            for described, keys in sorted(matched):
                reason = f"{describe(change)}, which it selected by {described}"
                for key in keys:
                    yield Woken(key, reason, is_by_name=False)

    def may_select(self, selection: Selection, change: Change) -> bool:
        """True where the selection would return the object as it was or as it is, or can't judge it."""
        versions = (version for version in (change.before, change.after) if version is not None)
        return any(_may_match(change.resource, selection, version, self._matcher) for version in versions)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the StateStore that somebody read, also those that don't exist."""
        return tuple(str(scope) for scope in self._scopes)

    def readers_of_scope(self, scope: str) -> tuple[ObjectKey, ...]:
        """The keys that read this scope of the StateStore."""
        return self._scopes.of(scope)

    def statistics(self) -> DependencyStatistics:
        """Counts at this moment."""
        return DependencyStatistics(
            keys=len(self._kept),
            objects=sum(len(readers) for readers in self._objects.values()),
            selections=sum(len(selections) for selections in self._selections.values()),
            scanned_selections=sum(selections.scanned() for selections in self._selections.values()),
        )

    def __repr__(self) -> str:
        counts = self.statistics()
        return f"<Dependencies keys={counts.keys} objects={counts.objects} selections={counts.selections}>"

    def _set(self, key: ObjectKey, kept: _Kept, *, selects: bool = True) -> None:
        before = self._kept.get(key, _NOTHING)
        if before == kept:
            return
        old, new = set(_entries(before)), set(_entries(kept))
        for resource, read in old - new:
            self._place_of(resource, read).discard(read, key)
        for resource, read in new - old:
            self._place_of(resource, read).add(read, key)
        if kept:
            self._kept[key] = tuple(self._with_shared_selections(kept)) if selects else kept
        else:
            del self._kept[key]

    def _place_of(self, resource: Resource | None, read: _Read) -> _Place:
        if resource is None:
            return self._scopes
        if isinstance(read, Selection):
            return self._selections.setdefault(resource, _Selections(resource))
        return self._objects.setdefault(resource, _Readers())

    def _with_shared_selections(self, kept: _Kept) -> Iterator[Resource | _Read]:
        resource = None
        for each in kept:
            if isinstance(each, Resource):
                resource = each
            if isinstance(each, Selection) and resource is not None:
                yield self._selections[resource].shared(each)
            else:
                yield each


class _Place(Protocol):
    def add(self, read: Any, key: ObjectKey, /) -> None: ...
    def discard(self, read: Any, key: ObjectKey, /) -> None: ...


def _entries(kept: _Kept) -> Iterator[tuple[Resource | None, _Read]]:
    resource = None
    for each in kept:
        if isinstance(each, Resource):
            resource = each
        else:
            yield (None if isinstance(each, str) else resource), each


def _keep(reads: Reads) -> _Kept:
    # In the order in which they were read: a run mostly repeats the one before, so equal reads mostly compare equal.
    # They are copied first, in one step each, since the thread of an abandoned run may still add to them.
    by_resource: dict[Resource, dict[ObjectKey, None]] = {}
    for read in (reads.objects, reads.staged):
        for (resource, key), version in list(read.items()):
            # The cache's own key where there is one: the reader's is one more copy of the same name.
            by_resource.setdefault(resource, {})[key if version is None else version.key] = None
    kept: list[Resource | _Read] = []
    for resource, keys in by_resource.items():
        kept += (resource, *keys)
    for selected in tuple(reads.selections):
        kept += selected
    return (*kept, *reads.scopes)


def _union(old: _Kept, new: _Kept) -> _Kept:
    kept: list[Resource | _Read] = []
    current = None
    for resource, read in dict.fromkeys((*_entries(old), *_entries(new))):
        if resource is not None and resource != current:
            kept.append(resource)
            current = resource
        kept.append(read)
    return tuple(kept)


def describe(change: Change) -> str:
    """Say what happened, as in: Secret tls/site changed."""
    verb = "appeared" if change.before is None else "vanished" if change.after is None else "changed"
    return f"{change.resource.kind} {change.key} {verb}"


def describe_selection(selection: Selection) -> str:
    """Say how it was selected, as in: labels app=web and namespace shop."""
    parts = []
    if selection.labels is not None:
        parts.append(f"labels {selection.labels}")
    if selection.index is not None:
        parts.append(f"index {selection.index[0]}={selection.index[1]}")
    if selection.where is not None:
        parts.append("a function")
    parts.append(f"namespace {selection.namespace}" if selection.namespace is not None else "all namespaces")
    return " and ".join(parts)
