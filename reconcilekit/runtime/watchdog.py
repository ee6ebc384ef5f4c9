"""Says who blocks the event loop: an `async def` that waits without await stops every key, not its own alone.

A daemon thread asks the loop for a sign of life. Where none comes in time, it logs the name of the task that runs and
the stack it is in; once for each time that the loop stands.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable

from reconcilekit.clock import Clock

THRESHOLD = 1.0
"""Seconds that the loop may stand: far more than any step of ours takes, and far less than a lease or a probe bears."""

_ASKS_PER_THRESHOLD = 4
"""So what stands for 1.25 times the threshold is always seen, at the cost of four wake-ups a second."""

StartThread = Callable[[Callable[[], None]], None]
"""Runs a function beside the loop."""


class Watchdog:
    """Watches the running event loop.

    Args:
        clock: tells how long the loop stood.
        log: for the records, at WARNING, with `task` and `blocked_for` as fields.
        threshold: seconds that the loop may stand.
        start_thread: by default starts a daemon thread, which keeps no process alive.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        log: logging.Logger,
        threshold: float = THRESHOLD,
        start_thread: StartThread | None = None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._threshold = threshold
        self._start_thread = start_thread or _start_daemon
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the loop this is called on, until `stop`."""
        loop, thread = asyncio.get_running_loop(), threading.get_ident()
        self._start_thread(lambda: self._watch(loop, thread))

    def stop(self) -> None:
        """Watch no more; the thread ends by itself."""
        self._stopped.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._stopped.is_set():
            sign = threading.Event()
            asked = self._clock.monotonic()
            try:
                loop.call_soon_threadsafe(sign.set)
            except RuntimeError:
                return  # the loop is closed
            if not sign.wait(self._threshold) and not self._stopped.is_set():
                self._report(loop, thread, asked)
                self._wait_for(sign)
            self._stopped.wait(self._threshold / _ASKS_PER_THRESHOLD)

    def _report(self, loop: asyncio.AbstractEventLoop, thread: int, asked: float) -> None:
        task = asyncio.current_task(loop)
        frame = sys._current_frames().get(thread)  # noqa: SLF001 -- the documented way to another thread's stack
        name = "a callback" if task is None else task.get_name()
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        seconds = self._clock.monotonic() - asked
        self._log.warning(
            "%s has blocked the event loop for %.1f s, and every key with it; await what waits, and make what computes "
            "a def:\n%s",
            name, seconds, stack,
            extra={"task": name, "blocked_for": seconds},
        )  # fmt: skip

    def _wait_for(self, sign: threading.Event) -> None:
        while not (sign.wait(self._threshold) or self._stopped.is_set()):
            pass


def _start_daemon(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="reconcilekit-watchdog", daemon=True).start()
