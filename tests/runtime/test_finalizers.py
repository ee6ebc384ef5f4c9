"""Finalizers: added first, removed last, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from reconcilekit import ConfigError, Context, Reconciler, Result, TransientError
from reconcilekit.testing.apiserver import Fault
from tests.runtime.wire import verdicts
from tests.runtime.world import CONFIG_MAP, EVENT, WIDGET, World, config_map, simulate, widget

OURS = "example.com/cleanup"
THEIRS = "example.com/theirs"


class Cleaner(Reconciler):
    """Makes an object that outlives the primary, and deletes it in the end."""

    primary = WIDGET
    owns = (CONFIG_MAP,)
    finalizer = OURS

    def __init__(self, finalizing: Callable[[Context], Result | None] = lambda ctx: None) -> None:
        self.finalizing = finalizing
        self.calls: list[str] = []

    async def reconcile(self, ctx: Context) -> None:
        self.calls.append("reconcile" if ctx.primary else "gone")
        if ctx.primary:
            ctx.apply(config_map("outlives", n=str(ctx.primary["spec"].get("n"))), owned=False)

    async def finalize(self, ctx: Context) -> Result | None:
        self.calls.append("finalize")
        ctx.delete(CONFIG_MAP, "outlives")
        return self.finalizing(ctx)


async def finalizers(world: World) -> list[str]:
    names: list[str] = (await world.get(WIDGET, "w"))["metadata"].get("finalizers", [])
    return names


def short(world: World) -> list[str]:
    return [line.replace("/apis/example.com/v1", "").replace("/api/v1", "") for line in world.writes()]


def conflicts(world: World) -> int:
    return sum(record.status == 409 for record in world.server.requests if record.user_agent == "tests")


def test_it_stands_there_before_anything_else_is_written_and_goes_last() -> None:
    async def main(world: World) -> None:
        cleaner = Cleaner()
        await world.create(widget("w"))
        async with world.running(cleaner):
            assert await finalizers(world) == [OURS]
            await world.delete(WIDGET, "w")
            await world.settle()

            assert not world.has(WIDGET, "w")
            assert not world.has(CONFIG_MAP, "outlives")
            assert cleaner.calls == ["reconcile", "finalize", "gone"]
            assert short(world) == [
                "PATCH /namespaces/default/widgets/w",
                "PATCH /namespaces/default/configmaps/outlives",
                "DELETE /namespaces/default/configmaps/outlives",
                "PATCH /namespaces/default/widgets/w",
            ]

    simulate(main)


def test_a_primary_that_is_deleted_before_its_first_run_is_neither_reconciled_nor_given_a_finalizer() -> None:
    async def main(world: World) -> None:
        cleaner = Cleaner()
        held = widget("w")
        held["metadata"]["finalizers"] = [THEIRS]
        await world.create(held)
        await world.delete(WIDGET, "w")
        async with world.running(cleaner):
            assert cleaner.calls == []
            assert await finalizers(world) == [THEIRS]
            assert world.writes() == []

    simulate(main)


def test_other_writers_finalizers_stay() -> None:
    async def main(world: World) -> None:
        held = widget("w")
        held["metadata"]["finalizers"] = [THEIRS]
        await world.create(held)
        cleaner = Cleaner()
        async with world.running(cleaner):
            assert await finalizers(world) == [THEIRS, OURS]
            await world.delete(WIDGET, "w")
            await world.settle()
            assert await finalizers(world) == [THEIRS]
            assert cleaner.calls == ["reconcile", "finalize"]

            await world.patch(WIDGET, "w", {"metadata": {"finalizers": None}})
            await world.settle()
            assert not world.has(WIDGET, "w")
            assert cleaner.calls == ["reconcile", "finalize", "gone"]

    simulate(main)


class Interrupted(Cleaner):
    """Somebody does something while it finalizes for the first time."""

    name = "interrupted"

    def __init__(self, during: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.during = during

    async def finalize(self, ctx: Context) -> Result | None:
        if "finalize" not in self.calls:
            await self.during()
        return await super().finalize(ctx)


def test_a_concurrent_change_of_the_list_is_a_conflict_and_nobody_s_name_is_lost() -> None:
    async def main(world: World) -> None:
        async def change(names: list[str]) -> None:
            await world.patch(WIDGET, "w", {"metadata": {"finalizers": names}})

        delay = Fault(method="PATCH", path="*/widgets/w", action="delay", delay=1.0, user_agent="tests")
        world.server.faults.add(delay)
        cleaner = Interrupted(lambda: change([OURS]))
        await world.create(widget("w"))
        world.clock.call_later(0.5, lambda: asyncio.ensure_future(change([THEIRS])))
        async with world.running(cleaner):
            assert conflicts(world) == 1
            assert await finalizers(world) == [THEIRS, OURS]
            assert cleaner.calls == ["reconcile"]

            # A finalizer can't be added to what is being deleted, but one can be taken away.
            await world.delete(WIDGET, "w")
            await world.settle()
            assert conflicts(world) == 2
            assert cleaner.calls[-3:] == ["finalize", "finalize", "gone"]
            assert not world.has(WIDGET, "w")

    simulate(main)


def test_it_stands_there_before_the_first_reconcile_begins_and_whatever_comes_of_that() -> None:
    class Fails(Cleaner):
        name = "fails"

        async def reconcile(self, ctx: Context) -> None:
            assert ctx.primary is not None
            self.seen = (await worlds[0].get(WIDGET, "w"))["metadata"], ctx.primary["metadata"]
            raise ValueError("after a record was made outside")

    worlds: list[World] = []

    async def main(world: World) -> None:
        worlds.append(world)
        await world.create(widget("w"))
        fails = Fails()
        async with world.running(fails):
            assert await finalizers(world) == [OURS]
            live, shown = fails.seen
            assert live["finalizers"] == shown["finalizers"] == [OURS]
            assert live["resourceVersion"] == shown["resourceVersion"]
            assert short(world) == ["PATCH /namespaces/default/widgets/w"]

    simulate(main)


def test_every_read_of_the_run_that_adds_it_shows_the_same_primary() -> None:
    class Reads(Cleaner):
        name = "reads"
        finalizer = OURS

        async def reconcile(self, ctx: Context) -> None:
            if ctx.primary:
                shown = [ctx.primary, ctx.get(WIDGET, ctx.key.name), *ctx.select(WIDGET)]
                assert shown[1:] == shown[:1] * 2
                self.calls.append("read")

    async def main(world: World) -> None:
        await world.create(widget("w"))
        reads = Reads()
        async with world.running(reads):
            assert set(reads.calls) == {"read"}

    simulate(main)


def test_a_primary_that_is_deleted_before_it_is_added_is_no_user_s_mistake() -> None:
    async def main(world: World) -> None:
        world.server.faults.add(
            Fault(method="PATCH", path="*/widgets/w", action="delay", delay=1.0, user_agent="tests")
        )
        cleaner = Cleaner()
        await world.create(widget("w"))
        world.clock.call_later(0.5, lambda: asyncio.ensure_future(world.delete(WIDGET, "w")))
        async with world.running(cleaner):
            await world.settle(20)
            assert verdicts(world, "w") == ["transient", "done"]
            assert cleaner.calls == ["gone"]
            assert world.server.objects(EVENT, namespace="default") == []

    simulate(main)


def test_a_finalizer_that_somebody_removes_is_put_back() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Cleaner()):
            await world.patch(WIDGET, "w", {"metadata": {"finalizers": None}})
            await world.settle()
            assert await finalizers(world) == [OURS]

    simulate(main)


def test_a_result_keeps_it_and_comes_back() -> None:
    async def main(world: World) -> None:
        answers = iter([Result(requeue_after=60), Result(requeue_after=60), None])
        cleaner = Cleaner(lambda ctx: next(answers))
        await world.create(widget("w"))
        async with world.running(cleaner):
            await world.delete(WIDGET, "w")
            await world.settle(100)
            assert await finalizers(world) == [OURS]
            assert cleaner.calls == ["reconcile", "finalize", "finalize"]

            await world.settle(100)
            assert not world.has(WIDGET, "w")
            assert cleaner.calls == ["reconcile", "finalize", "finalize", "finalize", "gone"]

    simulate(main)


def _transient(ctx: Context) -> Result | None:
    raise TransientError("the cloud is down")


def _config(ctx: Context) -> Result | None:
    raise ConfigError("NotEmpty", "the bucket isn't empty")


@pytest.mark.parametrize("failing", [_transient, _config])
def test_a_failure_keeps_it(failing: Callable[[Context], Result | None]) -> None:
    async def main(world: World) -> None:
        cleaner = Cleaner(failing)
        await world.create(widget("w"))
        async with world.running(cleaner):
            await world.delete(WIDGET, "w")
            await world.settle(10)
            assert await finalizers(world) == [OURS]
            assert world.has(CONFIG_MAP, "outlives")
            if failing is _config:
                assert (await world.condition("w"))["reason"] == "NotEmpty"

            cleaner.finalizing = lambda ctx: None
            await world.settle(600)
            assert not world.has(WIDGET, "w")
            assert not world.has(CONFIG_MAP, "outlives")

    simulate(main)


WRITES = {
    "adding": ("PATCH", "*/widgets/w", 0),
    "applying": ("PATCH", "*/configmaps/outlives", 0),
    "deleting": ("DELETE", "*/configmaps/outlives", 0),
    "removing": ("PATCH", "*/widgets/w", 1),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(action="drop"),
        Fault(action="drop", when="after"),
        Fault(status=409, reason="Conflict", message="the object has been modified"),
        Fault(status=504, when="after", message="timeout"),
    ],
    ids=["500", "lost before", "lost after", "conflict", "504 after"],
)
def test_a_fault_at_any_of_its_writes_changes_nothing_in_the_end(write: str, fault: Fault) -> None:
    async def main(world: World) -> None:
        import attrs

        method, path, passed = WRITES[write]
        world.server.faults.add(attrs.evolve(fault, method=method, path=path, after_calls=passed, user_agent="tests"))
        cleaner = Cleaner()
        await world.create(widget("w"))
        async with world.running(cleaner):
            await world.settle(30)
            assert await finalizers(world) == [OURS]
            assert world.has(CONFIG_MAP, "outlives")

            await world.delete(WIDGET, "w")
            await world.settle(60)
            assert not world.has(WIDGET, "w")
            assert not world.has(CONFIG_MAP, "outlives")
            assert len(world.server.faults.log) == 1
            assert conflicts(world) == (fault.status == 409)
            last = cleaner.calls.index("finalize")
            assert "reconcile" not in cleaner.calls[last:]
            assert verdicts(world, "w")[-1] == "done"

    simulate(main)


def test_a_deletion_while_nobody_runs_is_finalized_at_the_next_start() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Cleaner()):
            pass
        await world.delete(WIDGET, "w")
        assert await finalizers(world) == [OURS]

        cleaner = Cleaner()
        async with world.running(cleaner):
            assert not world.has(WIDGET, "w")
            assert not world.has(CONFIG_MAP, "outlives")
            assert cleaner.calls[0] == "finalize"

    simulate(main)


def test_finalize_isn_t_called_again_on_a_view_that_lags_behind_the_removal() -> None:
    async def main(world: World) -> None:
        def look(ctx: Context) -> Result | None:
            ctx.get(CONFIG_MAP, "other", confirm=False)
            return None

        cleaner = Cleaner(look)
        await world.create(widget("w"), config_map("other"))
        async with world.running(cleaner):
            await world.delete(WIDGET, "w")
            world.server.lag("widgets", 5.0)
            await world.settle(1)
            await world.patch(CONFIG_MAP, "other", {"data": {"a": "1"}})
            await world.settle(20)

            assert cleaner.calls == ["reconcile", "finalize", "gone"]

    simulate(main)


def test_a_config_error_beside_a_finalizer_that_was_just_added_costs_no_conflict() -> None:
    class Refused(Cleaner):
        name = "refused"

    async def main(world: World) -> None:
        world.server.faults.add(
            Fault(
                path="*/configmaps/outlives", method="PATCH", count=None, status=403, reason="Forbidden", message="no"
            )
        )
        await world.create(widget("w"))
        async with world.running(Refused()):
            assert await finalizers(world) == [OURS]
            assert (await world.condition("w"))["status"] == "False"
            assert conflicts(world) == 0
            assert verdicts(world, "w") == ["config"]

    simulate(main)
