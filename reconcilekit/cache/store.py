"""The objects of one kind as they are now, and as they were at each instant that a view is open on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import attrs

from reconcilekit.cache.index import Index, Log
from reconcilekit.cache.scope import OutOfScopeError, Scope
from reconcilekit.cache.selection import IndexFunction, Selection, UnknownIndexError
from reconcilekit.cache.timeline import Timeline
from reconcilekit.cache.versions import ReachedVersion
from reconcilekit.errors import TransientError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource

OWNER_INDEX = "owner"
"""The name of the index that every store has: the uids in an object's ownerReferences."""

_logger = logging.getLogger(__name__)


class KindNotSyncedError(TransientError):
    """A kind's cache wasn't whole yet at the instant of the view that asks, so "not found" would be a guess."""


@attrs.frozen(kw_only=True)
class Change:
    """One object came, changed or went.

    Where an object was deleted and made anew while no watch was open, one change leads from the old uid to the new.

    Attributes:
        resource: its kind.
        key: its namespace and name.
        before: the version until now, None where there was none.
        after: the version from now on, None where it is gone.
        sequence: the position of this change among all changes of all kinds.
    """

    resource: Resource
    key: ObjectKey
    before: RawObject | None
    after: RawObject | None
    sequence: int


@attrs.frozen(kw_only=True)
class StoreStatistics:
    """How much a store holds.

    Attributes:
        objects: how many objects there are now.
        kept_versions: how many replaced versions open views hold on to.
        indexes: how many indexes have been built; one that nobody selected by costs nothing.
    """

    objects: int
    kept_versions: int
    indexes: int


