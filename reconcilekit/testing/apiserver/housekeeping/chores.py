"""What a controller is to the housekeeper, and the queue that says what is to be looked at when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterable
from typing import Protocol

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

StorageKey = tuple[str, str]
"""Group and plural."""


class Chore(Protocol):
    """One controller: level-triggered, synchronous, and idle where nothing has changed."""

    @property
    def kinds(self) -> frozenset[StorageKey] | None:
        """The kinds whose changes it wants to hear of, None for all."""

    @property
    def delay(self) -> float:
        """Seconds between a change and a look at what it concerns."""

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """What has to be looked at because of a change; writes nothing."""

    def look_at(self, item: Hashable) -> float | None:
        """Do what has to be done about it; seconds until the next look, None for no more."""

    def start_over(self) -> Iterable[Hashable]:
        """Forget everything, for the past has changed; what has to be looked at now."""


@attrs.frozen(kw_only=True, order=False)
class Due:
    """Something to be looked at."""

    chore: Chore
    item: Hashable


class Agenda:
    """What is due when; an item that is there already keeps its earlier time.

    Attributes:
        times: of all that is planned; read only.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Due]] = []
        self.times: dict[Due, float] = {}
        self._order = itertools.count()

    def add(self, due: Due, at: float) -> None:
        """Look at it at `at`, or earlier if that was the plan."""
        known = self.times.get(due)
        if known is None or at < known:
            self.times[due] = at
            heapq.heappush(self._heap, (at, next(self._order), due))

    def pop(self, now: float) -> tuple[float, Due] | None:
        """What is to be looked at first, and since when; None where nothing is due at `now`."""
        while self._heap and self._heap[0][0] <= now:
            at, _, due = heapq.heappop(self._heap)
            if self.times.get(due) == at:
                del self.times[due]
                return at, due
        return None

    def next_time(self) -> float | None:
        """When the next thing is due."""
        while self._heap and self.times.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget all plans."""
        self._heap.clear()
        self.times.clear()

    def __len__(self) -> int:
        return len(self.times)


def version_of(event: Event) -> Stored:
    """The object that a change is about: as it is now, or as it was last."""
    found = event.after or event.before
    assert found is not None
    return found


def key_of(event: Event) -> ObjectKey:
    """The object's key."""
    return version_of(event).key
