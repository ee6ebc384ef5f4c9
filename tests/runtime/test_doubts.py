"""What isn't known of a write is read live, object by object, before its key runs again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from reconcilekit import Context, ObjectKey, Reconciler
from reconcilekit.testing.apiserver import Fault
from tests.runtime.world import CONFIG_MAP, CRD, GADGET, SECRET, WIDGET, World, crd, obj, simulate, widget


class Maker(Reconciler):
    """Applies what the Widget's spec says: a ConfigMap, a Secret, a Gadget that may be absent."""

    primary = WIDGET
    owns = (CONFIG_MAP, SECRET, GADGET.optional())

    async def reconcile(self, ctx: Context) -> None:
        spec = (ctx.primary or {}).get("spec", {})
        for resource in (CONFIG_MAP, SECRET, GADGET):
            if resource.kind in spec:
                ctx.apply(obj(resource, "made", data={"n": spec[resource.kind]}))


def statuses(world: World, method: str, plural: str) -> list[int]:
    """What the manager was answered for the object that it made, as far as it was answered at all."""
    return [
        record.status
        for record in world.server.requests
        if (record.method, record.user_agent) == (method, "tests")
        and record.path.endswith(f"/{plural}/made")
        and record.status is not None
    ]


@contextlib.asynccontextmanager
async def lost_create_of_a_gadget(world: World, *, read: Fault, lag: float = 0.0) -> AsyncIterator[None]:
    """A Widget asks for a Gadget. The create takes effect, its answer is lost, and `read` is what follows of reads."""
    await world.create(widget("w"))
    async with world.running(Maker()):
        world.server.lag("gadgets", lag)
        world.server.faults.add(Fault(method="PATCH", path="*/gadgets/made", when="after", action="drop"))
        world.server.faults.add(read)
        await world.patch(WIDGET, "w", {"spec": {"Gadget": "1"}})
        yield


async def ask_for_a_config_map_instead(world: World) -> None:
    """Nothing holds up the key."""
    await world.patch(WIDGET, "w", {"spec": {"Gadget": None, "ConfigMap": "1"}})
    await world.settle(1000)

    assert world.has(CONFIG_MAP, "made")
    assert world.runs("w")[-1].outcome.verdict.value == "done"


FAILING = Fault(method="GET", path="*/gadgets/made", count=None)
STRAY = Fault(method="GET", path="*/gadgets/made", status=404, body="404 page not found")


def test_the_doubts_after_one_that_fails_stay() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Maker()):
            world.server.lag("configmaps", 100.0)
            world.server.lag("secrets", 100.0)
            await world.patch(WIDGET, "w", {"spec": {"ConfigMap": "MQ==", "Secret": "MQ=="}})
            await world.settle()
            world.server.faults.add(Fault(method="GET", path="*/configmaps/made", user_agent="tests", count=2))
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle(40)

            assert statuses(world, "GET", "configmaps") == [500, 500, 200]
            assert statuses(world, "GET", "secrets") == [200]
            assert statuses(world, "PATCH", "secrets") == [201]

    simulate(main)


def test_a_doubt_of_an_optional_kind_that_is_gone_holds_up_no_key() -> None:
    async def main(world: World) -> None:
        async with lost_create_of_a_gadget(world, read=FAILING):
            await world.settle(0.5)
            await world.user.delete(CRD, ObjectKey("", "gadgets.example.com"))

            await ask_for_a_config_map_instead(world)

    simulate(main)


def test_a_doubt_of_a_kind_that_came_back_with_another_scope_holds_up_no_key() -> None:
    async def main(world: World) -> None:
        async with lost_create_of_a_gadget(world, read=FAILING):
            await world.settle(0.5)
            await world.user.delete(CRD, ObjectKey("", "gadgets.example.com"))
            for watch in list(world.server.watches):
                watch.break_off()
            await world.settle(30)
            await world.create(crd("Gadget", scope="Cluster"))

            await ask_for_a_config_map_instead(world)

    simulate(main)


def test_a_stray_404_of_a_kind_in_doubt_is_no_proof_that_the_write_is_gone() -> None:
    """An API server that has just started answers so for every custom kind."""

    async def main(world: World) -> None:
        async with lost_create_of_a_gadget(world, read=STRAY, lag=20.0):
            await world.settle(60)

            assert len(world.writes()) == 1
            assert statuses(world, "GET", "gadgets") == [404, 200]
            assert world.runs("w")[-1].outcome.verdict.value == "done"

    simulate(main)
