"""All objects of one kind, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.storage.sorted_map import SortedMap
from reconcilekit.testing.apiserver.storage.versions import Event, Stored

Objects = SortedMap[ObjectKey, Stored]


def within(objects: Objects, namespace: str) -> Iterator[Stored]:
    """The objects of a namespace, of all of them where it is "", in the order of lists; others cost nothing."""
    if namespace:
        return _inside(objects, namespace)
    known = _namespaces(objects)
    ordered = sorted(known, key=_place)
    if known == ordered:
        return objects.values()
    return (stored for each in ordered for stored in _inside(objects, each))


def later_namespaces(objects: Objects, namespace: str) -> list[str]:
    """The namespaces whose objects come behind those of `namespace`, in the order of lists."""
    return sorted((each for each in _namespaces(objects) if _place(each) > _place(namespace)), key=_place)


def _place(namespace: str) -> str:
    # Objects are listed by their paths, and "a-b/x" comes before "a/x".
    return f"{namespace}/"


def _namespaces(objects: Objects) -> list[str]:
    found: list[str] = []
    key = next(iter(objects), None)
    while key is not None:
        found.append(key.namespace)
        key = objects.next_key(ObjectKey(f"{key.namespace}\0", ""))
    return found


def _inside(objects: Objects, namespace: str) -> Iterator[Stored]:
    for key, stored in objects.above(ObjectKey(namespace, ""), inclusive=True):
        if key.namespace != namespace:
            return
        yield stored


@attrs.frozen(kw_only=True)
class History:
    """How much of each kind's past is kept; what is older is answered with 410.

    Attributes:
        events: at most.
        size: bytes of the versions that have been replaced or deleted, as JSON; in memory they take two or three times
            as much. The latest event is kept whatever its size.
    """

    events: int
    size: int


class Collection:
    """One kind's objects and its bounded past.

    Args:
        history: what is kept for watches and for reads of the past.
        compacted: the revision up to which nothing is known of the past.
        token: of the storage that may write to it; see `Storage.snapshot`.

    Attributes:
        objects: by key.
        events: by revision.
    """

    __slots__ = ("_history", "_size", "compacted", "events", "objects", "token")

    def __init__(self, history: History, *, compacted: int, token: object) -> None:
        self.objects: SortedMap[ObjectKey, Stored] = SortedMap()
        self.events: SortedMap[int, Event] = SortedMap()
        self.compacted = compacted
        self.token = token
        self._history = history
        self._size = 0

    def sorted_keys(self) -> list[ObjectKey]:
        """Every key in the order of lists."""
        return [stored.key for stored in within(self.objects, "")]

    def within(self, namespace: str) -> Iterator[Stored]:
        """The objects of a namespace, of all of them where it is ""; those of others cost nothing."""
        return within(self.objects, namespace)

    def record(self, event: Event, key: ObjectKey) -> None:
        """Take a change in."""
        if event.after is None:
            self.objects.remove(key)
        else:
            self.objects.put(key, event.after)
        self.events.put(event.revision, event)
        if event.before is not None:
            self._size += _size_of(event)
        while len(self.events) > self._history.events or (self._size > self._history.size and len(self.events) > 1):
            self._forget_oldest()

    def events_after(self, revision: int) -> list[Event]:
        """What happened later than `revision`, oldest first."""
        return [event for _, event in self.events.above(revision)]

    def at(self, revision: int) -> SortedMap[ObjectKey, Stored]:
        """The objects as they stood at `revision`; the caller checks that it isn't compacted."""
        later = self.events_after(revision)
        if not later:
            return self.objects
        past = self.objects.copy()
        _undo(later, past)
        return past

    def rewind(self, revision: int) -> list[Event]:
        """Undo what happened later than `revision`; what that was, the latest first."""
        later = self.events_after(revision)
        _undo(later, self.objects)
        for event in later:
            self.events.remove(event.revision)
            self._size -= _size_of(event)
        return later[::-1]

    def compact(self, revision: int) -> None:
        """Forget the events up to `revision`."""
        self.compacted = max(self.compacted, revision)
        kept = self.events_after(revision)
        self.events = SortedMap()
        self._size = sum(map(_size_of, kept))
        for event in kept:
            self.events.put(event.revision, event)

    def frozen(self) -> Collection:
        """What it is now, whatever is written later; O(1)."""
        return self.copy(token=object())

    def copy(self, token: object) -> Collection:
        """A collection that changes on its own; O(1), for everything is shared until it changes."""
        twin: Collection = Collection.__new__(Collection)
        twin.objects, twin.events = self.objects.copy(), self.events.copy()
        twin.compacted, twin.token = self.compacted, token
        twin._history, twin._size = self._history, self._size
        return twin

    def _forget_oldest(self) -> None:
        self.compacted = next(iter(self.events))
        self._size -= _size_of(self.events.remove(self.compacted))


def _size_of(event: Event) -> int:
    """Bytes that are kept only for the past: a version that is there still is no burden of its event."""
    return 0 if event.before is None else len(event.before.encoded())


def _undo(events: list[Event], objects: SortedMap[ObjectKey, Stored]) -> None:
    for event in reversed(events):
        if event.before is None:
            objects.remove(event.key)
        else:
            objects.put(event.key, event.before)
