"""Absence where the server was restored, where a kind goes, and where what is found can't be read."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from reconcilekit import Context, ObjectKey, Reconciler
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import Fault
from tests.runtime.test_absence import Publisher, Selector
from tests.runtime.wire import recording, running, verdicts
from tests.runtime.world import CONFIG_MAP, CRD, GADGET, WIDGET, World, config_map, obj, simulate, widget


def lists(world: World) -> int:
    return world.server.count(method="GET", path="/api/v1/configmaps")


@pytest.mark.lanes("embedded")  # a real one can't be put back to an older state within a test
@pytest.mark.parametrize("reconciler", [Publisher(), Selector()])
def test_what_a_restored_server_has_again_is_listed_anew_without_a_hot_loop(reconciler: Reconciler) -> None:
    async def main(world: World) -> None:
        await world.create(widget("w", ref="c"), config_map("c", labels={"for": "w"}))
        slow = world.server.transport(user_agent="tests", latency=lambda: 0.005)
        async with running(world, reconciler, wire=slow):
            snapshot = world.server.snapshot()
            await world.delete(CONFIG_MAP, "c")
            await world.settle()
            world.server.restore(snapshot, watches="silent")
            before = len(world.runs("w"))
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.patch(WIDGET, "w", {"spec": {"n": 2}})
            await world.patch(WIDGET, "w", {"spec": {"n": 3}})
            await world.settle(60)

            assert len(world.runs("w")) - before < 10
            assert world.server.count(path="*/configmaps/c") + lists(world) < 20
            assert (await world.condition("w", "Resolved"))["status"] == "True"

    simulate(main)


class Looker(Reconciler):
    """Says whether a Gadget is there that it can't do without."""

    primary = WIDGET
    reads = (GADGET,)

    async def reconcile(self, ctx: Context) -> None:
        ctx.condition("Ready", ctx.get(GADGET, "g") is not None, reason="Looked")


class Indifferent(Reconciler):
    """Can do without Gadgets, and looks for the same one."""

    primary = CONFIG_MAP
    reads = (GADGET.optional(),)

    async def reconcile(self, ctx: Context) -> None:
        ctx.get(GADGET.optional(), "g")


def test_a_kind_that_one_controller_can_do_without_isn_t_so_for_another() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"), config_map("c"), obj(GADGET, "g"))
        async with world.running(Indifferent(), Looker()):
            await world.user.delete(CRD, ObjectKey("", "gadgets.example.com"))
            for n in range(10):
                await world.patch(CONFIG_MAP, "c", {"data": {"n": str(n)}})
                await world.settle(30)

            assert (await world.condition("w"))["status"] == "True"
            assert verdicts(world, "w")[-1] == "transient"
            assert verdicts(world, "c")[-1] == "done"

    simulate(main)


def test_a_stray_404_for_a_kind_proves_no_absence() -> None:
    """An API server that has just started gives it for every custom kind."""

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Looker()):
            world.server.lag("gadgets", 5.0)
            await world.create(obj(GADGET, "g"))
            world.server.faults.add(Fault(method="GET", path="*/gadgets/g", status=404, body="404 page not found"))
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle(1)

            assert verdicts(world, "w") == ["done", "transient"]
            assert (await world.condition("w"))["observedGeneration"] == 1
            await world.settle(10)
            assert (await world.condition("w"))["status"] == "True"

    simulate(main)


def test_what_can_t_be_read_doesn_t_count_as_absent() -> None:
    def spoil(request: Request, answer: Response) -> Response:
        if request.path.endswith("/configmaps") and "labelSelector" in request.query:
            return Response(status=200, body=b'{"items": [{"metadata": {"name": "c", "labels": 7}}], "metadata": {}}')
        return answer

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with running(world, Selector(), wire=recording(world, change=spoil)):
            assert set(verdicts(world, "w")) == {"transient"}
            assert world.writes() == []

    simulate(main)


def test_an_empty_page_that_others_follow_isn_t_the_whole() -> None:
    async def main(world: World) -> None:
        def page(request: Request, answer: Response) -> Response:
            if not request.path.endswith("/configmaps") or "labelSelector" not in request.query:
                return answer
            if "continue" not in request.query:
                return Response(status=200, body=b'{"items": [], "metadata": {"continue": "more"}}')
            body = {"items": [world.server.object(CONFIG_MAP, "c", namespace="default")], "metadata": {}}
            return Response(status=200, body=json.dumps(body).encode())

        world.server.lag("configmaps", 1.0)
        async with running(world, Selector(), wire=recording(world, change=page)):
            await world.create(config_map("c", labels={"for": "w"}), widget("w"))
            await world.settle()

            assert (await world.condition("w", "Resolved"))["status"] == "True"
            assert len(world.writes()) == 1

    simulate(main)


def test_many_holes_are_asked_for_at_once_but_not_all() -> None:
    class Inner(Reconciler):
        primary = WIDGET
        reads = (CONFIG_MAP,)

        async def reconcile(self, ctx: Context) -> None:
            for n in range(20):
                ctx.get(CONFIG_MAP, f"c{n:02}")

    async def main(world: World) -> None:
        await world.create(widget("w"))
        slow = world.server.transport(user_agent="tests", latency=lambda: 1.0)
        async with running(world, Inner(), wire=slow):
            await world.settle(20)
            asked = [r for r in world.server.requests if "/configmaps/c" in r.path]
            names = sorted((record.at, record.path[-3:]) for record in asked)

            assert [name for _, name in names] == [f"c{n:02}" for n in range(20)]
            assert list(Counter(at for at, _ in names).values()) == [8, 8, 4]

    simulate(main)
