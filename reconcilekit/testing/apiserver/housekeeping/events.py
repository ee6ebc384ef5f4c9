"""Events don't stay: each is gone an hour after it was last written."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event

EVENTS = ("", "events")


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
        assert isinstance(item, ObjectKey)
        end = self._ends.get(item)
        if end is None:
            return None
        left = end - self._clock.monotonic()
        # Less than that is what is lost in adding floats.
        if left > 1e-6:
            return left
        self._hands.expire(EVENTS, item)
        return None

    def start_over(self) -> Iterable[Hashable]:
        """Every Event, with its whole time before it."""
        end = self._clock.monotonic() + self._ttl
        self._ends = {stored.key: end for stored in self._hands.select(EVENTS)}
        return list(self._ends)
