"""The watchdog, on real time: a loop can't be blocked on any other."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from reconcilekit import Client, Context, Manager, Reconciler, SystemClock
from reconcilekit.runtime.watchdog import Watchdog
from reconcilekit.testing.apiserver import ApiServer
from tests.runtime.world import CRD, WIDGET, World, crd, simulate, widget

SHORT = 0.05
"""Seconds that the loop may stand here."""

PATIENT = (SHORT, 8 * SHORT, 40 * SHORT)
"""The same for tests that a machine spoils by standing itself: the next is tried where it did so for longer."""

PATIENCE = 50.0
"""Seconds for what is known to come."""


def block(seconds: float) -> None:
    """Stand, without the loop knowing."""
    threading.Event().wait(seconds)


class Told(logging.Handler):
    """What the watchdog has told."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._has_told = threading.Event()
        log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self._has_told.set()

    def block_until(self) -> None:
        """Stand until it has told."""
        assert self._has_told.wait(PATIENCE)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("reconcilekit.watchdog")


@pytest.fixture
def told(log: logging.Logger) -> Iterator[Told]:
    handler = Told(log)
    yield handler
    log.removeHandler(handler)


async def test_who_blocks_the_loop_is_named_once_with_the_place(log: logging.Logger, told: Told) -> None:
    clock = SystemClock()

    async def guilty() -> None:
        told.block_until()
        block(4 * SHORT)
        watchdog.stop()

    watchdog = Watchdog(clock=clock, log=log, threshold=SHORT)
    began = clock.monotonic()
    watchdog.start()
    await asyncio.create_task(guilty(), name="certificate default/w")

    (record,) = told.records
    assert record.__dict__["task"] == "certificate default/w"
    assert SHORT <= record.__dict__["blocked_for"] <= clock.monotonic() - began - 4 * SHORT
    assert "in guilty" in record.getMessage()
    assert "in block_until" in record.getMessage()


async def test_each_time_that_it_stands_is_one_record(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    counts = []
    for threshold in PATIENT:
        caplog.clear()
        watchdog = Watchdog(clock=clock, log=log, threshold=threshold)
        watchdog.start()
        for _ in range(2):
            block(4 * threshold)
            await clock.sleep(2 * threshold)
        watchdog.stop()
        counts.append(len(caplog.records))
        if counts[-1] == 2:
            return

    pytest.fail(f"records of two times: {counts}")


async def test_a_loop_that_waits_is_not_one_that_stands(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    for threshold in PATIENT:
        caplog.clear()
        watchdog = Watchdog(clock=clock, log=log, threshold=4 * threshold)
        watchdog.start()
        await clock.sleep(6 * threshold)
        watchdog.stop()
        if not caplog.records:
            return

    pytest.fail(caplog.text)


async def test_its_thread_ends_when_it_is_stopped_or_the_loop_is_closed(log: logging.Logger) -> None:
    threads: list[threading.Thread] = []

    def start(function: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()

    async def watched(*, stops: bool) -> None:
        watchdog = Watchdog(clock=SystemClock(), log=log, threshold=SHORT, start_thread=start)
        watchdog.start()
        if stops:
            watchdog.stop()

    await watched(stops=True)
    await asyncio.to_thread(lambda: asyncio.run(watched(stops=False)))
    for thread in threads:
        await asyncio.to_thread(thread.join, PATIENCE)

    assert [thread.is_alive() for thread in threads] == [False, False]


class Blocks(Reconciler):
    primary = WIDGET

    def __init__(self, told: Told) -> None:
        self._told = told

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary:
            self._told.block_until()


async def test_a_manager_in_real_time_has_one(told: Told) -> None:
    clock = SystemClock()
    server = ApiServer(clock=clock)
    user = Client(server.transport(user_agent="kubectl"), clock=clock, field_manager="kubectl")
    await user.create(CRD, crd("Widget"))
    await user.create(WIDGET, widget("w"))
    done = asyncio.Event()
    manager = Manager(Client(server.transport(), clock=clock, field_manager="tests"), clock=clock)
    manager.subscribe(lambda report: done.set())
    manager.add(Blocks(told))
    async with manager.running(), asyncio.timeout(PATIENCE):
        await done.wait()

    # A machine that stands for a second is told of, too.
    ours = [each for each in told.records if "self._told.block_until()" in each.getMessage()]
    assert [each.__dict__["task"] for each in ours] == ["blocks default/w"]


def test_a_manager_in_virtual_time_has_none() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        before = set(threading.enumerate())
        async with world.running(Quick()):
            assert "reconcilekit-watchdog" not in {each.name for each in set(threading.enumerate()) - before}
            assert world.runs("w")

    simulate(main)


class Quick(Reconciler):
    primary = WIDGET

    async def reconcile(self, ctx: Context) -> None:
        """Nothing."""
