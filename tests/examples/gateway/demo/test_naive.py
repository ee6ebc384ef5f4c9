"""The naive controller loses on one fault what the others keep: so the tests of those can fail."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from examples.gateway.controllers import scope_of
from examples.gateway.demo.naive import NaiveController
from examples.gateway.fleet import Fleet
from examples.gateway.kinds import HTTP_ROUTE
from examples.gateway.rendering import DataPlane
from reconcilekit import Client, StateStore
from reconcilekit.testing.apiserver import Fault
from tests.examples.gateway.world import INTERNAL, PUBLIC, World, simulate, virtual_hosts

TOUCH = {"metadata": {"labels": {"touched": "true"}}}
FAULT = Fault(path="*/tokenpolicies", user_agent="naive", count=1)


@contextlib.asynccontextmanager
async def naive(world: World) -> AsyncIterator[NaiveController]:
    client = Client(world.server.transport(user_agent="naive"), clock=world.clock, field_manager="naive")
    world.state = StateStore()
    controller = NaiveController(client, state=world.state, data_planes=lambda gateway: DataPlane(), clock=world.clock)
    with Fleet(world.state, world.envoys):
        async with controller.running():
            await world.settle()
            yield controller


def test_without_faults_it_publishes_what_the_others_publish() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            pass
        good = {gateway: world.published(gateway) for gateway in (PUBLIC, INTERNAL)}
        async with naive(world) as controller:
            assert controller.logged == []
            assert {gateway: world.published(gateway) for gateway in good} == good

    simulate(main)


@pytest.mark.lanes("embedded")  # the naive one lists everything at each change, which takes a real one half a minute
def test_one_failed_list_and_one_change_lose_every_route_and_nothing_retries() -> None:
    async def main(world: World) -> None:
        async with naive(world) as controller:
            world.server.faults.add(FAULT)
            await world.patch(HTTP_ROUTE, "health", TOUCH)
            await world.settle()

            (logged,) = controller.logged
            assert logged.endswith("500: etcdserver: leader changed")
            reconciles = controller.reconciles
            assert not any("route" in each for host in virtual_hosts(world.published()) for each in host["routes"])
            assert world.published().clusters == {}
            assert world.published().listeners

            await world.settle(24 * 3600)

            assert controller.reconciles == reconciles
            assert world.published().clusters == {}
            assert world.state.snapshot()[scope_of(PUBLIC)].verdict().is_acked

            await world.patch(HTTP_ROUTE, "health", {"metadata": {"labels": {"touched": "again"}}})
            await world.settle()

            assert "shop/store/80" in world.published().clusters

    simulate(main)


def test_the_others_keep_every_route_through_the_same_fault_and_change() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            good = world.published()
            world.server.faults.add(Fault(user_agent="gateway", count=1))
            await world.patch(HTTP_ROUTE, "health", TOUCH)
            await world.settle()

            assert world.published() == good
            assert len(world.publications()) == 1

    simulate(main)
