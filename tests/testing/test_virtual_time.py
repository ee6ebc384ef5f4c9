from __future__ import annotations

import asyncio
import contextlib
import gc
from datetime import UTC, datetime, timedelta, timezone

import aiohttp
import pytest

from reconcilekit.testing import ApiServer
from reconcilekit.testing.virtual_time import (
    EPOCH,
    DeadlockError,
    LivelockError,
    VirtualClock,
    VirtualTimeLimitError,
    run_virtual,
)


def test_sleeps_timeouts_and_timers_share_one_exact_clock() -> None:
    seen: list[tuple[str, float]] = []

    async def main(clock: VirtualClock) -> str:
        clock.call_later(0.3, lambda: seen.append(("timer", clock.monotonic())))
        with pytest.raises(TimeoutError):
            async with clock.timeout(1.1):
                await asyncio.get_running_loop().create_future()
        seen.append(("timeout", clock.monotonic()))
        await clock.sleep(86400)
        seen.append(("sleep", clock.monotonic()))
        assert clock.now() == EPOCH + timedelta(seconds=86401.1)
        assert asyncio.get_running_loop().time() == clock.monotonic()
        return "done"

    assert run_virtual(main) == "done"
    assert seen == [("timer", 0.3), ("timeout", 1.1), ("sleep", 86401.1)]


def test_tasks_take_turns_by_time() -> None:
    order: list[str] = []

    async def tick(clock: VirtualClock, name: str, period: float) -> None:
        for _ in range(3):
            await clock.sleep(period)
            order.append(name)

    async def main(clock: VirtualClock) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(tick(clock, "slow", 1.0))
            group.create_task(tick(clock, "fast", 0.4))

    run_virtual(main)
    assert order == ["fast", "fast", "slow", "fast", "slow", "slow"]


def test_a_deadlock_names_who_waits_and_where() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    async def main(clock: VirtualClock) -> None:
        await clock.sleep(5)
        await asyncio.create_task(stuck(), name="the-stuck-one")

    with pytest.raises(DeadlockError, match=r"deadlock at 5\.0 virtual s.*the-stuck-one at .*stuck"):
        run_virtual(main)


def test_a_periodic_task_cannot_keep_a_stuck_run_alive_for_ever() -> None:
    async def main(clock: VirtualClock) -> None:
        while True:
            await clock.sleep(3600)

    with pytest.raises(VirtualTimeLimitError, match="past 7200 virtual s"):
        run_virtual(main, limit=7200)


def test_tasks_that_never_wait_are_stopped_though_they_swallow_their_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stubborn(clock: VirtualClock) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await clock.sleep(0)

    async def main(clock: VirtualClock) -> None:
        await clock.sleep(3)
        await asyncio.create_task(stubborn(clock), name="the-stubborn-one")

    gc.collect()  # what others have left is no news of this one
    caplog.clear()
    with pytest.raises(LivelockError, match=r"livelock at 3\.0 virtual s: 1000 turns .*the-stubborn-one"):
        run_virtual(main, max_turns=1000)
    gc.collect()
    assert caplog.messages == []  # the error names them; that they were destroyed pending is no news


def test_one_seed_gives_one_run() -> None:
    async def main(clock: VirtualClock) -> list[float]:
        return [clock.random.random() for _ in range(5)]

    assert run_virtual(main, seed=7) == run_virtual(main, seed=7)
    assert run_virtual(main, seed=7) != run_virtual(main, seed=8)


@pytest.mark.parametrize("tls", [False, True])
def test_sockets_are_refused(tls: bool) -> None:
    async def main(clock: VirtualClock) -> None:
        async with ApiServer(clock=clock).serve(tls=tls):
            pass

    with pytest.raises(RuntimeError, match="virtual time has no sockets: call an ApiServer straight"):
        run_virtual(main)


@pytest.mark.parametrize("address", ["127.0.0.1", "example.com"])
def test_so_are_connections(address: str) -> None:
    async def main(clock: VirtualClock) -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://{address}:1/")

    with pytest.raises(RuntimeError, match="virtual time has no sockets"):
        run_virtual(main)


def test_a_clock_of_another_loop_is_told_apart() -> None:
    async def main(clock: VirtualClock) -> None:
        await VirtualClock().sleep(1)

    with pytest.raises(RuntimeError, match=r"this loop runs by another one, <VirtualClock at 0.0 s>; hand that on"):
        run_virtual(main)


def test_it_starts_when_it_is_told_to() -> None:
    async def main(clock: VirtualClock) -> datetime:
        await clock.sleep(60)
        return clock.now()

    start = datetime(2030, 2, 28, 23, 59, 30, tzinfo=timezone(timedelta(hours=1)))
    assert run_virtual(main, start=start) == datetime(2030, 2, 28, 23, 0, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no time zone; pass datetime"):
        VirtualClock(start=datetime(2030, 1, 1))  # noqa: DTZ001 -- that's the mistake


def test_threads_are_refused() -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.to_thread(print)

    with pytest.raises(RuntimeError, match="under virtual time"):
        run_virtual(main)


async def test_a_virtual_clock_refuses_to_wait_on_a_real_loop() -> None:
    with pytest.raises(RuntimeError, match="only inside run_virtual"):
        await VirtualClock().sleep(1)


def test_without_a_loop_time_is_moved_by_hand() -> None:
    clock = VirtualClock()
    clock.advance(2.5)
    assert clock.monotonic() == 2.5
    with pytest.raises(ValueError, match="never goes backwards"):
        clock.advance(-1)


def test_what_main_leaves_running_is_cancelled() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main(clock: VirtualClock) -> asyncio.Task[None]:
        task = asyncio.create_task(forever())
        await clock.sleep(1)
        return task

    assert run_virtual(main).cancelled()
    assert ended == ["cancelled"]
