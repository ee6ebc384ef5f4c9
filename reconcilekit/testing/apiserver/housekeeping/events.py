"""Events don't stay: each is gone an hour after it was last written."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event

EVENTS = ("", "events")

_OTHERS = "others"
"""The item that stands for all Events from before the storage was replaced."""


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
        self._ends: dict[ObjectKey, float] = {}
        self._end_of_others = 0.0

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """An Event that was written."""
        key = key_of(event)
        if event.after is None:
            self._ends.pop(key, None)
            return ()
        is_known = key in self._ends
        self._ends[key] = self._clock.monotonic() + self._ttl
        return () if is_known else (key,)

    def look_at(self, item: Hashable) -> float | None:
        """Remove it if it's time."""
        end = self._ends.get(item) if isinstance(item, ObjectKey) else self._end_of_others
        if end is None:
            return None
        left = end - self._clock.monotonic()
        # Less than that is what is lost in adding floats.
        if left > 1e-6:
            return left
        if isinstance(item, ObjectKey):
            self._hands.expire(EVENTS, item)
        else:
            for stored in self._hands.select(EVENTS):
                if stored.key not in self._ends:
                    self._hands.expire(EVENTS, stored.key)
        return None

    def start_over(self) -> Iterable[Hashable]:
        """All Events there are, with their whole time before them; which ones that are is read when it is over."""
        self._ends = {}
        self._end_of_others = self._clock.monotonic() + self._ttl
        return (_OTHERS,) if self._hands.has_any(EVENTS) else ()
