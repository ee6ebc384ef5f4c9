"""What etcd and the watch cache are to the real server: objects, one revision counter, a bounded history.

A stored object is never changed: a write puts a new one in its place, so readers, watches and snapshots share them, and
each version is encoded once.
"""

from __future__ import annotations

import bisect
import collections
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs
import msgspec

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

EventType = Literal["ADDED", "MODIFIED", "DELETED"]

FIRST_REVISION = 300
"""A fresh server's counter: a real one has made its own objects by then, and "1" must be an old version."""


class Stored:
    """One version of one object, without kind and apiVersion: those depend on the version it is served in."""

    __slots__ = ("_encoded", "content", "key", "revision")

    def __init__(self, key: ObjectKey, revision: int, content: dict[str, Any]) -> None:
        self.key = key
        self.revision = revision
        self.content = content
        self._encoded: bytes | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """Its metadata; read only."""
        metadata: dict[str, Any] = self.content["metadata"]
        return metadata

    @property
    def uid(self) -> str:
        """Its uid."""
        uid: str = self.content["metadata"]["uid"]
        return uid

    def encoded(self) -> bytes:
        """The JSON without kind and apiVersion, as lists of built-in kinds have it."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.content)
        return self._encoded

    def body(self, served: ResourceType) -> bytes:
        """The JSON as an answer has it."""
        return served.prefix + self.encoded()[1:]

    def full(self, served: ResourceType) -> dict[str, Any]:
        """The whole object; its inner values are shared with the store, so change nothing in place."""
        return {"kind": served.kind, "apiVersion": served.api_version, **self.content}


class Event:
    """One change of one object."""

    __slots__ = ("_lines", "after", "before", "revision", "type")

    def __init__(self, kind: EventType, revision: int, before: Stored | None, after: Stored | None) -> None:
        self.type = kind
        self.revision = revision
        self.before = before
        self.after = after
        self._lines: dict[tuple[str, bytes], bytes] = {}

    def line(self, kind: EventType, served: ResourceType) -> bytes:
        """The watch line that tells it as `kind`, encoded once for all watches."""
        cached = self._lines.get((kind, served.prefix))
        if cached is None:
            stored = self._last_version() if kind == "DELETED" else self.after
            assert stored is not None
            cached = watch_line(kind, stored.body(served))
            self._lines[kind, served.prefix] = cached
        return cached

    def _last_version(self) -> Stored:
        # A deletion, and a leaving of the selection, shows the object as it was, under the version of the change.
        assert self.before is not None
        metadata = {**self.before.meta, "resourceVersion": str(self.revision)}
        return Stored(self.before.key, self.revision, {**self.before.content, "metadata": metadata})


def watch_line(kind: str, body: bytes) -> bytes:
    """One line of a watch."""
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)


class Collection:
    """All objects of one kind, and what happened to them.

    Args:
        history: events kept for watches and for reads of the past; older ones are answered with 410.
        compacted: the revision up to which nothing is known of the past.
    """

    def __init__(self, history: int, *, compacted: int) -> None:
        self.objects: dict[ObjectKey, Stored] = {}
        self.events: collections.deque[Event] = collections.deque()
        self.compacted = compacted
        self._history = history
        self._sorted: list[ObjectKey] | None = None

    def sorted_keys(self) -> list[ObjectKey]:
        """Every key in the order of lists; valid until the next write."""
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted

    def record(self, event: Event, key: ObjectKey) -> None:
        """Take a change in."""
        if event.after is None:
            del self.objects[key]
            self._sorted = None
        else:
            if key not in self.objects:
                self._sorted = None
            self.objects[key] = event.after
        self.events.append(event)
        if len(self.events) > self._history:
            self.compacted = self.events.popleft().revision

    def events_after(self, revision: int) -> list[Event]:
        """What happened later than `revision`, oldest first."""
        if not self.events or self.events[-1].revision <= revision:
            return []
        start = bisect.bisect_right(self.events, revision, key=lambda event: event.revision)
        return [self.events[i] for i in range(start, len(self.events))]

    def at(self, revision: int) -> Mapping[ObjectKey, Stored]:
        """The objects as they stood at `revision`; the caller checks that it isn't compacted."""
        later = self.events_after(revision)
        if not later:
            return self.objects
        past = dict(self.objects)
        for event in reversed(later):
            stored = event.before or event.after
            assert stored is not None
            if event.before is None:
                past.pop(stored.key, None)
            else:
                past[stored.key] = event.before
        return past

    def compact(self, revision: int) -> None:
        """Forget the events up to `revision`."""
        self.compacted = max(self.compacted, revision)
        while self.events and self.events[0].revision <= revision:
            self.events.popleft()

    def copy(self) -> Collection:
        """A collection that changes on its own; the objects are shared."""
        twin = Collection(self._history, compacted=self.compacted)
        twin.objects = dict(self.objects)
        twin.events = self.events.copy()
        return twin


