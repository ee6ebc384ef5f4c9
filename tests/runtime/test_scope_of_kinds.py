"""Whether a kind is namespaced, and has a status, is known from what was listed, also while discovery doubts it."""

from __future__ import annotations

import pytest

from reconcilekit import Client, Context, ObjectKey, Reconciler, Resource
from reconcilekit.testing.apiserver import Fault
from tests.runtime.wire import make_manager
from tests.runtime.world import CRD, WIDGET, World, crd, obj, simulate, widget

ZONE = Resource("example.com/v1", "Zone")
STRAY = "404 page not found"


class Reader(Reconciler):
    """Says whether the Zone "x" is there, and reads it live where the Widget says so."""

    primary = WIDGET
    reads = (ZONE,)

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        zone = ctx.get(ZONE, "x", confirm=False)
        if ctx.primary["spec"].get("live"):
            await ctx.live.get(ZONE, "x")
        ctx.condition("Ready", zone is not None, reason="Looked")


class OptionalReader(Reconciler):
    """The same of a kind that may be absent."""

    primary = WIDGET
    reads = (ZONE.optional(),)

    def __init__(self, *, confirm: bool = True) -> None:
        self.confirm = confirm

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is not None:
            zone = ctx.get(ZONE, "x", confirm=self.confirm)
            ctx.condition("Ready", zone is not None, reason="Looked")


async def ready(world: World, name: str) -> str:
    status: str = (await world.condition(name))["status"]
    return status


def test_a_cluster_scoped_kind_in_doubt_is_read_where_it_stands() -> None:
    async def main(world: World) -> None:
        await world.create(crd("Zone", scope="Cluster"))
        await world.create(widget("w"), widget("v"), obj(ZONE, "x", namespace=""))
        async with world.running(Reader()):
            stray = Fault(path="*/zones/x", status=404, body=STRAY, count=1, user_agent="tests")
            world.server.faults.add(stray)
            await world.patch(WIDGET, "w", {"spec": {"live": True}})
            await world.settle(0.1)
            await world.patch(WIDGET, "v", {"spec": {"n": 1}})
            await world.settle()

            assert await ready(world, "v") == "True"

    simulate(main)


def test_the_status_of_a_kind_in_doubt_is_written_where_it_stands() -> None:
    class Poster(Reconciler):
        primary = ZONE

        async def reconcile(self, ctx: Context) -> None:
            ctx.condition("Ready", True, reason=f"Seen{(ctx.primary or {})['spec']['n']}")

    async def main(world: World) -> None:
        await world.create(crd("Zone", status=False), obj(ZONE, "x", spec={"n": 1}))
        client = Client(world.server.transport(user_agent="tests"), clock=world.clock, field_manager="tests")
        manager = make_manager(world, Poster(), client=client)
        async with manager.running():
            await world.settle()
            client.discovery.doubt(ZONE)
            await world.patch(ZONE, "x", {"spec": {"n": 2}})
            await world.settle()

            assert (await world.condition("x", resource=ZONE))["reason"] == "Seen2"
            assert not any("/status" in write for write in world.writes())

    simulate(main)


@pytest.mark.parametrize("confirm", [True, False])
@pytest.mark.parametrize(("scope", "namespace"), [("Cluster", ""), ("Namespaced", "default")])
def test_what_appears_of_a_kind_that_was_absent_wakes_who_looked_for_it(
    confirm: bool, scope: str, namespace: str
) -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(OptionalReader(confirm=confirm)):
            assert await ready(world, "w") == "False"
            await world.create(crd("Zone", scope=scope))
            await world.settle(120)
            await world.create(obj(ZONE, "x", namespace=namespace))
            await world.settle()

            assert await ready(world, "w") == "True"

    simulate(main)


def test_a_kind_that_comes_back_with_another_scope_wakes_who_looked_for_it() -> None:
    async def main(world: World) -> None:
        await world.create(crd("Zone"), widget("w"))
        async with world.running(OptionalReader()):
            await world.user.delete(CRD, ObjectKey("", "zones.example.com"))
            await world.settle(200)
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle()
            await world.create(crd("Zone", scope="Cluster"))
            world.user.discovery.doubt(ZONE)
            await world.settle(120)
            await world.create(obj(ZONE, "x", namespace=""))
            await world.settle()

            assert await ready(world, "w") == "True"

    simulate(main)


def test_a_hole_of_a_kind_that_has_just_appeared_is_confirmed_where_its_objects_stand() -> None:
    """The view is older than the kind, the confirmation younger: no run may fail because of that."""

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(OptionalReader()):
            await world.create(crd("Zone", scope="Cluster"), obj(ZONE, "x", namespace=""))
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle(120)

            assert {run.outcome.verdict.value for run in world.runs("w")} <= {"done", "transient"}
            assert await ready(world, "w") == "True"

    simulate(main)
