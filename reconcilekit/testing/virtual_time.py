"""Time that jumps: an event loop on which an hour of waiting takes no time at all.

When nothing is ready to run, the loop doesn't wait for the next timer: it sets its clock to it. So `asyncio.timeout`,
`call_later` and every `Clock.sleep` are virtual, one seed gives one run, and elapsed times can be asserted as exact
values. There is no I/O and there are no threads on it; both belong to real time.
"""

from __future__ import annotations

import asyncio
import math
import random as _random
from asyncio import base_events
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Never, Protocol, TypeVar, final

from reconcilekit.testing.stepped_threads import SteppedThreads

T = TypeVar("T")

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
"""The wall-clock time at which a virtual clock starts unless it is told another."""

DEFAULT_LIMIT = 30 * 86400.0
"""Seconds of virtual time after which a run is given up: something periodic keeps a stuck run alive for ever."""


DEFAULT_MAX_TURNS = 2_000_000
"""Turns of the loop at one instant after which a run is given up: far above what any burst of work needs, and reached
in some seconds where tasks wake each other for ever."""


class DeadlockError(RuntimeError):
    """Nothing is ready, no timer is set and the main coroutine hasn't ended: nothing can ever happen again."""


class VirtualTimeLimitError(RuntimeError):
    """The run went past its limit of virtual time; most often something waits for what never comes."""


class LivelockError(RuntimeError):
    """The loop turns and turns and time stands still: tasks wake each other without ever waiting."""


@final
class VirtualClock:
    """A `Clock` that stands still until `run_virtual` lets it jump, or `advance` moves it.

    Args:
        seed: what `random` is seeded with; one seed gives one run.
        start: the wall-clock time at which it starts, with a time zone.

    Raises:
        ValueError: `start` has no time zone.
    """

    def __init__(self, seed: int = 0, *, start: datetime = EPOCH) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start={start!r} has no time zone; pass datetime(..., tzinfo=UTC)")
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._random = _random.Random(seed)  # noqa: S311 -- reproducible on purpose

    @property
    def random(self) -> _random.Random:
        """The source of every jitter, seeded."""
        return self._random

    def monotonic(self) -> float:
        """Virtual seconds since the start; the same number as the virtual loop's `time()`."""
        return self._elapsed

    def now(self) -> datetime:
        """When it started, and what has passed since; in UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def advance(self, seconds: float) -> None:
        """Move on by hand, for code that has no event loop; on a virtual loop, sleep instead.

        Raises:
            ValueError: `seconds` is negative; clocks never go backwards.
        """
        if seconds < 0:
            raise ValueError(f"advance({seconds}): a clock never goes backwards; pass seconds >= 0")
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of virtual time have passed; 0 yields to other tasks once."""
        self._require_loop()
        await asyncio.sleep(seconds)  # noqa: TID251 -- on the virtual loop this is the clock's own sleep

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """`asyncio.timeout` in virtual seconds."""
        self._require_loop()
        return asyncio.timeout(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """Call `callback()` after virtual `seconds`."""
        return self._require_loop().call_later(seconds, callback)

    def workers(self) -> SteppedThreads:
        """Where `def` reconciles run in virtual time; a manager on this clock takes them by itself."""
        return SteppedThreads()

    def __repr__(self) -> str:
        return f"<VirtualClock at {self._elapsed} s>"

    def _require_loop(self) -> VirtualEventLoop:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualEventLoop):
            # Not a TypeError: no argument is of a wrong type.
            raise RuntimeError(f"{self!r} can't wait on {loop!r}: its time passes only inside run_virtual(main)")  # noqa: TRY004
        if loop.clock is not self:
            raise RuntimeError(
                f"{self!r} can't wait here: this loop runs by another one, {loop.clock!r}; hand that on, or let what "
                "takes a clock have it by default"
            )
        return loop


class Outside(Protocol):
    """What is real about a run of virtual time: a server in another process, say."""

    def settle(self) -> bool:
        """Wait, in real time, until nothing more comes by itself; hand in what came.

        Called on the loop's thread when nothing is left to do at this instant. True where something came: then virtual
        time doesn't pass yet. It may call everything on the loop that a callback may.
        """


