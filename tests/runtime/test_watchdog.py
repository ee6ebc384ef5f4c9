"""The watchdog, on real time: a loop can't be blocked on any other."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from reconcilekit import Client, Context, Manager, Reconciler, SystemClock
from reconcilekit.runtime.watchdog import Watchdog
from reconcilekit.testing.apiserver import ApiServer
from tests.runtime.world import CRD, WIDGET, World, crd, simulate, widget

SHORT = 0.05
"""Seconds that the loop may stand here."""


def block(seconds: float) -> None:
    """Stand, without the loop knowing."""
    threading.Event().wait(seconds)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("reconcilekit.watchdog")


async def test_who_blocks_the_loop_is_named_once_with_the_place(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    async def guilty() -> None:
        block(6 * SHORT)

    watchdog = Watchdog(clock=SystemClock(), log=log, threshold=SHORT)
    watchdog.start()
    await asyncio.create_task(guilty(), name="certificate default/w")
    watchdog.stop()

    (record,) = caplog.records
    assert record.__dict__["task"] == "certificate default/w"
    assert SHORT <= record.__dict__["blocked_for"] < 6 * SHORT
    assert "in guilty" in record.getMessage()
    assert "in block" in record.getMessage()


async def test_each_time_that_it_stands_is_one_record(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    watchdog = Watchdog(clock=clock, log=log, threshold=SHORT)
    watchdog.start()
    for _ in range(2):
        block(4 * SHORT)
        await clock.sleep(2 * SHORT)
    watchdog.stop()

    assert len(caplog.records) == 2


async def test_a_loop_that_waits_is_not_one_that_stands(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    watchdog = Watchdog(clock=clock, log=log, threshold=4 * SHORT)
    watchdog.start()
    await clock.sleep(6 * SHORT)
    watchdog.stop()

    assert caplog.records == []


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
        await asyncio.to_thread(thread.join, 5)

    assert [thread.is_alive() for thread in threads] == [False, False]


class Blocks(Reconciler):
    primary = WIDGET

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary:
            block(1.6)


async def test_a_manager_in_real_time_has_one(caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    server = ApiServer(clock=clock)
    user = Client(server.transport(user_agent="kubectl"), clock=clock, field_manager="kubectl")
    await user.create(CRD, crd("Widget"))
    await user.create(WIDGET, widget("w"))
    done = asyncio.Event()
    manager = Manager(Client(server.transport(), clock=clock, field_manager="tests"), clock=clock)
    manager.subscribe(lambda report: done.set())
    manager.add(Blocks())
    async with manager.running(), asyncio.timeout(20):
        await done.wait()

    (record,) = [each for each in caplog.records if each.name == "reconcilekit.watchdog"]
    assert record.__dict__["task"] == "blocks default/w"
    assert "block(1.6)" in record.getMessage()


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