class Store:
    """One kind's objects: written by its reflector on the event loop, read from any thread through views.

    Every write is one synchronous step that returns the changes it made; telling others about them is the caller's.

    Args:
        resource: the kind.
        scope: the part of the kind that is kept.
        timeline: the order of changes that all stores of a cache share.
        log: where failing index functions are reported.
    """

    def __init__(self, resource: Resource, *, scope: Scope, timeline: Timeline, log: Log = _logger) -> None:
        self.resource = resource
        self.scope = scope
        self._timeline = timeline
        self._log = log
        self._current: dict[ObjectKey, RawObject] = {}
        self._history = timeline.history()
        self._functions: dict[str, IndexFunction] = {OWNER_INDEX: _owner_uids}
        self._indexes: dict[tuple[str, str], Index] = {}
        self._reached: dict[str, ReachedVersion] = {}
        self._undecodable: dict[ObjectKey, str] = {}
        self._whole_since: int | None = None

    def __repr__(self) -> str:
        synced = "synced" if self.is_synced else "not synced"
        return f"<Store {self.resource}: {len(self)} objects, {synced}, {len(self._history)} kept versions>"

    def __len__(self) -> int:
        return len(self._current)

    def statistics(self) -> StoreStatistics:
        """How much this store holds."""
        return StoreStatistics(objects=len(self._current), kept_versions=len(self._history), indexes=len(self._indexes))

    # --- the present, for the event loop

    @property
    def is_synced(self) -> bool:
        """True once every namespace of the scope has been listed, or the kind was proven absent where it may be."""
        return self._whole_since is not None

    @property
    def is_listed(self) -> bool:
        """True where what is here came from lists of every namespace of the scope, and not from a proof of absence."""
        return all(self.resource_version(segment) for segment in self.scope.segments)

    @property
    def undecodable(self) -> Mapping[ObjectKey, str]:
        """Objects whose latest version can't be read, and why; the last good version is kept if there was one."""
        return MappingProxyType(self._undecodable)

    def get(self, key: ObjectKey) -> RawObject | None:
        """The object as it is now; None where there is none.

        Raises:
            OutOfScopeError: this store doesn't hold the key's namespace.
        """
        self._check_namespace(key.namespace)
        return self._current.get(key)

    def keys(self) -> Collection[ObjectKey]:
        """The keys of all objects; a copy."""
        return list(self._current)

    def has_seen(self, key: ObjectKey, resource_version: str) -> bool:
        """True once the watch that covers `key` has reached `resource_version`.

        Versions compare as integers within a kind (KEP-5504). Where a server's aren't integers, this is True for
        versions that were seen themselves, of late.

        Raises:
            OutOfScopeError: no watch of this store covers the key's namespace, so waiting would never end.
        """
        self._check_namespace(key.namespace)
        reached = self._reached.get(self.scope.segment_of(key.namespace))
        return reached is not None and reached.has_seen(resource_version)

    def resource_version(self, segment: str) -> str:
        """How far the watch of one segment of the scope has come; "" before its first list."""
        reached = self._reached.get(segment)
        return reached.latest if reached is not None else ""

    # --- indexes

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Let selections look objects up by what `function` gives for them.

        The index is built when it is first used. Adding the same function again changes nothing.

        Args:
            name: what `Selection.index` calls it.
            function: pure and total: the same values for the same object, and never an exception.

        Raises:
            ValueError: the name is taken by another function.
        """
        if self._functions.setdefault(name, function) is not function:
            raise ValueError(f"index {name!r} of {self.resource}: already added with another function; rename one")

    def index_values(self, name: str, obj: RawObject) -> frozenset[str]:
        """The values under which the index `name` finds `obj`.

        Raises:
            UnknownIndexError: there is no such index.
            IndexFunctionError: its function raised for `obj`.
        """
        return Index(name, self._function(name), log=self._log).values(obj)

    def matches(self, selection: Selection, obj: RawObject) -> bool:
        """True if `obj` belongs to `selection`, with this kind's index functions; raises as `index_values` does."""
        if selection.index is None:
            return selection.matches(obj)
        name, value = selection.index
        return attrs.evolve(selection, index=None).matches(obj) and value in self.index_values(name, obj)

    # --- the past, for views; safe from any thread

    def get_at(self, key: ObjectKey, sequence: int) -> RawObject | None:
        """The object as it was at `sequence`, on which a view must be open.

        Raises:
            KindNotSyncedError: this store wasn't whole then.
            OutOfScopeError: this store doesn't hold the key's namespace.
        """
        self._check_readable_at(sequence)
        self._check_namespace(key.namespace)
        current = self._current.get(key)
        return self._history.at(key, sequence, current)

    def select_at(self, selection: Selection, sequence: int) -> list[RawObject]:
        """The objects that belonged to `selection` at `sequence`, sorted by key.

        Raises:
            KindNotSyncedError: this store wasn't whole then.
            OutOfScopeError: this store doesn't hold the selection's namespace.
            UnknownIndexError: the selection names an index that there is not.
            IndexFunctionError: its function raised for an object that might belong to the selection.
        """
        self._check_readable_at(sequence)
        if selection.namespace is not None:
            self._check_namespace(selection.namespace)
        index, value = self._best_index(selection)
        # Present keys first, history after: what left the present in between is found in the history then.
        keys = index.keys_with(value) if index is not None else set(self._current)
        broken = index.broken if index is not None else {}
        changed = self._history.changed_since(sequence)
        unchanged = attrs.evolve(selection, index=None) if selection.index else selection
        if index is not None:
            self._refuse_broken(index, {key: broken[key] for key in broken if key not in changed}, unchanged, sequence)
        found = self._matching(keys - changed, unchanged, sequence) + self._matching(changed, selection, sequence)
        return sorted(found, key=_by_key)

    def _matching(self, keys: Iterable[ObjectKey], selection: Selection, sequence: int) -> list[RawObject]:
        matches = selection.matches if selection.index is None else partial(self.matches, selection)
        # Sorted before the predicates run, not only after: which one raises first mustn't hang on the hash seed.
        versions = (self._history.at(key, sequence, self._current.get(key)) for key in sorted(keys))
        return [obj for obj in versions if obj is not None and matches(obj)]

    def _refuse_broken(
        self, index: Index, broken: Mapping[ObjectKey, Exception], selection: Selection, sequence: int
    ) -> None:
        for obj in self._matching(broken, selection, sequence):
            index.raise_for(obj.key, broken[obj.key])

    def _best_index(self, selection: Selection) -> tuple[Index | None, str]:
        if selection.index is not None:
            name, value = selection.index
            return self._index(("index", name), self._function(name)), value
        lookups: list[tuple[Index, str]] = []
        if selection.labels is not None:
            for label, value in selection.labels.equalities.items():
                lookups.append((self._index(("label", label), _LabelValues(label)), value))
        if selection.namespace is not None and self.scope.namespaces != (selection.namespace,):
            lookups.append((self._index(("namespace", ""), _namespace), selection.namespace))
        return min(lookups, key=_count, default=(None, ""))

    def _index(self, identity: tuple[str, str], function: IndexFunction) -> Index:
        index = self._indexes.get(identity)
        if index is not None:
            return index
        with self._timeline.lock:
            if identity not in self._indexes:
                index = Index(identity[1] or identity[0], function, log=self._log)
                index.fill(self._current.values())
                self._indexes[identity] = index
            return self._indexes[identity]

    def _function(self, name: str) -> IndexFunction:
        try:
            return self._functions[name]
        except KeyError as error:
            raise UnknownIndexError(
                f"index {name!r} of {self.resource}: no such index; there are {sorted(self._functions)}. "
                "Add it with add_index before it is selected by."
            ) from error

    def _check_namespace(self, namespace: str) -> None:
        if not self.scope.covers(namespace):
            raise OutOfScopeError(
                f"{self.resource} in namespace {namespace!r}: outside the cached scope ({self.scope}); "
                "widen the scope, or read it live"
            )

    def _check_readable_at(self, sequence: int) -> None:
        if self._whole_since is None or self._whole_since > sequence:
            raise KindNotSyncedError(
                f"{self.resource}: its cache wasn't whole when this view was opened; wait_synced before opening one"
            )

    # --- writes, for the reflector; each under the timeline's lock

    def put(self, segment: str, obj: RawObject) -> Sequence[Change]:
        """An object came or changed; nothing changes if it is the version that is here already."""
        with self._timeline.lock:
            self._advance(segment, obj.meta.resource_version)
            self._undecodable.pop(obj.key, None)
            if _is_same(self._current.get(obj.key), obj):
                return ()
            return (self._apply(obj.key, obj),)

    def remove(self, segment: str, key: ObjectKey, resource_version: str) -> Sequence[Change]:
        """An object went; nothing changes if it wasn't here."""
        with self._timeline.lock:
            self._advance(segment, resource_version)
            self._undecodable.pop(key, None)
            return (self._apply(key, None),) if key in self._current else ()

    def advance(self, segment: str, resource_version: str) -> None:
        """The watch of a segment has come as far as `resource_version`, without a change."""
        with self._timeline.lock:
            self._advance(segment, resource_version)

    def skip(self, segment: str, key: ObjectKey | None, resource_version: str, reason: str) -> None:
        """A version of `key` came that can't be read: the last good one stays, and `undecodable` names it."""
        with self._timeline.lock:
            self._advance(segment, resource_version)
            if key is not None:
                self._undecodable[key] = reason

    def replace(
        self,
        segment: str,
        objects: Mapping[ObjectKey, RawObject],
        resource_version: str,
        *,
        undecodable: Mapping[ObjectKey, str] | None = None,
    ) -> Sequence[Change]:
        """What a whole list found is now all there is in a segment; what vanished gives its deletion.

        It may be older than what is here, after a server was restored. An object that is listed but can't be read
        keeps its last good version.
        """
        skipped = undecodable or {}
        with self._timeline.lock:
            changes = [
                self._apply(key, None) for key in self._keys_of(segment) if key not in objects and key not in skipped
            ]
            changes += [
                self._apply(key, obj) for key, obj in objects.items() if not _is_same(self._current.get(key), obj)
            ]
            for key in [key for key in self._undecodable if self.scope.segment_of(key.namespace) == segment]:
                del self._undecodable[key]
            self._undecodable.update(skipped)
            self._reached[segment] = ReachedVersion(resource_version)
            if self._whole_since is None and len(self._reached) == len(self.scope.segments):
                self._whole_since = self._timeline.sequence
            return changes

    def current_or(self, obj: RawObject) -> RawObject:
        """The equal version that is here already, or else `obj`: so that a relist doesn't hold everything twice."""
        here = self._current.get(obj.key)
        return here if here is not None and _is_same(here, obj) else obj

    def _advance(self, segment: str, resource_version: str) -> None:
        if segment in self._reached:
            self._reached[segment].advance(resource_version)

    def _keys_of(self, segment: str) -> list[ObjectKey]:
        return [key for key in self._current if self.scope.segment_of(key.namespace) == segment]

    def _apply(self, key: ObjectKey, after: RawObject | None) -> Change:
        before = self._current.get(key)
        sequence = self._timeline.advance()
        # Readers look at the present first and at the history after it, so the history must have it first. Views that
        # are older than the first whole list can't read at all, so filling the store keeps nothing for them.
        if self._whole_since is not None:
            self._history.record(key, before, sequence)
        if after is None:
            del self._current[key]
        else:
            self._current[key] = after
        for index in self._indexes.values():
            index.update(key, before, after)
        return Change(resource=self.resource, key=key, before=before, after=after, sequence=sequence)


@attrs.frozen
class _LabelValues:
    label: str

    def __call__(self, obj: RawObject) -> tuple[str, ...]:
        labels = obj.meta.labels
        return (labels[self.label],) if labels and self.label in labels else ()


def _namespace(obj: RawObject) -> tuple[str, ...]:
    return (obj.key.namespace,)


def _owner_uids(obj: RawObject) -> tuple[str, ...]:
    return tuple(reference.uid for reference in obj.meta.owner_references or ())


def _count(lookup: tuple[Index, str]) -> int:
    index, value = lookup
    return index.count(value)


def _by_key(obj: RawObject) -> ObjectKey:
    return obj.key


def _is_same(here: RawObject | None, there: RawObject) -> bool:
    # The bytes too: after a restore the server gives out the same resourceVersions again, for other content.
    return (
        here is not None
        and here.meta.resource_version == there.meta.resource_version
        and here.raw == there.raw
        and here.owned_fields == there.owned_fields
    )
