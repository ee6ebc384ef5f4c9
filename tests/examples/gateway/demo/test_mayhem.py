"""What the mayhem hits, how much of it, and that it ends."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from examples.gateway.demo.mayhem import COLLECTIONS, OBJECTS, REQUEST_FAULTS, WATCH_FAULTS, Mayhem
from examples.gateway.kinds import HTTP_ROUTE, TOKEN_POLICY
from reconcilekit import ApiError, Client, ObjectKey, WireError
from tests.examples.gateway.world import World, simulate


async def ask(world: World, client: Client, times: int) -> int:
    """How many of these requests failed."""
    failed = 0
    for _ in range(times):
        try:
            await client.get(HTTP_ROUTE, ObjectKey("shop", "store"))
            await client.list_page(TOKEN_POLICY)
        except (ApiError, WireError):
            failed += 1
    return failed


@pytest.mark.lanes("embedded")  # it is about the faults
def test_every_kind_of_fault_strikes_the_controllers_and_nobody_else() -> None:
    async def main(world: World) -> None:
        transport = world.server.transport(user_agent="gateway (reconcilekit)")
        controller = Client(transport, clock=world.clock, field_manager="gateway")
        with Mayhem(world.server, clock=world.clock, probability=0.05) as mayhem:
            failed = await ask(world, controller, 300)
            assert await ask(world, world.user, 300) == 0

        assert failed > 50
        assert set(mayhem.injected) == set(REQUEST_FAULTS)
        hit = {name for name, number in mayhem.injected.items() if number}
        assert hit == set(REQUEST_FAULTS) - {"409 conflict"}  # that's for writes
        assert mayhem.total == len(world.server.faults.log) == sum(mayhem.injected.values())
        assert await ask(world, controller, 100) == 0

    simulate(main)


def test_more_than_ten_kinds_of_faults_besides_the_naive_one() -> None:
    assert len(REQUEST_FAULTS) + len(WATCH_FAULTS) > 11


def test_paths_are_hit_by_one_rule_each() -> None:
    objects = [
        "/api/v1/namespaces/shop/services/store",
        "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/store/status",
    ]
    collections = ["/api", "/apis", "/api/v1/services", "/apis/gateway.networking.k8s.io/v1/httproutes"]
    assert [bool(OBJECTS.fullmatch(path)) for path in objects + collections] == [True] * 2 + [False] * 4
    assert [bool(COLLECTIONS.fullmatch(path)) for path in objects + collections] == [False] * 2 + [True] * 4


def test_watches_are_struck_in_turn_and_the_controllers_come_through() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            with Mayhem(world.server, clock=world.clock, lags=False, probability=0.0) as mayhem:
                striking = asyncio.create_task(mayhem.strike_watches())
                await world.settle(120)
                striking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await striking
            assert mayhem.total == len(mayhem.strikes) > 20
            assert set(mayhem.injected) >= set(WATCH_FAULTS)
            assert len(world.publications()) == 1

    simulate(main)
