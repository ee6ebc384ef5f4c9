"""All objects of one kind, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterator

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.storage.sorted_map import SortedMap
from reconcilekit.testing.apiserver.storage.versions import Event, Stored


class Collection:
    """One kind's objects and its bounded past.

    Args:
        history: events kept for watches and for reads of the past; older ones are answered with 410.
        compacted: the revision up to which nothing is known of the past.
        token: of the storage that may write to it; see `Storage.snapshot`.

    Attributes:
        objects: by key, in the order of lists.
        events: by revision.
    """

    __slots__ = ("_history", "compacted", "events", "objects", "token")

    def __init__(self, history: int, *, compacted: int, token: object) -> None:
        self.objects: SortedMap[ObjectKey, Stored] = SortedMap()
        self.events: SortedMap[int, Event] = SortedMap()
        self.compacted = compacted
        self.token = token
        self._history = history

    def sorted_keys(self) -> list[ObjectKey]:
        """Every key in the order of lists."""
        return self.objects.keys()

    def within(self, namespace: str) -> Iterator[Stored]:
        """The objects of a namespace, of all of them where it is ""; those of others cost nothing."""
        if not namespace:
            yield from self.objects.values()
            return
        for key, stored in self.objects.above(ObjectKey(namespace, ""), inclusive=True):
            if key.namespace != namespace:
                return
            yield stored

    def record(self, event: Event, key: ObjectKey) -> None:
        """Take a change in."""
        if event.after is None:
            self.objects.remove(key)
        else:
            self.objects.put(key, event.after)
        self.events.put(event.revision, event)
        if len(self.events) > self._history:
            oldest = next(iter(self.events))
            self.events.remove(oldest)
            self.compacted = oldest

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
        return later[::-1]

    def compact(self, revision: int) -> None:
        """Forget the events up to `revision`."""
        self.compacted = max(self.compacted, revision)
        kept = self.events_after(revision)
        self.events = SortedMap()
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
        twin._history = self._history
        return twin


def _undo(events: list[Event], objects: SortedMap[ObjectKey, Stored]) -> None:
    for event in reversed(events):
        if event.before is None:
            objects.remove(event.key)
        else:
            objects.put(event.key, event.before)
