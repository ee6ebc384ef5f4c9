"""Read your writes: a key isn't reconciled on a view that is older than what its last run wrote.

Each write is remembered until the cache has seen its resourceVersion, or a later one (they compare as integers within
one kind: KEP-5504). A delete's answer has no resourceVersion, so a delete waits for its uid to be gone or terminating.
Where it isn't known what a write did, the object is first read live and that answer is what to wait for.

It is also what makes Python fast here: the peers write up to 1.8 times as often, since the event of a child wakes its
key while the cache still holds the old primary.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

import attrs

from reconcilekit.cache.store import Change
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource

Target = tuple[Resource, ObjectKey]
"""One object of a kind."""


class Progress(Protocol):
    """How far the cache has come, as this module asks for it."""

    def has_seen(self, resource: Resource, key: ObjectKey, resource_version: str) -> bool:
        """True where the watch that covers this object has reached that version."""

    def current(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        """The newest version in the cache."""


@attrs.frozen(order=False)
class _Wait:
    key: ObjectKey
    target: Target
    resource_version: str
    gone_uid: str = ""
    until_removed: bool = False
    is_quiet: bool = False


class OwnWrites:
    """What the keys of one controller wrote and the cache has yet to see.

    Args:
        progress: the cache.
        on_caught_up: called with a parked key as soon as nothing that it wrote is unseen.
    """

    def __init__(self, *, progress: Progress, on_caught_up: Callable[[ObjectKey], None]) -> None:
        self._progress = progress
        self._on_caught_up = on_caught_up
        self._by_key: dict[ObjectKey, set[_Wait]] = {}
        self._by_version: dict[tuple[Resource, str], list[tuple[int, int, _Wait]]] = {}
        self._opaque: dict[Resource, list[_Wait]] = {}
        self._by_target: dict[Target, set[_Wait]] = {}
        self._echoes: dict[tuple[Target, str], ObjectKey] = {}
        self._uncertain: dict[ObjectKey, set[Target]] = {}
        self._parked: set[ObjectKey] = set()
        self._order = count()

    def wrote(
        self, key: ObjectKey, resource: Resource, object_key: ObjectKey, resource_version: str, *, is_quiet: bool
    ) -> None:
        """`key` wrote this object and was answered this version.

        Args:
            key: whose run wrote.
            resource: what was written.
            object_key: what was written.
            resource_version: of the answer.
            is_quiet: the echo tells `key` nothing, since its run didn't read the object but only wrote it.
        """
        if self.await_version(key, resource, object_key, resource_version) and is_quiet:
            self._echoes[(resource, object_key), resource_version] = key

    def await_version(self, key: ObjectKey, resource: Resource, object_key: ObjectKey, resource_version: str) -> bool:
        """`key` must not run before the cache has seen this version of this object; False where it already has."""
        is_unseen = not self._progress.has_seen(resource, object_key, resource_version)
        if is_unseen:
            wait = _Wait(key, (resource, object_key), resource_version)
            self._by_key.setdefault(key, set()).add(wait)
            self._enter(wait)
        return is_unseen

    def await_gone(
        self,
        key: ObjectKey,
        resource: Resource,
        object_key: ObjectKey,
        uid: str,
        *,
        until_removed: bool = False,
        is_quiet: bool = False,
    ) -> None:
        """`key` must not run before this object is gone from the cache, terminating, or another one of that name.

        Args:
            key: whose run deleted it.
            resource: what was deleted.
            object_key: what was deleted.
            uid: of what was deleted.
            until_removed: it's known to be gone for good, so that terminating isn't enough.
            is_quiet: the echo tells `key` nothing, since its run didn't read the object but only deleted it.
        """
        wait = _Wait(key, (resource, object_key), "", uid, until_removed, is_quiet)
        if not self._is_seen(wait):
            self._by_key.setdefault(key, set()).add(wait)
            self._by_target.setdefault(wait.target, set()).add(wait)

    def doubt(self, key: ObjectKey, resource: Resource, object_key: ObjectKey) -> None:
        """It isn't known what the server has for this object: it must be read live before `key` runs again."""
        self._uncertain.setdefault(key, set()).add((resource, object_key))

    def doubts(self, key: ObjectKey) -> list[Target]:
        """The objects to read live before `key` runs."""
        return sorted(self._uncertain.get(key, ()), key=lambda target: (str(target[0]), target[1]))

    def resolve(self, key: ObjectKey, resource: Resource, object_key: ObjectKey) -> None:
        """This object was read live, and what `key` has to wait for on its account is entered."""
        doubts = self._uncertain.get(key)
        if doubts is not None:
            doubts.discard((resource, object_key))
            if not doubts:
                del self._uncertain[key]

    def has_doubts(self, key: ObjectKey) -> bool:
        """True where something must be read live before `key` runs."""
        return key in self._uncertain

    def unseen(self, key: ObjectKey) -> list[Target]:
        """What `key` wrote and the cache has yet to see."""
        return sorted(
            {wait.target for wait in self._by_key.get(key, ())}, key=lambda target: (str(target[0]), target[1])
        )

    def is_behind(self, key: ObjectKey) -> bool:
        """True where the cache has yet to see something that `key` wrote."""
        return key in self._by_key

    def park(self, key: ObjectKey) -> None:
        """Call `on_caught_up(key)` once it's no longer behind."""
        self._parked.add(key)

    def is_echo(self, change: Change, key: ObjectKey) -> bool:
        """True where the change is what `key` itself wrote, and nothing else."""
        target, after = (change.resource, change.key), change.after
        if after is not None and self._echoes.get((target, after.meta.resource_version)) == key:
            return True
        return any(
            wait.is_quiet and wait.key == key and is_deletion(change, wait.gone_uid)
            for wait in self._by_target.get(target, ())
        )

    def changed(self, change: Change) -> None:
        """The cache applied a change."""
        for wait in [wait for wait in self._by_target.get((change.resource, change.key), ()) if self._is_seen(wait)]:
            self._settle(wait)

    def progressed(self, resource: Resource) -> None:
        """A watch of this kind has come further; called after the `changed` of what it saw."""
        for place in [place for place in self._by_version if place[0] == resource]:
            heap = self._by_version[place]
            while heap and (self._is_dropped(heap[0][2]) or self._is_seen(heap[0][2])):
                self._settle(heapq.heappop(heap)[2])
            if not heap:
                del self._by_version[place]
        for wait in self._opaque.pop(resource, ()):
            if self._is_seen(wait):
                self._settle(wait)
            elif not self._is_dropped(wait):
                self._opaque.setdefault(resource, []).append(wait)

    def forget(self, key: ObjectKey) -> None:
        """`key` waits for nothing any more, isn't called when caught up, and has no doubts: say them after this."""
        for wait in list(self._by_key.get(key, ())):
            self._drop(wait)
        self._uncertain.pop(key, None)
        self._parked.discard(key)

    def __len__(self) -> int:
        return sum(len(waits) for waits in self._by_key.values())

    def __repr__(self) -> str:
        return f"<OwnWrites unseen={len(self)} uncertain={len(self._uncertain)} parked={len(self._parked)}>"

    def _enter(self, wait: _Wait) -> None:
        resource, object_key = wait.target
        version = wait.resource_version
        if version.isdecimal():
            heap = self._by_version.setdefault((resource, object_key.namespace), [])
            heapq.heappush(heap, (int(version), next(self._order), wait))
        else:
            # Some aggregated APIs' versions don't compare, so each is asked for by itself.
            self._opaque.setdefault(resource, []).append(wait)

    def _is_dropped(self, wait: _Wait) -> bool:
        return wait not in self._by_key.get(wait.key, ())

    def _is_seen(self, wait: _Wait) -> bool:
        resource, object_key = wait.target
        if wait.gone_uid:
            current = self._progress.current(resource, object_key)
            if current is None or current.meta.uid != wait.gone_uid:
                return True
            return current.meta.deletion_timestamp is not None and not wait.until_removed
        return self._progress.has_seen(resource, object_key, wait.resource_version)

    def _settle(self, wait: _Wait) -> None:
        self._drop(wait)
        if wait.key in self._parked and wait.key not in self._by_key:
            self._parked.discard(wait.key)
            self._on_caught_up(wait.key)

    def _drop(self, wait: _Wait) -> None:
        waits = self._by_key.get(wait.key)
        if waits is not None:
            waits.discard(wait)
            if not waits:
                del self._by_key[wait.key]
        if self._echoes.get((wait.target, wait.resource_version)) == wait.key:
            del self._echoes[wait.target, wait.resource_version]
        others = self._by_target.get(wait.target)
        if others is not None:
            others.discard(wait)
            if not others:
                del self._by_target[wait.target]


def is_deletion(change: Change, uid: str) -> bool:
    """True where this object went from alive to gone or terminating, and nothing else took its name."""
    before, after = change.before, change.after
    if before is None or before.meta.uid != uid or before.meta.deletion_timestamp is not None:
        return False
    return after is None or (after.meta.uid == uid and after.meta.deletion_timestamp is not None)
