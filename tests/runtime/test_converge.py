"""It never writes twice: what it costs to converge is counted, not timed."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from reconcilekit import Context, Reconciler, Result
from tests.runtime.world import CONFIG_MAP, WIDGET, World, config_map, simulate, widget
from tests.worlds import real_world

COUNT = 3000
COUNT_ON_THE_REAL_ONE = 300
"""It takes a hundredth of a second for each write that clears up afterwards."""


class WidgetReconciler(Reconciler):
    """One child and one status for each Widget."""

    primary = WIDGET
    owns = (CONFIG_MAP,)

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        ctx.apply(config_map(ctx.key.name, n=str(ctx.primary["spec"]["n"])))
        ctx.status["observedGeneration"] = ctx.primary["metadata"]["generation"]
        ctx.condition("Ready", True, reason="Made")


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0.0, 0.2], ids=["prompt watches", "watches delayed at random"])
def test_3000_widgets_converge_in_6000_writes(lag: float) -> None:
    async def main(world: World) -> None:
        number = COUNT if real_world() is None else COUNT_ON_THE_REAL_ONE
        await world.create(*(widget(f"w{n}", n=n) for n in range(number)))
        for plural in ("widgets", "configmaps"):
            world.server.lag(plural, lambda: world.clock.random.uniform(0, lag))

        async with world.running(WidgetReconciler(), concurrency=32):
            await world.settle(60)
            counts = Counter(r.method for r in world.server.requests if r.user_agent == "tests" and r.method != "GET")
            statuses = {r.status for r in world.server.requests if r.user_agent == "tests"}

            assert counts == {"PATCH": number, "PUT": number}
            assert statuses == {200, 201}
            assert len(world.reports) == number

    simulate(main)


def test_a_restart_with_nothing_to_do_writes_nothing() -> None:
    async def main(world: World) -> None:
        await world.create(*(widget(f"w{n}", n=n) for n in range(20)))
        async with world.running(WidgetReconciler()):
            pass
        before = len(world.writes())

        async with world.running(WidgetReconciler()):
            assert len(world.writes()) == before
            assert len(world.reports) == 40

    simulate(main)


class RequeueingReconciler(Reconciler):
    """Runs each minute."""

    primary = WIDGET

    async def reconcile(self, ctx: Context) -> Result | None:
        return Result(requeue_after=60) if ctx.primary else None


def test_an_hour_of_requeues_takes_no_time_and_the_same_seed_gives_the_same_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def run(seed: int) -> list[tuple[float, str]]:
        log: list[tuple[float, str]] = []

        async def main(world: World) -> None:
            await world.create(*(widget(f"w{n}") for n in range(3)))
            world.server.lag("widgets", lambda: world.clock.random.uniform(0, 1))
            with caplog.at_level(logging.INFO, "reconcilekit"):
                caplog.clear()
                async with world.running(RequeueingReconciler()):
                    await world.settle(3600 - world.clock.monotonic())
            log.extend((round(record.created, 0) * 0, record.getMessage()) for record in caplog.records)
            log.extend((report.waited, f"{report.key} {report.reconcile_id}") for report in world.reports)

        simulate(main, seed=seed)
        return log

    first = run(1)

    assert first == run(1)
    assert first != run(2)
    assert len(first) > 3 * 59
