"""What etcd and the watch cache are to the real server: objects, one revision counter, a bounded history.

A stored object is never changed: a write puts a new one in its place, so readers, watches and snapshots share them, and
each version is encoded once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import attrs

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.changes import CompactedError
from reconcilekit.testing.apiserver.storage.collection import Collection, History
from reconcilekit.testing.apiserver.storage.versions import Event, EventType, Stored, watch_line

__all__ = [
    "FIRST_REVISION",
    "Collection",
    "Event",
    "EventType",
    "History",
    "Journal",
    "Listener",
    "Storage",
    "StorageSnapshot",
    "Stored",
    "TooLargeError",
    "watch_line",
]

MAX_OBJECT = 1536 * 1024
"""Bytes that etcd takes for one object."""

FIRST_REVISION = 300
"""A fresh server's counter: a real one has made its own objects by then, and "1" must be an old version."""

_UID_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC834
"""The golden ratio's bits: what a revision contributes to a uid, so that a repeated draw makes another one."""


class TooLargeError(status.StatusError):
    """500 of an object that etcd doesn't take."""

    def __init__(self) -> None:
        super().__init__(500, "etcdserver: request is too large")


Listener = Callable[[tuple[str, str], Event], None]


class Journal(Protocol):
    """Keeps changes beyond the process."""

    def append(self, event: Event) -> None:
        """Keep a change; raises where it can't, and then the change isn't made."""

    def rebase(self, snapshot: StorageSnapshot) -> None:
        """Keep this state in place of all that was kept so far; raises where it can't, and then all stays as it is."""


@attrs.frozen(kw_only=True)
class StorageSnapshot:
    """Everything at one revision; nobody writes to it."""

    revision: int
    compacted: int
    collections: dict[tuple[str, str], Collection]


