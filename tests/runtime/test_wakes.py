"""What a run read is what wakes it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from reconcilekit import (
    ConfigError,
    Context,
    Reconciler,
    Resource,
    RunReport,
    generation_changed,
)
from tests.runtime.world import CONFIG_MAP, GADGET, SECRET, WIDGET, World, config_map, simulate, widget

Read = Callable[[Context], object]


class Reader(Reconciler):
    """Reads what the test says and stages nothing."""

    primary = WIDGET
    reads: ClassVar[Sequence[Resource]] = (CONFIG_MAP, GADGET)

    def __init__(self, read: Read) -> None:
        self._read = read
        self.seen: list[object] = []

    async def reconcile(self, ctx: Context) -> None:
        self.seen.append(self._read(ctx))


def reasons(reports: Sequence[RunReport]) -> list[tuple[str, ...]]:
    """Why each run came."""
    return [report.reasons for report in reports]


def watch(read: Read, act: Callable[[World], Any], *, before: Sequence[dict[str, Any]] = ()) -> list[tuple[str, ...]]:
    """The reasons of the runs that `act` causes for a widget w that reads so."""

    async def main(world: World) -> list[tuple[str, ...]]:
        await world.create(widget("w"), *before)
        async with world.running(Reader(read)):
            world.reports.clear()
            await act(world)
            await world.settle()
            return reasons(world.runs("w"))

    return simulate(main)


def get_c(ctx: Context) -> object:
    return ctx.get(CONFIG_MAP, "c")


def select_red(ctx: Context) -> object:
    return ctx.select(CONFIG_MAP, labels={"color": "red"})


RED = config_map("c", labels={"color": "red"})
BLUE = config_map("c", labels={"color": "blue"})
BY_SELECTION = ", which it selected by labels color=red and all namespaces"


class TestObjects:
    def test_one_that_appears_wakes_who_looked_for_it_in_vain(self) -> None:
        assert watch(get_c, lambda w: w.create(RED)) == [("ConfigMap default/c appeared",)]

    def test_one_that_changes(self) -> None:
        act = lambda w: w.patch(CONFIG_MAP, "c", {"data": {"a": "1"}})  # noqa: E731

        assert watch(get_c, act, before=[RED]) == [("ConfigMap default/c changed",)]

    def test_one_that_is_deleted(self) -> None:
        assert watch(get_c, lambda w: w.delete(CONFIG_MAP, "c"), before=[RED]) == [("ConfigMap default/c vanished",)]

    def test_one_that_is_recreated(self) -> None:
        async def recreate(world: World) -> None:
            await world.delete(CONFIG_MAP, "c")
            await world.settle()
            await world.create(BLUE)

        assert watch(get_c, recreate, before=[RED]) == [
            ("ConfigMap default/c vanished",),
            ("ConfigMap default/c appeared",),
        ]

    def test_another_one_wakes_nobody(self) -> None:
        assert watch(get_c, lambda w: w.create(config_map("d")), before=[RED]) == []

    def test_one_of_the_same_name_in_another_namespace_wakes_nobody(self) -> None:
        assert watch(get_c, lambda w: w.create(config_map("c", namespace="kube-system"))) == []


class TestSelections:
    def test_an_object_that_comes_into_it(self) -> None:
        expected = [("ConfigMap default/c appeared" + BY_SELECTION,)]

        assert watch(select_red, lambda w: w.create(RED)) == expected

    def test_an_object_that_leaves_it(self) -> None:
        act = lambda w: w.patch(CONFIG_MAP, "c", {"metadata": {"labels": {"color": "blue"}}})  # noqa: E731

        assert watch(select_red, act, before=[RED]) == [("ConfigMap default/c changed" + BY_SELECTION,)]

    def test_an_object_that_never_was_in_it_wakes_nobody(self) -> None:
        act = lambda w: w.patch(CONFIG_MAP, "c", {"data": {"a": "1"}})  # noqa: E731

        assert watch(select_red, act, before=[BLUE]) == []

    def test_a_selection_by_function(self) -> None:
        def big(ctx: Context) -> object:
            return ctx.select(CONFIG_MAP, where=lambda each: each.get("data", {}).get("size") == "big")

        act = lambda w: w.patch(CONFIG_MAP, "c", {"data": {"size": "big"}})  # noqa: E731

        assert watch(big, act, before=[RED]) == [
            ("ConfigMap default/c changed, which it selected by a function and all namespaces",)
        ]
        assert watch(big, lambda w: w.create(config_map("d")), before=[RED]) == []


class TestPrimary:
    def test_its_own_status_write_wakes_nobody_but_another_writer_does(self) -> None:
        class Writer(Reconciler):
            primary = WIDGET

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary:
                    ctx.condition("Ready", True, reason="Seen")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Writer()):
                assert reasons(world.runs("w")) == [("first list",)]
                await world.patch(WIDGET, "w", {"metadata": {"labels": {"a": "b"}}})
                await world.settle()

            assert reasons(world.runs("w")) == [("first list",), ("Widget default/w changed",)]

        simulate(main)

    def test_one_that_appears_and_one_that_goes(self) -> None:
        async def main(world: World) -> None:
            reader = Reader(lambda ctx: ctx.primary is not None)
            async with world.running(reader):
                await world.create(widget("w"))
                await world.settle()
                await world.delete(WIDGET, "w")
                await world.settle()

            assert reader.seen == [True, False]
            assert reasons(world.runs("w")) == [("Widget default/w appeared",), ("Widget default/w vanished",)]

        simulate(main)

    def test_a_predicate_passes_over_changes_and_the_next_run_still_sees_them(self) -> None:
        class Picky(Reader):
            predicates = {WIDGET: generation_changed}  # noqa: RUF012 -- a ClassVar of the base class

        async def main(world: World) -> None:
            reader = Picky(lambda ctx: (ctx.primary or {})["metadata"].get("labels"))
            await world.create(widget("w"))
            async with world.running(reader):
                await world.patch(WIDGET, "w", {"metadata": {"labels": {"a": "b"}}})
                await world.settle()
                assert reader.seen == [None]
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle()

            assert reader.seen == [None, {"a": "b"}]

        simulate(main)


class TestFailedRuns:
    def test_a_failed_run_keeps_the_old_dependencies_and_the_new_ones(self) -> None:
        reads = ["a", "b", "c"]

        class Failing(Reconciler):
            primary = WIDGET
            reads = (CONFIG_MAP,)
            turn = 0

            async def reconcile(self, ctx: Context) -> None:
                name = reads[min(self.turn, 2)]
                self.turn += 1
                ctx.get(CONFIG_MAP, name, confirm=False)
                if name == "b":
                    raise ConfigError("Wrong", "on purpose")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Failing()):
                await world.create(config_map("a"))
                await world.settle()
                assert reasons(world.runs("w"))[1:] == [("ConfigMap default/a appeared",)]
                await world.patch(CONFIG_MAP, "a", {"data": {"x": "1"}})
                await world.settle()
                assert reasons(world.runs("w"))[2:] == [("ConfigMap default/a changed",)]
                await world.patch(CONFIG_MAP, "a", {"data": {"x": "2"}})
                await world.create(config_map("b"))
                await world.settle()

            assert reasons(world.runs("w"))[3:] == []

        simulate(main)

    def test_a_change_while_it_runs_is_matched_against_what_it_has_read_since(self) -> None:
        class Slow(Reconciler):
            primary = WIDGET
            reads = (CONFIG_MAP,)

            def __init__(self, world: World) -> None:
                self.world = world

            async def reconcile(self, ctx: Context) -> None:
                ctx.get(CONFIG_MAP, "c", confirm=False)
                ctx.select(CONFIG_MAP, labels="color=red", confirm=False)
                if len(self.world.reports) == 0:
                    await self.world.create(RED)
                    await self.world.settle()

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Slow(world)):
                await world.settle(10)

            assert len(world.runs("w")) == 2
            assert set(world.runs("w")[1].reasons) == {
                "ConfigMap default/c appeared",
                "ConfigMap default/c appeared" + BY_SELECTION,
            }

        simulate(main)


class TestDeclarations:
    def test_reading_an_undeclared_kind_names_the_line_to_add(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Reader(lambda ctx: ctx.get(SECRET, "s"))):
                pass
            error = world.runs("w")[0].outcome.error
            assert str(error) == (
                'Reader uses Secret.v1, which it doesn\'t declare; add to its class: reads = [Resource("v1", "Secret")]'
            )

        simulate(main)

    def test_a_kind_that_is_absent_holds_back_its_controller_alone(self) -> None:
        class NeedsMissing(Reader):
            name = "needs-missing"
            reads = (Resource("example.com/v1", "Missing"),)

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Reader(get_c), NeedsMissing(get_c)) as manager:
                await world.settle(90)

                assert manager.health().waiting == {"needs-missing": (Resource("example.com/v1", "Missing"),)}
                assert {report.controller for report in world.reports} == {"reader"}

        simulate(main)

    def test_an_optional_kind_that_is_absent_counts_as_empty(self) -> None:
        missing = Resource("example.com/v1", "Missing").optional()

        class Optional(Reader):
            reads = (missing,)

        async def main(world: World) -> None:
            reader = Optional(lambda ctx: ctx.select(missing))
            await world.create(widget("w"))
            async with world.running(reader):
                await world.settle(90)

            assert reader.seen == [[]]

        simulate(main)
