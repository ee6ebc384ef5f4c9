"""What comes while a key runs is held against what that run has read, and against nothing else."""

from __future__ import annotations

from reconcilekit import Context, ObjectKey, Reconciler, Result, generation_changed
from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Change
from reconcilekit.kube.objects import ObjectMeta, RawObject
from reconcilekit.runtime.dependencies import Dependencies, Reads
from reconcilekit.runtime.meanwhile import Meanwhile
from reconcilekit.runtime.outcomes import Outcome
from reconcilekit.runtime.run import RunEnd
from reconcilekit.state import StateStore
from tests.runtime.world import CONFIG_MAP, WIDGET, World, config_map, simulate, widget

SELECTION = Selection(namespace="default")


class CountingMatcher:
    """Everything matches; says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def matches(self, resource: object, selection: Selection, obj: RawObject) -> bool:
        self.asked += 1
        return True

    def index_values(self, resource: object, name: str, obj: RawObject) -> tuple[str, ...]:
        return ()


def test_the_end_of_a_run_costs_what_it_read_and_not_what_others_read() -> None:
    matcher = CountingMatcher()
    dependencies = Dependencies(matcher=matcher)
    for number in range(1000):
        dependencies.replace(ObjectKey("default", f"w{number}"), Reads(selections={(CONFIG_MAP, SELECTION)}))
    meanwhile = Meanwhile(dependencies)
    key, changed = ObjectKey("default", "w1"), ObjectKey("default", "c")
    meanwhile.begin(key, sequence=0)
    version = RawObject(changed, ObjectMeta(name="c", namespace="default", resource_version="5"), b"{}")
    for number in range(20):
        meanwhile.changed(Change(resource=CONFIG_MAP, key=changed, before=None, after=version, sequence=number + 1))

    end = RunEnd(outcome=Outcome.of_result(None), reads=Reads(selections={(CONFIG_MAP, SELECTION)}), sequence=10)
    reasons = meanwhile.end(key, end, sequence=20, state=StateStore().snapshot())

    assert reasons == ["ConfigMap default/c appeared, which it selected by namespace default"]
    assert matcher.asked == 10
    assert repr(meanwhile) == "<Meanwhile running=0 changes=0>"


def test_a_predicate_holds_while_a_key_runs_too() -> None:
    class Picky(Reconciler):
        primary = WIDGET
        predicates = {WIDGET: generation_changed}  # noqa: RUF012 -- a ClassVar of the base class

        def __init__(self, world: World) -> None:
            self.world = world

        async def reconcile(self, ctx: Context) -> None:
            patch = {"metadata": {"annotations": {"touched": str(len(self.world.reports))}}}
            await self.world.patch(WIDGET, "w", patch)
            await self.world.settle(1)

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Picky(world)):
            await world.settle(60)

        assert len(world.reports) == 1

    simulate(main)


def test_a_key_that_fails_keeps_what_its_last_success_and_its_last_failure_read() -> None:
    class Failing(Reconciler):
        primary = WIDGET
        reads = (CONFIG_MAP,)

        async def reconcile(self, ctx: Context) -> None:
            ctx.select(CONFIG_MAP, where=lambda each: "x" in each.get("data", {}))
            ctx.get(CONFIG_MAP, f"c{len(ctx.select(CONFIG_MAP))}", confirm=False)
            raise ValueError("on purpose")

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Failing()) as manager:
            for number in range(20):
                await world.create(config_map(f"other-{number}"))
                await world.settle(2000)

            (controller,) = manager._running_session().controllers
            counts = controller._dependencies.statistics()
            assert (counts.objects, counts.selections) == (2, 2)

    simulate(main)


class TestGonePrimaries:
    def test_one_whose_run_fails_leaves_no_entries_and_no_recheck(self) -> None:
        class Careless(Reconciler):
            primary = WIDGET
            publishes = True

            async def reconcile(self, ctx: Context) -> None:
                ctx.state("scope")[ctx.key.name] = ctx.primary["spec"]  # type: ignore[index]

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Careless()) as manager:
                assert dict(manager.state.snapshot()["scope"]) == {"w": {}}
                await world.delete(WIDGET, "w")
                await world.settle()

                assert dict(manager.state.snapshot()["scope"]) == {}

        simulate(main)

    def test_one_that_asks_to_come_back_does(self) -> None:
        class Patient(Reconciler):
            primary = WIDGET

            def __init__(self, world: World) -> None:
                self.world = world

            async def reconcile(self, ctx: Context) -> Result | None:
                return Result(requeue_after=5) if ctx.primary is None and len(self.world.reports) < 4 else None

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Patient(world)):
                await world.delete(WIDGET, "w")
                await world.settle(60)

            verdicts = [report.outcome.verdict.value for report in world.reports]
            assert verdicts == ["done", "requeue_after", "requeue_after", "requeue_after", "done"]

        simulate(main)
