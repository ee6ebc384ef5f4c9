"""Envoys are connected as their Gateways appear, and keep what they have when a controller goes."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from examples.gateway.controllers import scope_of
from examples.gateway.fleet import Fleet, node_id
from examples.gateway.kinds import GATEWAY
from reconcilekit import ObjectKey, StateStore
from reconcilekit.state import Publication, ScopeSnapshot

from .world import INTERNAL, PUBLIC, FakeEnvoys, World, simulate


def publish(state: StateStore, gateway: ObjectKey, **entries: object) -> None:
    with state.stage(owner=str(gateway), replace=True) as stage:
        stage[scope_of(gateway)].update(entries)


def scope(world: World, gateway: ObjectKey) -> ScopeSnapshot:
    return world.state.snapshot()[scope_of(gateway)]


def test_a_scope_is_subscribed_to_when_it_appears_and_once() -> None:
    async def main(world: World) -> None:
        world.state, envoys = StateStore(), FakeEnvoys(world.clock)
        publish(world.state, PUBLIC, one=1)
        with Fleet(world.state, envoys) as fleet:
            assert [each.name for each in scope(world, PUBLIC).subscribers] == ["gateway/edge/public"]
            publish(world.state, INTERNAL, two=2)
            publish(world.state, INTERNAL, two=3)
            with world.state.stage(owner="a route") as stage:
                stage["verdicts/shop/store"]["edge/public"] = ()
            await world.settle()

            assert repr(fleet) == "<Fleet ['gateway/edge/internal', 'gateway/edge/public']>"
            assert len(scope(world, INTERNAL).subscribers) == 1
            assert envoys.node("gateway/edge/internal").serving == {"two": 3}
            assert world.state.snapshot()["verdicts/shop/store"].subscribers == ()

    simulate(main, apply=False)


def test_after_the_end_nobody_is_connected_and_nothing_is_taken_away() -> None:
    async def main(world: World) -> None:
        world.state, envoys = StateStore(), FakeEnvoys(world.clock)
        with Fleet(world.state, envoys):
            publish(world.state, PUBLIC, one=1)
            await world.settle()
            publish(world.state, INTERNAL, two=2)  # told of only after the end
        publish(world.state, PUBLIC, one=2)
        await world.settle()

        assert scope(world, PUBLIC).subscribers == ()
        assert scope(world, INTERNAL).subscribers == ()
        assert envoys.node(node_id(PUBLIC)).serving == {"one": 1}
        assert len(envoys.node(node_id(PUBLIC)).publications) == 1

    simulate(main, apply=False)


def test_a_gateway_made_later_gets_its_envoy_and_a_restart_takes_nothing_from_it() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            later = {**(await world.take_away(GATEWAY, "internal", namespace="edge"))}
            later["metadata"] = {**later["metadata"], "name": "later"}
            await world.create(later)
            await world.settle()
            served = world.published(ObjectKey("edge", "later"))
            assert served.listeners
        assert world.published(ObjectKey("edge", "later")) == served
        async with world.controllers():
            assert world.publications(ObjectKey("edge", "later"))[-1] == served.entries()

    simulate(main)


class Arrival:
    """A subscriber that tells on which thread it was connected; it may be offered things on any."""

    name = "arrival"

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.connected_on: threading.Thread | None = None
        self.arrived: asyncio.Future[None] = self.loop.create_future()

    def node(self, node_id: str) -> Self:
        self.connected_on = threading.current_thread()
        return self

    def offer(self, publication: Publication) -> None:
        self.loop.call_soon_threadsafe(self.arrived.set_result, None)


async def test_a_change_from_another_thread_connects_on_the_loop() -> None:
    state, arrival = StateStore(), Arrival()
    with Fleet(state, arrival):
        thread = threading.Thread(target=publish, args=(state, PUBLIC), kwargs={"one": 1})
        thread.start()
        async with asyncio.timeout(100):
            await arrival.arrived
        thread.join()

    assert arrival.connected_on is threading.current_thread()
