"""State that runs publish: the first publish is whole, and a gone key's entries go."""

from __future__ import annotations

import pytest

from reconcilekit import Context, Reconciler, StateStore, TransientError
from reconcilekit.state import Candidate, Publication, ScopeOptions, Veto
from tests.runtime.wire import running, verdicts
from tests.runtime.world import WIDGET, World, simulate, widget


class Node:
    """A subscriber that keeps what it's offered and answers when the test says so."""

    name = "node"

    def __init__(self) -> None:
        self.offers: list[Publication] = []

    def offer(self, publication: Publication) -> None:
        self.offers.append(publication)

    @property
    def contents(self) -> list[dict[str, object]]:
        return [{name: entry.value for name, entry in each.entries.items()} for each in self.offers]


class Publishes(Reconciler):
    """One entry for each Widget; says in the status what became of it."""

    primary = WIDGET
    publishes = True

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        if ctx.primary["spec"].get("fails"):
            raise TransientError("not yet")
        ctx.state("all")[ctx.key.name] = ctx.primary["spec"].get("n", 0)
        verdict = ctx.read_state("all").verdict(ctx.key.name)
        ctx.condition("Programmed", True if verdict.is_acked else "Unknown", reason=verdict.state.name.title())


class TestPublishing:
    def test_nothing_is_published_before_each_primary_has_had_its_say_and_health_names_who_hasn_t(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("a"), widget("b", fails=True), widget("c"))
            for _ in range(2):
                store, node = StateStore(), Node()
                store.scope("all").subscribe(node)
                async with running(world, Publishes(), state=store) as manager:
                    await world.settle(60)
                    assert node.offers == []
                    assert manager.health().held == {"publishes:default/b"}
            async with running(world, Publishes(), state=store) as manager:
                await world.patch(WIDGET, "b", {"spec": {"fails": None}})
                await world.settle(120)
                assert node.contents == [{"a": 0, "b": 0, "c": 0}]
                assert manager.health().held == frozenset()

        simulate(main)

    def test_a_store_that_was_published_goes_on_with_another_run_of_the_manager(self) -> None:
        async def main(world: World) -> None:
            store, node = StateStore(), Node()
            store.scope("all").subscribe(node)
            await world.create(widget("a"), widget("b"))
            async with running(world, Publishes(), state=store):
                assert node.contents == [{"a": 0, "b": 0}]
                assert node.offers[-1].ack()
            await world.delete(WIDGET, "b")
            async with running(world, Publishes(), state=store):
                await world.settle(10)
                assert node.contents[-1] == {"a": 0}
                assert verdicts(world, "a")[-1] == "done"

        simulate(main)

    def test_a_gone_primary_removes_its_entries(self) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await world.create(widget("a"), widget("b"))
            async with running(world, Publishes(), state=store):
                await world.delete(WIDGET, "a")
                await world.settle()
                assert set(store.snapshot()["all"].entries) == {"b"}

        simulate(main)

    def test_a_gone_primary_removes_them_whatever_its_last_run_staged(self, caplog: pytest.LogCaptureFixture) -> None:
        class Stubborn(Reconciler):
            primary = WIDGET
            publishes = True

            async def reconcile(self, ctx: Context) -> None:
                ctx.state("all")[ctx.key.name] = 1

        def keep_b(candidate: Candidate) -> list[Veto]:
            missing = "b" in candidate.diff.removed
            return [Veto(entry="b", message="b has to stay")] if missing else []

        async def main(world: World) -> None:
            store = StateStore(options=ScopeOptions(validators=(keep_b,)))
            await world.create(widget("a"), widget("b"), widget("c"))
            async with running(world, Stubborn(), state=store):
                for name in ("a", "b"):
                    await world.delete(WIDGET, name)
                await world.settle()
                assert set(store.snapshot()["all"].entries) == {"b", "c"}
                await world.patch(WIDGET, "c", {"spec": {"n": 1}})
                await world.settle()
                assert verdicts(world, "c") == ["done", "done"]

        simulate(main)
        assert "the state of stubborn:default/b, which is gone, can't be removed: Vetoed" in caplog.text

    def test_an_ack_wakes_the_key_that_read_the_scope_and_nobody_else(self) -> None:
        class Idle(Reconciler):
            primary = WIDGET

            async def reconcile(self, ctx: Context) -> None:
                """It reads no state."""

        async def main(world: World) -> None:
            store, node = StateStore(), Node()
            store.scope("all").subscribe(node)
            await world.create(widget("a"))
            async with running(world, Publishes(), Idle(), state=store):
                assert (await world.condition("a", "Programmed"))["status"] == "Unknown"
                before = len(world.reports)
                node.offers[-1].ack()
                await world.settle()
                assert (await world.condition("a", "Programmed"))["status"] == "True"
                woken = [(report.controller, report.reasons) for report in world.reports[before:]]
                # The other controller sees the status that follows, not the ACK.
                assert woken == [
                    ("publishes", ("state all changed",)),
                    ("idle", ("Widget default/a changed",)),
                ]

        simulate(main)


def test_a_key_whose_entry_belonged_to_another_runs_once_that_lets_go() -> None:
    class Claims(Reconciler):
        primary = WIDGET
        publishes = True

        async def reconcile(self, ctx: Context) -> None:
            if ctx.primary is not None and ctx.primary["spec"]["claims"]:
                ctx.state("scope")["entry"] = ctx.key.name

    async def main(world: World) -> None:
        await world.create(widget("w1", claims=True), widget("w2", claims=False))
        async with world.running(Claims()) as manager:
            await world.patch(WIDGET, "w2", {"spec": {"claims": True}})
            await world.settle()
            assert (await world.condition("w2"))["reason"] == "EntryOwned"
            assert dict(manager.state.snapshot()["scope"]) == {"entry": "w1"}

            await world.patch(WIDGET, "w1", {"spec": {"claims": False}})
            await world.settle()
            assert dict(manager.state.snapshot()["scope"]) == {"entry": "w2"}

    simulate(main)
