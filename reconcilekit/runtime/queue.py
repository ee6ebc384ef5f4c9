"""The keyed queue of one controller: each key at most once, never twice at a time, the oldest and most urgent first.

It only decides; it starts nothing and awaits nothing. The controller calls `take` whenever it has room, and is told by
`on_ready` when a delay has elapsed.

Priority ages: a waiting key gains one level of priority each `AGING_SECONDS`. Since all keys age alike, the order of
two keys never changes while they wait, so a plain heap does; and the wait behind later, more urgent keys is bounded by
the difference of their priorities times `AGING_SECONDS` (controller-runtime's queue has no such bound: issue 3496).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import attrs

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey

AGING_SECONDS = 1.0
"""Seconds of waiting that weigh as much as one level of priority."""

INITIAL_PRIORITY = -30
"""Keys of the first list: changes that come meanwhile overtake them, for `AGING_SECONDS` * 30 at the most."""

MAX_REASONS = 8
"""Reasons kept per waiting key: they are for people, and a key that ten thousand events wake needs no more."""


@attrs.frozen
class Taken:
    """A key handed out for a run, and why."""

    key: ObjectKey
    reasons: tuple[str, ...]
    waited: float
    """Seconds between the first reason and now."""


@attrs.define
class _Waiting:
    place: tuple[float, int, ObjectKey]
    """Its rank, then first come, first served; the only entry of the heap that counts for its key."""
    since: float
    reasons: list[str]


@attrs.frozen
class QueueStatistics:
    """Counts at one moment."""

    ready: int
    delayed: int
    running: int


class KeyedQueue:
    """Keys that are ready, delayed or running.

    Args:
        clock: for delays and ages.
        on_ready: called, with nothing held, each time a key may have become takeable by itself (its delay elapsed).
    """

    def __init__(self, *, clock: Clock, on_ready: Callable[[], None]) -> None:
        self._clock = clock
        self._on_ready = on_ready
        self._waiting: dict[ObjectKey, _Waiting] = {}
        self._heap: list[tuple[float, int, ObjectKey]] = []
        self._running: set[ObjectKey] = set()
        self._delayed: dict[ObjectKey, tuple[float, tuple[str, ...]]] = {}
        self._delays: list[tuple[float, int, ObjectKey]] = []
        self._order = count()
        self._alarm: _Alarm | None = None

    def add(self, key: ObjectKey, reason: str, *, priority: int = 0) -> None:
        """Make the key ready; if it's running, it is handed out again after `done`."""
        now = self._clock.monotonic()
        rank = now - priority * AGING_SECONDS
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = waiting = _Waiting((rank, next(self._order), key), now, [])
            self._push(waiting)
        elif rank < waiting.place[0]:
            waiting.place = (rank, next(self._order), key)
            self._push(waiting)
        if len(waiting.reasons) < MAX_REASONS and reason not in waiting.reasons:
            waiting.reasons.append(reason)

    def add_after(self, key: ObjectKey, delay: float, reason: str, *more: str) -> None:
        """Make the key ready after `delay` seconds; replaces a delay the key already has."""
        due = self._clock.monotonic() + delay
        self._delayed[key] = (due, (reason, *more))
        heapq.heappush(self._delays, (due, next(self._order), key))
        self._compact_delays()
        self._set_alarm()

    def cancel_delay(self, key: ObjectKey) -> None:
        """Forget the key's delay, if it has one."""
        self._delayed.pop(key, None)

    def take(self) -> Taken | None:
        """The next ready key, now running; None where there is none."""
        self._release_due()
        while self._heap:
            place = heapq.heappop(self._heap)
            key = place[2]
            waiting = self._waiting.get(key)
            if waiting is None or waiting.place is not place:
                continue
            del self._waiting[key]
            self._running.add(key)
            return Taken(key, tuple(waiting.reasons), self._clock.monotonic() - waiting.since)
        return None

    def done(self, key: ObjectKey) -> None:
        """The key's run has ended; if it was added meanwhile, it's ready again."""
        self._running.remove(key)
        waiting = self._waiting.get(key)
        if waiting is not None:
            self._push(waiting)

    def clear(self) -> None:
        """Forget all that wait: a stopping controller takes nothing more."""
        self._waiting.clear()
        self._heap.clear()
        self._delayed.clear()
        self._delays.clear()
        self._cancel_alarm()

    def statistics(self) -> QueueStatistics:
        """Counts at this moment."""
        return QueueStatistics(ready=len(self._waiting), delayed=len(self._delayed), running=len(self._running))

    def __repr__(self) -> str:
        counts = self.statistics()
        return f"<KeyedQueue ready={counts.ready} delayed={counts.delayed} running={counts.running}>"

    def _push(self, waiting: _Waiting) -> None:
        # A running key is pushed by done(): take() must not see it before.
        if waiting.place[2] not in self._running:
            heapq.heappush(self._heap, waiting.place)

    def _release_due(self) -> None:
        now = self._clock.monotonic()
        while self._delays and self._delays[0][0] <= now:
            due, _, key = heapq.heappop(self._delays)
            delayed = self._delayed.get(key)
            if delayed is not None and delayed[0] == due:
                del self._delayed[key]
                for reason in delayed[1]:
                    self.add(key, reason)

    def _set_alarm(self) -> None:
        while self._delays and not self._is_current(self._delays[0]):
            heapq.heappop(self._delays)
        if not self._delays:
            return self._cancel_alarm()
        due = self._delays[0][0]
        if self._alarm is not None and self._alarm.due <= due:
            return None
        self._cancel_alarm()
        handle = self._clock.call_later(max(0.0, due - self._clock.monotonic()), self._ring)
        self._alarm = _Alarm(due, handle.cancel)
        return None

    def _compact_delays(self) -> None:
        # A key that is woken each minute and always asks for ten hours would leave an entry behind each minute.
        if len(self._delays) > 2 * len(self._delayed) + 64:
            self._delays = [entry for entry in self._delays if self._is_current(entry)]
            heapq.heapify(self._delays)

    def _is_current(self, entry: tuple[float, int, ObjectKey]) -> bool:
        delayed = self._delayed.get(entry[2])
        return delayed is not None and delayed[0] == entry[0]

    def _ring(self) -> None:
        self._alarm = None
        self._release_due()
        self._set_alarm()
        self._on_ready()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


@attrs.frozen
class _Alarm:
    due: float
    cancel: Callable[[], None]