Listener = Callable[[tuple[str, str], Event], None]


@attrs.frozen(kw_only=True)
class StorageSnapshot:
    """Everything at one revision."""

    revision: int
    collections: Mapping[tuple[str, str], Collection]


class Storage:
    """The one source of revisions, uids and timestamps.

    Args:
        clock: for timestamps and, from its random source, uids.
        history: events kept per kind.
        listener: told of each change, in order, after it is done.
    """

    def __init__(self, *, clock: Clock, history: int, listener: Listener) -> None:
        self._clock = clock
        self._history = history
        self._listener = listener
        self._collections: dict[tuple[str, str], Collection] = {}
        self._compacted = FIRST_REVISION
        self.revision = FIRST_REVISION

    def collection(self, served: ResourceType) -> Collection:
        """The objects of a kind."""
        found = self._collections.get(served.storage_key)
        if found is None:
            found = self._collections[served.storage_key] = Collection(self._history, compacted=self._compacted)
        return found

    def timestamp(self) -> str:
        """Now, as metadata has it: whole seconds, UTC."""
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_uid(self) -> str:
        """A version 4 UUID out of the clock's random source."""
        bits = (
            (self._clock.random.getrandbits(128) & ~(0xF000 << 64) & ~(0xC000 << 48)) | (0x4000 << 64) | (0x8000 << 48)
        )
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def new_suffix(self) -> str:
        """What generateName appends."""
        return "".join(self._clock.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def put(self, served: ResourceType, key: ObjectKey, content: dict[str, Any]) -> Stored:
        """Store a new version; `content` and its metadata become the store's and are stamped with the revision."""
        collection = self.collection(served)
        before = collection.objects.get(key)
        self.revision += 1
        content["metadata"]["resourceVersion"] = str(self.revision)
        after = Stored(key, self.revision, content)
        event = Event("ADDED" if before is None else "MODIFIED", self.revision, before, after)
        collection.record(event, key)
        self._listener(served.storage_key, event)
        return after

    def remove(self, served: ResourceType, key: ObjectKey, *, last: Stored | None = None) -> None:
        """Remove an object; `last` is the version its deletion shows, where that was never stored itself."""
        collection = self.collection(served)
        before = last or collection.objects[key]
        self.revision += 1
        event = Event("DELETED", self.revision, before, None)
        collection.record(event, key)
        self._listener(served.storage_key, event)

    def drop(self, served: ResourceType) -> None:
        """Remove every object of a kind that is served no more."""
        for key in list(self.collection(served).objects):
            self.remove(served, key)

    def compact(self, revision: int | None = None) -> None:
        """Forget every event up to `revision`, by default all of them."""
        self._compacted = max(self._compacted, self.revision if revision is None else revision)
        for collection in self._collections.values():
            collection.compact(self._compacted)

    def snapshot(self) -> StorageSnapshot:
        """What `restore` takes back."""
        copies = {key: collection.copy() for key, collection in self._collections.items()}
        return StorageSnapshot(revision=self.revision, collections=copies)

    def restore(self, snapshot: StorageSnapshot) -> None:
        """Go back to a snapshot, its lower revision included; no event tells of it."""
        self.revision = snapshot.revision
        self._compacted = min(self._compacted, snapshot.revision)
        self._collections = {key: collection.copy() for key, collection in snapshot.collections.items()}