@final
class VirtualEventLoop(base_events.BaseEventLoop):
    """An asyncio loop whose time is a `VirtualClock`; `run_virtual` makes it.

    Args:
        clock: what `time()` reads and what jumps.
        limit: seconds of virtual time after which the run raises `VirtualTimeLimitError`.
        max_turns: turns at one instant after which it raises `LivelockError`.
        outside: what takes real time, None for nothing.
    """

    def __init__(
        self,
        clock: VirtualClock,
        *,
        limit: float = DEFAULT_LIMIT,
        max_turns: int = DEFAULT_MAX_TURNS,
        outside: Outside | None = None,
    ) -> None:
        super().__init__()
        self._max_turns = max_turns
        self._turns = 0
        self.clock = clock
        self._limit = limit
        self._outside = outside
        # BaseEventLoop asks its selector to wait for the next timer; that is the place where time passes.
        self._selector = self
        self._scheduled: list[asyncio.TimerHandle]

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self.clock.monotonic()

    def select(self, timeout: float | None) -> list[Never]:
        """Jump to the next timer where a real loop would wait for it.

        Raises:
            DeadlockError: there is no next timer.
            VirtualTimeLimitError: it lies past the limit.
            LivelockError: there's always something to do, and never anything to wait for.
        """
        self._turns += 1
        if self._turns > self._max_turns:
            raise LivelockError(
                f"livelock at {self.time()} virtual s: {self._max_turns} turns without waiting, "
                f"among: {self._describe_tasks()}"
            )
        if timeout != 0 and self._outside is not None and self._outside.settle():
            return []
        if timeout is None:
            raise DeadlockError(f"deadlock at {self.time()} virtual s, for ever waiting: {self._describe_tasks()}")
        if timeout > 0:
            due = self._scheduled[0].when()
            if due > self._limit:
                raise VirtualTimeLimitError(
                    f"the run is past {self._limit} virtual s, still waiting: {self._describe_tasks()}; "
                    "raise run_virtual's limit if that is meant"
                )
            self._turns = 0
            self.clock._elapsed = due  # noqa: SLF001 -- the loop is the clock's other half
        # BaseEventLoop runs timers with `when < time + resolution`: the smallest step makes that `when <= time`.
        self._clock_resolution = math.ulp(self.time())
        return []

    def run_in_executor(self, executor: object, func: object, *args: object) -> Never:
        """Refused: a thread's time is real.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"{func!r} can't run in a thread under virtual time: hand in something that runs it inline")

    async def create_server(self, *args: object, **options: object) -> Never:
        """Refused: what comes over a socket takes real time.

        Raises:
            RuntimeError: always.
        """
        raise _no_sockets()

    async def create_connection(self, *args: object, **options: object) -> Never:
        """Refused; as `create_server`."""
        raise _no_sockets()

    async def sock_connect(self, *args: object, **options: object) -> Never:
        """Refused; as `create_server`."""
        raise _no_sockets()

    async def getaddrinfo(self, *args: object, **options: object) -> Never:
        """Refused; as `create_server`."""
        raise _no_sockets()

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there never is one."""

    def _process_events(self, event_list: list[Never]) -> None:
        """There are no file descriptors."""

    def _write_to_self(self) -> None:
        """Nothing to wake: the loop never waits."""

    def _describe_tasks(self) -> str:
        waiting = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        return ", ".join(f"{task.get_name()} at {_place(task)}" for task in waiting) or "no task"


def _no_sockets() -> RuntimeError:
    return RuntimeError(
        "virtual time has no sockets: call an ApiServer straight, by server.client() or server.transport(), or run on "
        "the system's clock, by asyncio.run and ApiServer(clock=SystemClock())"
    )


def run_virtual(
    main: Callable[[VirtualClock], Coroutine[object, object, T]],
    *,
    seed: int = 0,
    start: datetime = EPOCH,
    limit: float = DEFAULT_LIMIT,
    max_turns: int = DEFAULT_MAX_TURNS,
    outside: Outside | None = None,
) -> T:
    """Run `main(clock)` to its end on a loop of virtual time, then cancel what it left running.

    Args:
        main: called with the clock to hand to everything that waits.
        seed: of the clock's random source.
        start: the wall-clock time at which the clock starts: a server that goes on from `data` should go on from its
            time, too.
        limit: seconds of virtual time; the default of 30 days stops runs that something periodic keeps alive.
        max_turns: of the loop at one instant; the default stops tasks that wake each other for ever.
        outside: what takes real time, such as a server in another process; None for nothing.

    Raises:
        DeadlockError: nothing can ever happen again; the message names the tasks and where each waits.
        VirtualTimeLimitError: the run went past `limit`.
        LivelockError: the loop turned `max_turns` times while time stood still.
    """
    clock = VirtualClock(seed, start=start)
    loop = VirtualEventLoop(clock, limit=limit, max_turns=max_turns, outside=outside)
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main(clock))
    except LivelockError:
        for task in asyncio.all_tasks(loop):
            # The error names them; asyncio would repeat for each, much later, that it was destroyed while pending.
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 -- as asyncio's own gather does
        raise


def _place(task: asyncio.Task[object]) -> str:
    frames = task.get_stack(limit=1)
    if not frames:
        return "its start"
    code = frames[-1].f_code
    return f"{code.co_qualname} ({code.co_filename}:{frames[-1].f_lineno})"
