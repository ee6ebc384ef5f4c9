"""No commit rests on a "not found" that the server contradicts; and confirming costs no more than it must."""

from __future__ import annotations

import pytest

from reconcilekit import ConfigError, Context, Reconciler, Scope
from reconcilekit.testing.apiserver import Fault
from tests.runtime.world import CONFIG_MAP, WIDGET, World, config_map, simulate, widget


class Publisher(Reconciler):
    """Says in the Widget's status whether what it refers to is there: a hole in it would be seen."""

    primary = WIDGET
    reads = (CONFIG_MAP,)

    def __init__(self, *, confirm: bool = True) -> None:
        self.confirm = confirm

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        found = ctx.get(CONFIG_MAP, ctx.primary["spec"]["ref"], confirm=self.confirm)
        ctx.condition("Resolved", found is not None, reason="Found" if found else "Missing")


class Selector(Reconciler):
    """The same by a selection."""

    primary = WIDGET
    reads = (CONFIG_MAP,)

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        found = ctx.select(CONFIG_MAP, labels={"for": ctx.key.name})
        ctx.condition("Resolved", bool(found), reason="Found" if found else "Missing")


def gets(world: World) -> int:
    """The reads of single ConfigMaps that a manager has sent."""
    records = [each for each in world.server.requests if each.user_agent == "tests" and each.method == "GET"]
    return sum("/configmaps/" in record.path for record in records)


@pytest.mark.parametrize("seed", range(5))
def test_a_view_that_shows_the_effect_without_its_cause_publishes_no_hole(seed: int) -> None:
    async def main(world: World) -> None:
        world.server.lag("configmaps", lambda: world.clock.random.uniform(0, 0.5))
        world.server.lag("widgets", lambda: world.clock.random.uniform(0, 0.5))
        async with world.running(Publisher()):
            for n in range(100):
                await world.create(config_map(f"c{n}"), widget(f"w{n}", ref=f"c{n}"))
            await world.settle(10)

            assert [await world.condition(f"w{n}", "Resolved") for n in range(100)] == [
                {"type": "Resolved", "status": "True", "observedGeneration": 1, "reason": "Found", "message": ""}
            ] * 100
            assert len(world.writes()) == 100

    simulate(main, seed=seed)


def test_without_confirmation_the_same_world_publishes_holes() -> None:
    """The test above can fail: this is what it guards against."""

    async def main(world: World) -> None:
        world.server.lag("configmaps", 0.5)
        async with world.running(Publisher(confirm=False)):
            await world.create(config_map("c"), widget("w", ref="c"))
            await world.settle(10)

            assert len(world.writes()) == 2

    simulate(main)


def test_a_selection_that_came_back_empty_is_confirmed_too() -> None:
    async def main(world: World) -> None:
        world.server.lag("configmaps", 0.5)
        async with world.running(Selector()):
            await world.create(config_map("c", labels={"for": "w"}), widget("w"))
            await world.settle(10)

            assert (await world.condition("w", "Resolved"))["status"] == "True"
            assert len(world.writes()) == 1

    simulate(main)


def test_a_config_error_that_rests_on_absence_is_confirmed_too() -> None:
    class Complains(Reconciler):
        primary = WIDGET
        reads = (CONFIG_MAP,)

        async def reconcile(self, ctx: Context) -> None:
            if ctx.primary and ctx.get(CONFIG_MAP, "c") is None:
                raise ConfigError("NoConfig", "ConfigMap c is missing")

    async def main(world: World) -> None:
        world.server.lag("configmaps", 0.5)
        async with world.running(Complains()):
            await world.create(config_map("c"), widget("w"))
            await world.settle(10)

            assert world.writes() == []

    simulate(main)


def test_a_confirmation_doesn_t_hold_for_a_view_with_a_later_event() -> None:
    """A later event may be the effect of an object made after the server's answer."""

    async def main(world: World) -> None:
        world.server.lag("configmaps", 5.0)
        async with world.running(Publisher()):
            await world.create(widget("w", ref="c"))
            await world.settle(1)
            assert (await world.condition("w", "Resolved"))["reason"] == "Missing"
            confirmed = gets(world)

            await world.create(config_map("c"))
            await world.patch(WIDGET, "w", {"spec": {"after": "c"}})
            await world.settle(1)

            assert gets(world) == confirmed + 1
            assert (await world.get(WIDGET, "w"))["status"]["conditions"][0]["observedGeneration"] == 1
            await world.settle(10)
            assert (await world.condition("w", "Resolved"))["reason"] == "Found"
            assert len(world.writes()) == 2

    simulate(main)


def test_a_lasting_absence_costs_one_get_a_run() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w", ref="c"))
        async with world.running(Publisher()):
            for n in range(10):
                await world.patch(WIDGET, "w", {"spec": {"n": n}})
                await world.settle()
            await world.settle(3600)

            assert gets(world) == len(world.runs("w")) == 11

    simulate(main)


def test_keys_that_miss_the_same_object_share_a_get() -> None:
    async def main(world: World) -> None:
        await world.create(*(widget(f"w{n}", ref="c") for n in range(50)))
        async with world.running(Publisher(), concurrency=50):
            await world.settle()

            assert len(world.writes()) == 50
            assert gets(world) == 1

    simulate(main)


@pytest.mark.lanes("embedded")  # clearing up after 3,000 takes a real one half a minute
@pytest.mark.slow
def test_3000_creates_cost_no_get() -> None:
    class Creator(Reconciler):
        primary = WIDGET
        owns = (CONFIG_MAP,)

        async def reconcile(self, ctx: Context) -> None:
            if ctx.primary:
                ctx.apply(config_map(ctx.key.name))

    async def main(world: World) -> None:
        await world.create(*(widget(f"w{n}") for n in range(3000)))
        async with world.running(Creator(), concurrency=32):
            await world.settle(30)

            assert len(world.writes()) == 3000
            assert gets(world) == 0

    simulate(main)


def test_a_confirmation_that_fails_fails_the_run_and_commits_nothing() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w", ref="c"))
        leader_changed = Fault(
            method="GET", path="*/configmaps/c", count=3, status=500, message="etcdserver: leader changed"
        )
        world.server.faults.add(leader_changed)
        async with world.running(Publisher()):
            await world.settle(30)

            verdicts = [report.outcome.verdict.value for report in world.runs("w")]
            assert verdicts == ["transient", "transient", "transient", "done"]
            assert len(world.writes()) == 1

    simulate(main)


def test_what_lies_outside_the_cache_s_scope_counts_as_absent() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w", ref="c"), config_map("c"))
        manager = world.manager(Publisher()).scope(CONFIG_MAP, Scope(label_selector="app=ours"))
        async with manager.running():
            await world.settle()

            assert (await world.condition("w", "Resolved"))["reason"] == "Missing"

    simulate(main)
