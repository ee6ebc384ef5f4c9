"""What the demo's user does, followed on virtual time by the real controllers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import attrs
import pytest

from examples.gateway.demo.changes import SHOP, STORES, User
from examples.gateway.demo.setting import Setting
from examples.gateway.kinds import ENDPOINT_SLICE, HTTP_ROUTE, SERVICE, TOKEN_POLICY
from reconcilekit.testing.apiserver import Fault
from tests.examples.gateway.world import CONTROLLER, PUBLIC, World, check_whole, simulate


@attrs.frozen
class Ports:
    """Stands where the backends stand."""

    ports: dict[str, int]
    host: str = "10.244.0.1"


@attrs.frozen
class Place:
    """What a user needs of a setting."""

    clock: Any
    server: Any
    user: Any
    backends: Any


def setting(world: World) -> Setting:
    ports = Ports({name: 9001 + number for number, name in enumerate(STORES)})
    return cast(Setting, Place(world.clock, world.server, world.user, ports))


@contextlib.asynccontextmanager
async def working(world: World, *, seconds: float, patience: float = 40.0) -> AsyncIterator[User]:
    user = User(setting(world), lambda: world.state, patience=patience)
    end = world.clock.monotonic() + seconds
    await user.change_routes(until=lambda: world.clock.monotonic() > end)
    await user.wait_done()
    yield user


@pytest.mark.lanes("embedded")  # five seconds of them take a real one half a minute; test_story has it there
def test_every_change_comes_through_and_nothing_is_left_lying_about() -> None:
    async def main(world: World) -> None:
        async with world.controllers(), working(world, seconds=5) as user:
            assert len(user.changes) > 50
            assert all(change.seconds is not None for change in user.changes)
            kinds = {change.what.split()[0] for change in user.changes}
            assert kinds == {"store", "cart", "route", "admin"}

            for publication in world.publications(PUBLIC):
                check_whole(publication)
            stores = [each for each in world.server.objects(SERVICE, namespace=SHOP) if "store" in str(each)]
            assert len(stores) <= 3  # "store", which the health route names, the present one, and at most one before
            slices = world.server.objects(ENDPOINT_SLICE, namespace=SHOP)
            assert len(slices) == len(world.server.objects(SERVICE, namespace=SHOP))
            assert len(world.server.objects(TOKEN_POLICY)) == 1
            assert not [each for each in world.server.objects(HTTP_ROUTE) if "extra" in each["metadata"]["name"]]

    simulate(main)


def test_a_change_that_does_not_come_through_in_time_is_told() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            world.server.faults.add(Fault(path="*/httproutes/*", user_agent=CONTROLLER, count=None))
            async with working(world, seconds=1, patience=2.0) as user:
                assert user.changes
                assert {change.seconds for change in user.changes} == {None}

    simulate(main)
