"""Reads of the StateStore are dependencies: content, verdicts, and whether the first publication is held."""

from __future__ import annotations

from reconcilekit import Context, Reconciler
from reconcilekit.state import Publication
from tests.runtime.world import GADGET, WIDGET, World, obj, simulate, widget

SCOPE = "all"


class Publisher(Reconciler):
    """Publishes an entry for each Gadget, and takes its time for it."""

    primary = GADGET
    publishes = True

    def __init__(self, world: World, seconds: float = 0.0) -> None:
        self._world = world
        self._seconds = seconds

    async def reconcile(self, ctx: Context) -> None:
        await self._world.clock.sleep(self._seconds)
        if ctx.primary is not None:
            ctx.state(SCOPE)[ctx.key.name] = ctx.primary["spec"]


class Reader(Reconciler):
    """Remembers what it saw of a scope."""

    primary = WIDGET

    def __init__(self, world: World, scope: str = SCOPE, *, seconds: float = 0.0) -> None:
        self._world = world
        self._scope = scope
        self._seconds = seconds
        self.seen: list[tuple[bool, bool]] = []

    async def reconcile(self, ctx: Context) -> None:
        snapshot = ctx.read_state(self._scope)
        self.seen.append((snapshot.is_held, snapshot.verdict().is_acked))
        await self._world.clock.sleep(self._seconds)


class Consumer:
    """Acknowledges `seconds` after an offer."""

    name = "consumer"

    def __init__(self, world: World, seconds: float) -> None:
        self._world = world
        self._seconds = seconds

    def offer(self, publication: Publication) -> None:
        self._world.clock.call_later(self._seconds, publication.ack)


def test_the_end_of_the_hold_wakes_who_read_a_scope_that_does_not_exist() -> None:
    async def main(world: World) -> None:
        await world.create(widget("reader"), obj(GADGET, "publisher", spec={}))
        reader = Reader(world, "nobody publishes here")
        async with world.running(Publisher(world, seconds=1.0), reader):
            assert [is_held for is_held, _ in reader.seen] == [True, False]

    simulate(main)


def test_the_end_of_the_hold_during_a_first_run_is_not_missed() -> None:
    async def main(world: World) -> None:
        await world.create(widget("reader"), obj(GADGET, "publisher", spec={}))
        reader = Reader(world, "nobody publishes here", seconds=2.0)
        async with world.running(Publisher(world, seconds=1.0), reader):
            await world.settle()
            assert [is_held for is_held, _ in reader.seen] == [True, False]

    simulate(main)


def test_a_verdict_during_a_first_run_is_not_missed() -> None:
    async def main(world: World) -> None:
        await world.create(obj(GADGET, "publisher", spec={}))
        reader = Reader(world, seconds=1.0)
        async with world.running(Publisher(world), reader) as manager:
            manager.state.scope(SCOPE).subscribe(Consumer(world, 0.5))
            await world.create(widget("reader"))
            await world.settle()

            assert reader.seen == [(False, False), (False, True)]

    simulate(main)
