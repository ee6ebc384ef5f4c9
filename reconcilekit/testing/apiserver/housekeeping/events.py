"""Events don't stay: each is gone an hour after it was last written."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import EVENTS, Hands
from reconcilekit.testing.apiserver.storage.storage import Event

_ALL = "all"
"""The one item to be looked at: every Event lives equally long, so the one that was written first ends first."""

_MOMENT = 1e-6
"""Seconds that adding up floats may lose."""


class EventExpiry:
    """Removes Events when their time is over; every write gives them the whole of it again.

    Args:
        hands: its reads and writes.
        clock: tells the time.
        ttl: seconds.
    """

    delay = 0.0
    kinds: frozenset[StorageKey] | None = frozenset({EVENTS})

    def __init__(self, hands: Hands, clock: Clock, *, ttl: float) -> None:
        self._hands = hands
        self._clock = clock
        self._ttl = ttl
        # By key, the earliest first; and the end of those that have not been written since the storage was replaced.
        self._ends: dict[ObjectKey, float] = {}
        self._end_of_others: float | None = None
        self._is_planned = False

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """An Event that was written."""
        key = key_of(event)
        self._ends.pop(key, None)
        if event.after is None:
            return ()
        self._ends[key] = self._clock.monotonic() + self._ttl
        return self._plan()

    def look_at(self, item: Hashable) -> float | None:
        """Remove those whose time is over."""
        now = self._clock.monotonic() + _MOMENT
        for key in list(itertools.takewhile(lambda key: self._ends[key] <= now, self._ends)):
            self._hands.expire(EVENTS, key)
            self._ends.pop(key, None)
        if self._end_of_others is not None and self._end_of_others <= now:
            for stored in self._hands.select(EVENTS):
                if stored.key not in self._ends:
                    self._hands.expire(EVENTS, stored.key)
            self._end_of_others = None
        following = [*itertools.islice(self._ends.values(), 1)]
        if self._end_of_others is not None:
            following.append(self._end_of_others)
        self._is_planned = bool(following)
        return min(following) - self._clock.monotonic() if following else None

    def start_over(self) -> Iterable[Hashable]:
        """All Events there are, with their whole time before them; which ones that are is read when it is over."""
        self._ends = {}
        self._end_of_others = None
        self._is_planned = False
        if not self._hands.has_any(EVENTS):
            return ()
        self._end_of_others = self._clock.monotonic() + self._ttl
        return self._plan()

    def _plan(self) -> Iterable[Hashable]:
        if self._is_planned:
            return ()
        self._is_planned = True
        return (_ALL,)
