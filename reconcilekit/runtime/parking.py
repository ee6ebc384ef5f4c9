"""Keys that wait until the cache has seen what they wrote, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.queue import MAX_REASONS

LAG_BOUND = 30.0
"""Seconds that a key waits for the echo of its own write before that object is read live."""


@attrs.frozen
class _Parked:
    reasons: tuple[str, ...]
    alarm: asyncio.TimerHandle


class Parking:
    """Holds keys with their reasons to run.

    Args:
        clock: for the bound.
        on_lag: called with a key that has waited for `LAG_BOUND`; it is still parked then.
    """

    def __init__(self, *, clock: Clock, on_lag: Callable[[ObjectKey], None]) -> None:
        self._clock = clock
        self._on_lag = on_lag
        self._parked: dict[ObjectKey, _Parked] = {}

    def __len__(self) -> int:
        return len(self._parked)

    def __repr__(self) -> str:
        return f"<Parking keys={len(self)}>"

    def add(self, key: ObjectKey, reasons: tuple[str, ...]) -> None:
        """Park a key; one that is parked already gains these reasons, up to `MAX_REASONS`, and no time."""
        before = self._parked.get(key)
        if before is not None:
            distinct = tuple(dict.fromkeys((*before.reasons, *reasons)))
            self._parked[key] = _Parked(distinct[:MAX_REASONS], before.alarm)
        else:
            alarm = self._clock.call_later(LAG_BOUND, lambda: self._on_lag(key))
            self._parked[key] = _Parked(reasons, alarm)

    def remove(self, key: ObjectKey) -> tuple[str, ...]:
        """Let a key go; its reasons, none where it wasn't parked."""
        parked = self._parked.pop(key, None)
        if parked is None:
            return ()
        parked.alarm.cancel()
        return parked.reasons

    def clear(self) -> None:
        """Let all go, for good."""
        for parked in self._parked.values():
            parked.alarm.cancel()
        self._parked.clear()
