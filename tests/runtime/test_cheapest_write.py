"""The cheapest correct write: nothing where nothing differs, and nobody else's objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs

from reconcilekit import Context, Reconciler
from reconcilekit.kube.transport import Request, Response
from tests.runtime.wire import recording, running, verdicts
from tests.runtime.world import CONFIG_MAP, NAMESPACE, SECRET, WIDGET, World, config_map, obj, simulate, widget


class Child(Reconciler):
    """One child, as the test says."""

    primary = WIDGET
    owns = (CONFIG_MAP, SECRET)

    def __init__(self, desired: Callable[[Context], dict[str, Any]]) -> None:
        self.desired = desired

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary:
            ctx.apply(self.desired(ctx))


class TestTheCheapestCorrectWrite:
    def test_a_field_that_is_no_longer_staged_is_removed_also_across_a_restart(self) -> None:
        def two(ctx: Context) -> dict[str, Any]:
            return config_map("c", a="1", b="2")

        def one(ctx: Context) -> dict[str, Any]:
            return config_map("c", a="1")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Child(two)):
                pass
            await world.patch(CONFIG_MAP, "c", {"data": {"theirs": "3"}})
            async with world.running(Child(one)):
                assert (await world.get(CONFIG_MAP, "c"))["data"] == {"a": "1", "theirs": "3"}
                assert len(world.writes()) == 2
            async with world.running(Child(one)):
                assert len(world.writes()) == 2

        simulate(main)

    def test_what_the_server_normalises_is_written_once(self) -> None:
        """The server takes "1000m" and keeps "1": the apply comes back with the resourceVersion unchanged."""
        sent = itertools.count()

        def normalise(request: Request) -> Request:
            if request.method != "PATCH" or not request.path.endswith("/configmaps/c") or request.body is None:
                return request
            next(sent)
            return attrs.evolve(request, body=request.body.replace(b'"1000m"', b'"1"'))

        async def main(world: World) -> None:
            wire = recording(world)
            inner = wire.send

            async def send(request: Request) -> Response:
                return await inner(normalise(request))

            wire.send = send  # type: ignore[method-assign]  # this server normalises before anything else
            await world.create(widget("w"))
            async with running(world, Child(lambda ctx: config_map("c", cpu="1000m")), wire=wire):
                for n in range(5):
                    await world.patch(WIDGET, "w", {"spec": {"n": n}})
                    await world.settle()

                assert len(world.runs("w")) == 6
                assert next(sent) == 2

        simulate(main)

    def test_a_status_that_says_nothing_new_isn_t_written_whatever_python_calls_it(self) -> None:
        class Tuples(Reconciler):
            primary = WIDGET

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary:
                    ctx.status["addresses"] = ("a", "b")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Tuples()):
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle()
                assert len(world.runs("w")) == 2
                assert len(world.writes()) == 1

        simulate(main)

    def test_two_stagings_with_different_content_are_an_error_that_says_so(self) -> None:
        class Twice(Reconciler):
            primary = WIDGET
            owns = (CONFIG_MAP,)

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary:
                    ctx.apply(config_map("c", a="1"))
                    ctx.apply(config_map("c", a="1"))
                    ctx.apply(config_map("c", a="2"))

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Twice()):
                error = world.runs("w")[0].outcome.error
                expected = "ConfigMap default/c was staged twice with different content; stage it once"
                assert str(error) == expected
                assert (await world.condition("w"))["message"] == expected
                assert not world.has(CONFIG_MAP, "c")

        simulate(main)


class TestOthersObjects:
    def test_one_that_somebody_else_controls_is_left_alone(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"), widget("other", skip=True))
            other = await world.get(WIDGET, "other")
            theirs = config_map("c", a="theirs")
            theirs["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": "example.com/v1",
                    "kind": "Widget",
                    "name": "other",
                    "uid": other["metadata"]["uid"],
                    "controller": True,
                }
            ]
            await world.create(theirs)

            class Careful(Child):
                name = "careful"

                async def reconcile(self, ctx: Context) -> None:
                    if ctx.key.name == "w":
                        await super().reconcile(ctx)

            async with world.running(Careful(lambda ctx: config_map("c", a="ours"))):
                ready = await world.condition("w")
                assert (ready["status"], ready["reason"]) == ("False", "OwnedBySomebodyElse")
                assert "controlled by Widget other" in ready["message"]
                assert (await world.get(CONFIG_MAP, "c"))["data"] == {"a": "theirs"}

                await world.delete(CONFIG_MAP, "c")
                await world.settle()
                assert (await world.get(CONFIG_MAP, "c"))["data"] == {"a": "ours"}

        simulate(main)

    def test_one_that_is_being_deleted_is_applied_anew_once_it_s_gone(self) -> None:
        async def main(world: World) -> None:
            held = config_map("c")
            held["metadata"]["finalizers"] = ["example.com/hold"]
            await world.create(widget("w"), held)
            await world.delete(CONFIG_MAP, "c")
            async with world.running(Child(lambda ctx: config_map("c", a="1"))):
                assert set(verdicts(world, "w")) == {"transient"}
                assert world.writes() == []
                assert str(world.runs("w")[0].outcome.error) == (
                    "ConfigMap default/c is being deleted; it's applied anew once it's gone"
                )
                await world.patch(CONFIG_MAP, "c", {"metadata": {"finalizers": None}})
                await world.settle()
                assert (await world.get(CONFIG_MAP, "c"))["data"] == {"a": "1"}

        simulate(main)

    def test_nothing_is_made_in_a_namespace_that_goes(self) -> None:
        async def main(world: World) -> None:
            namespace = obj(NAMESPACE, "going", namespace="")
            namespace["metadata"]["finalizers"] = ["example.com/hold"]
            primary = widget("w", namespace="going")
            primary["metadata"]["finalizers"] = ["example.com/hold"]
            await world.create(namespace, primary)
            await world.delete(NAMESPACE, "going", namespace="")
            async with world.running(Child(lambda ctx: config_map("c", namespace="going", a="1"))):
                statuses = [r.status for r in world.server.requests if r.path.endswith("/configmaps/c")]
                assert statuses[:1] == [403]
                assert verdicts(world, "w") == ["done"]

        simulate(main)


def test_a_status_of_a_kind_without_the_subresource_is_written_as_a_whole_object() -> None:
    from tests.runtime.world import crd

    plain = attrs.evolve(WIDGET, kind="Plain")

    class Plain(Reconciler):
        primary = plain

        async def reconcile(self, ctx: Context) -> None:
            if ctx.primary:
                ctx.condition("Ready", True, reason="Made")

    async def main(world: World) -> None:
        await world.create(crd("Plain", status=False), obj(plain, "p"))
        async with world.running(Plain()):
            assert (await world.condition("p", resource=plain))["status"] == "True"
            assert [line.rpartition("/")[2] for line in world.writes()] == ["p"]
            assert len(world.runs("p")) == 1

    simulate(main)
