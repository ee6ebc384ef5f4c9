"""Time and chance, as they are handed in.

Nothing in the framework asks the operating system for the time, sleeps, or draws a random number by itself: it asks
the `Clock` it was given. The real one is here; the virtual one, which makes an hour of backoff pass in milliseconds,
is `reconcilekit.testing.VirtualClock`.
"""

from __future__ import annotations

import asyncio
import random as _random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

import attrs


class Clock(Protocol):
    """What the framework knows of time and chance. All durations are seconds."""

    @property
    def random(self) -> _random.Random:
        """The source of every jitter; seeded in simulations, so that one seed gives one run."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes backwards."""

    def now(self) -> datetime:
        """The wall clock's time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; 0 yields to other tasks once."""

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Cancel the enclosed block after `seconds` and raise `TimeoutError`; None never does."""

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """Call `callback()` on the running loop after `seconds`; the handle cancels it."""


@attrs.define(frozen=True)
class SystemClock:
    """The operating system's clocks and an unpredictable random source.

    Args:
        random: the source of jitter; by default one seeded by the operating system, so that replicas differ.
    """

    random: _random.Random = attrs.field(factory=_random.Random, kw_only=True)

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()  # noqa: TID251 -- the one place that may

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`."""
        await asyncio.sleep(seconds)  # noqa: TID251 -- the one place that may

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """`asyncio.timeout`."""
        return asyncio.timeout(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """`loop.call_later` on the running loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)
