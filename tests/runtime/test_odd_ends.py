"""Runs that end oddly: cancelled from within, refused before they begin, or with leftovers of an earlier primary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import tenacity

from reconcilekit import ConfigError, Context, ObjectKey, Reconciler, Resource, Scope, TransientError
from tests.runtime.wire import make_manager, verdicts
from tests.runtime.world import CONFIG_MAP, WIDGET, World, config_map, crd, obj, simulate, widget

ZONE = Resource("example.com/v1", "Zone")


class Abrupt(BaseException):
    """Like the exceptions of test frameworks, it isn't an Exception."""


async def await_what_was_cancelled() -> None:
    shared = asyncio.get_running_loop().create_future()
    shared.cancel()
    await shared


async def raise_a_group() -> None:
    raise BaseExceptionGroup("several", [ValueError("x"), asyncio.CancelledError()])


async def raise_abruptly() -> None:
    raise Abrupt("stop here")


@pytest.mark.parametrize("end", [await_what_was_cancelled, raise_a_group, raise_abruptly])
def test_what_isn_t_an_exception_has_a_backoff_like_one(end: Callable[[], Coroutine[None, None, None]]) -> None:
    class Ends(Reconciler):
        primary = WIDGET

        async def reconcile(self, ctx: Context) -> None:
            await end()

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Ends()):
            assert 0 < len(world.runs("w")) < 20
            assert set(verdicts(world, "w")) == {"transient"}
            error = world.runs("w")[0].outcome.error
            assert "reconcile was cancelled" in str(error) or "reconcile raised" in str(error)

    simulate(main)


@pytest.mark.parametrize("order", [KeyboardInterrupt, SystemExit])
def test_orders_to_the_whole_process_pass(order: type[BaseException]) -> None:
    class Ends(Reconciler):
        primary = WIDGET

        async def reconcile(self, ctx: Context) -> None:
            raise BaseExceptionGroup("several", [ValueError("x"), order()])

    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Ends()):
            pass

    with pytest.raises(order):
        simulate(main)


def test_a_run_that_can_t_begin_leaves_no_view_open() -> None:
    """Reading the primary fails; an open view would keep every later version of every object."""

    class Wakes(Reconciler):
        primary = WIDGET

        async def reconcile(self, ctx: Context) -> None:
            pass

    async def main(world: World) -> None:
        await world.create(widget("w"))
        manager = make_manager(world, Wakes()).scope(WIDGET, Scope(namespaces=("default",)))
        async with manager.running():
            await world.settle()
            controller = manager._session.controllers[0]  # type: ignore[union-attr]
            with pytest.raises(Exception, match="elsewhere"):
                controller._runner._begin(ObjectKey("elsewhere", "w"), None)  # type: ignore[arg-type]
            for n in range(5):
                await world.patch(WIDGET, "w", {"spec": {"n": n}})
                await world.settle()
            assert controller._at.cache.store(WIDGET).statistics().kept_versions == 0

    simulate(main)


class Owner(Reconciler):
    """Owns one ConfigMap of a fixed name."""

    primary = WIDGET
    owns = (CONFIG_MAP,)

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is not None:
            ctx.apply(config_map("child", of=ctx.key.name))


def test_a_child_of_an_earlier_primary_of_that_name_is_waited_for() -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"))
        async with world.running(Owner()):
            await world.delete(WIDGET, "w")
            await world.settle()
            await world.create(widget("w"))
            await world.settle(300)

            assert verdicts(world, "w")[:3] == ["done", "done", "transient"]
            assert set(verdicts(world, "w")[2:]) == {"transient"}
            assert "belongs to an earlier Widget w and is being collected" in str(world.runs("w")[2].outcome.error)
            await world.delete(CONFIG_MAP, "child")
            await world.settle(1)
            assert verdicts(world, "w")[-1] == "done"
            assert world.has(CONFIG_MAP, "child")

    simulate(main)


def test_a_child_of_another_kind_s_object_of_that_name_is_somebody_else_s() -> None:
    async def main(world: World) -> None:
        await world.create(crd("Zone"), obj(ZONE, "w"), widget("w"))
        zone = await world.get(ZONE, "w")
        child = config_map("child")
        child["metadata"]["ownerReferences"] = [
            {
                "apiVersion": ZONE.api_version,
                "kind": ZONE.kind,
                "name": "w",
                "uid": zone["metadata"]["uid"],
                "controller": True,
            }
        ]
        await world.create(child)
        async with world.running(Owner()):
            assert verdicts(world, "w") == ["config"]

    simulate(main)


def test_stalled_is_taken_back_by_a_config_error_that_no_condition_tells_of() -> None:
    class Stalls(Reconciler):
        primary = WIDGET
        ready_condition = None

        async def reconcile(self, ctx: Context) -> None:
            if "ok" not in (ctx.primary or {})["spec"]:
                raise TransientError("the cloud is down")
            raise ConfigError("Wrong", "spec.a is wrong")

    async def main(world: World) -> None:
        await world.create(widget("w", a=1))
        async with world.running(Stalls(), stop=tenacity.stop_after_attempt(2)):
            assert (await world.condition("w", "Stalled"))["status"] == "True"
            await world.patch(WIDGET, "w", {"spec": {"ok": 1}})
            await world.settle()

            assert (await world.condition("w", "Stalled"))["status"] == "False"
            assert len((await world.get(WIDGET, "w"))["status"]["conditions"]) == 1
            writes = len(world.writes())
            await world.settle(3600)
            assert len(world.writes()) == writes

    simulate(main)


@pytest.mark.parametrize("says_namespace", [True, False])
def test_a_live_read_defaults_to_the_primary_s_namespace(says_namespace: bool) -> None:
    class Lives(Reconciler):
        primary = WIDGET

        async def reconcile(self, ctx: Context) -> None:
            namespace = ctx.key.namespace if says_namespace else None
            await ctx.live.get(CONFIG_MAP, "c", namespace=namespace)
            await ctx.live.get(ZONE, "z", namespace=namespace)

    async def main(world: World) -> None:
        await world.create(crd("Zone", scope="Cluster"), obj(ZONE, "z", namespace=""), widget("w"), config_map("c"))
        async with world.running(Lives()):
            assert verdicts(world, "w") == ["done"]

    simulate(main)