class Storage:
    """The one source of revisions, uids and timestamps.

    Args:
        clock: for timestamps and, from its random source, uids.
        history: kept of each kind.
        listener: told of each change, in order, after it is done.

    Attributes:
        revision: the latest one.
        journal: keeps each change before it is made; None keeps nothing.
    """

    def __init__(self, *, clock: Clock, history: History, listener: Listener) -> None:
        self._clock = clock
        self._history = history
        self._listener = listener
        self._compacted = FIRST_REVISION
        self._second = ""
        self._second_begins = self._second_ends = datetime.min.replace(tzinfo=UTC)
        # Snapshots share these; whoever changes one with another token, or the dict unless it's owned, copies it first.
        self._collections: dict[tuple[str, str], Collection] = {}
        self._owns_collections = True
        self._token = object()
        self.revision = FIRST_REVISION
        self.journal: Journal | None = None

    def collection(self, served: ResourceType) -> Collection:
        """The objects of a kind, to be read until the next write."""
        return self._collections.get(served.storage_key) or self._own(served.storage_key)

    def timestamp(self) -> str:
        """Now, as metadata has it: whole seconds, UTC."""
        now = self._clock.now()
        if not self._second_begins <= now < self._second_ends:
            self._second_begins = now.replace(microsecond=0)
            self._second_ends = self._second_begins + timedelta(seconds=1)
            self._second = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._second

    def new_uid(self) -> str:
        """A version 4 UUID out of the clock's random source and the revision.

        The revision is in it because a fork, or a server that is started again on its folder, may be handed a random
        source that begins anew.
        """
        drawn = self._clock.random.getrandbits(128) ^ (self.revision * _UID_STEP)
        bits = (drawn & ((1 << 128) - 1) & ~(0xF000 << 64) & ~(0xC000 << 48)) | (0x4000 << 64) | (0x8000 << 48)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def new_suffix(self) -> str:
        """What generateName appends."""
        return "".join(self._clock.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def put(self, served: ResourceType, key: ObjectKey, content: dict[str, Any], *, is_as_read: bool = True) -> Stored:
        """Store a new version; `content` and its metadata become the store's and are stamped with the revision.

        Raises:
            TooLargeError: nothing is stored then.
        """
        before = self.collection(served).objects.get(key)
        revision = self.revision + 1
        content["metadata"]["resourceVersion"] = str(revision)
        after = Stored(key, revision, content, is_as_read=is_as_read)
        # Nothing is lost by this: the answer, the watches and the journal take what is encoded here.
        if len(after.encoded()) > MAX_OBJECT:
            raise TooLargeError
        kind: EventType = "ADDED" if before is None else "MODIFIED"
        self._commit(Event(kind, revision, before, after, served=served))
        return after

    def remove(self, served: ResourceType, key: ObjectKey) -> None:
        """Remove an object."""
        before = self.collection(served).objects[key]
        self._commit(Event("DELETED", self.revision + 1, before, None, served=served))

    def reread(self, served: ResourceType, read: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Have a kind's objects be what is read of them now that their definition is another: no write at all."""
        objects = self._own(served.storage_key).objects
        for key, stored in list(objects.items()):
            again = stored.read_anew(read)
            if again is not stored:
                objects.put(key, again)

    def drop(self, served: ResourceType) -> None:
        """Remove every object of a kind that is served no more."""
        for key in self.collection(served).sorted_keys():
            self.remove(served, key)

    def compact(self, revision: int | None = None) -> None:
        """Forget every event up to `revision`, by default all of them."""
        self._compacted = max(self._compacted, self.revision if revision is None else revision)
        for key in list(self._collections):
            self._own(key).compact(self._compacted)

    def snapshot(self) -> StorageSnapshot:
        """What `restore` takes back; O(1), and the first write to a kind after it copies a small part of that kind."""
        self._token = object()
        self._owns_collections = False
        return StorageSnapshot(revision=self.revision, compacted=self._compacted, collections=self._collections)

    def restore(self, snapshot: StorageSnapshot) -> None:
        """Go to a snapshot, its lower revision included; no event tells of it. O(1) without a journal."""
        if self.journal is not None:
            self.journal.rebase(snapshot)
        self._become(snapshot)

    def load(self, revision: int, objects: Iterable[tuple[tuple[str, str], Stored]]) -> None:
        """Begin with these objects, by group and plural; nothing is known of what came before `revision`."""
        self._collections, self._owns_collections = {}, True
        self._compacted = self.revision = revision
        for kind, stored in objects:
            self._own(kind).objects.put(stored.key, stored)

    def replay(self, event: Event) -> None:
        """Make a change that was made before, in another process; nobody is told."""
        self.revision = event.revision
        self._own(event.served.storage_key).record(event, event.key)

    def changes(self, after: int | None = None) -> list[Event]:
        """What happened later than `after`, by default all that is known, oldest first.

        Raises:
            CompactedError: not all of it is known any more.
            ValueError: it lies in the future.
        """
        if after is not None:
            self._check_known(after)
        logs = [collection.events_after(after or 0) for collection in self._collections.values()]
        return list(heapq.merge(*logs, key=lambda event: event.revision))

    def rewind(self, revision: int) -> list[Event]:
        """Undo what happened later than `revision`; what that was, the latest first. Costs what it undoes.

        Raises:
            CompactedError: not all of it is known any more.
            ValueError: it lies in the future.
        """
        self._check_known(revision)
        if self.journal is None:
            return self._undo(revision)
        before = self.snapshot()
        undone = self._undo(revision)
        try:
            self.journal.rebase(self.snapshot())
        except BaseException:
            self._become(before)
            raise
        return undone

    def _undo(self, revision: int) -> list[Event]:
        undone: list[Event] = []
        for key, collection in list(self._collections.items()):
            latest = collection.events.last()
            if latest is not None and latest.revision > revision:
                undone += self._own(key).rewind(revision)
        self.revision = revision
        return sorted(undone, key=lambda event: -event.revision)

    def _become(self, snapshot: StorageSnapshot) -> None:
        self._token = object()
        self._owns_collections = False
        self._collections = snapshot.collections
        self._compacted = snapshot.compacted
        self.revision = snapshot.revision

    def _check_known(self, revision: int) -> None:
        if revision > self.revision:
            raise ValueError(f"revision {revision} is in the future: the latest is {self.revision}")
        oldest = max((collection.compacted for collection in self._collections.values()), default=self._compacted)
        if revision < oldest:
            raise CompactedError(revision, oldest)

    def _commit(self, event: Event) -> None:
        if self.journal is not None:
            self.journal.append(event)
        self.revision = event.revision
        key = event.served.storage_key
        self._own(key).record(event, event.key)
        self._listener(key, event)

    def _own(self, key: tuple[str, str]) -> Collection:
        """The collection, copied first if a snapshot reads it, too."""
        found = self._collections.get(key)
        if found is not None and found.token is self._token:
            return found
        if not self._owns_collections:
            self._collections = dict(self._collections)
            self._owns_collections = True
        if found is None:
            found = Collection(self._history, compacted=self._compacted, token=self._token)
        else:
            found = found.copy(self._token)
        self._collections[key] = found
        return found
