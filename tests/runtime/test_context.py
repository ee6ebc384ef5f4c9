"""What a context refuses, and what it says then; and what its reads promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit import Context, ObjectKey, Reconciler, Resource, StagingError
from tests.runtime.world import (
    CONFIG_MAP,
    GADGET,
    NAMESPACE,
    SECRET,
    WIDGET,
    World,
    config_map,
    crd,
    obj,
    simulate,
    widget,
)

SERVICE = Resource("v1", "Service")
CLUSTER_WIDGET = Resource("example.com/v1", "ClusterWidget")


class Doer(Reconciler):
    """Does what the test says, and remembers the error."""

    primary = WIDGET
    owns = (CONFIG_MAP, GADGET, NAMESPACE)
    reads = (SERVICE,)

    def __init__(self, act: Callable[[Context], Any]) -> None:
        self._act = act
        self.results: list[Any] = []

    def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        try:
            self.results.append(self._act(ctx))
        except Exception as error:
            self.results.append(error)
            raise


def do(act: Callable[[Context], Any], *objects: dict[str, Any]) -> Any:
    """What `act` gives in the first run of Widget default/w."""

    async def main(world: World) -> Any:
        await world.create(widget("w"), *objects)
        doer = Doer(act)
        async with world.running(doer):
            return doer.results[0]

    return simulate(main)


def refusal(act: Callable[[Context], Any]) -> str:
    """The message of the StagingError that `act` meets."""
    error = do(act)
    assert isinstance(error, StagingError), repr(error)
    return str(error)


class TestOwnerReferences:
    def test_what_is_applied_is_owned_by_the_primary(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Doer(lambda ctx: ctx.apply(config_map("c")))):
                uid = (await world.get(WIDGET, "w"))["metadata"]["uid"]

                assert (await world.get(CONFIG_MAP, "c"))["metadata"]["ownerReferences"] == [
                    {
                        "apiVersion": "example.com/v1",
                        "kind": "Widget",
                        "name": "w",
                        "uid": uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ]

        simulate(main)

    def test_another_namespace_is_refused(self) -> None:
        assert refusal(lambda ctx: ctx.apply(config_map("c", namespace="kube-system"))) == (
            "ConfigMap kube-system/c is in namespace kube-system and can't be owned by Widget default/w: "
            "an owner stands in its object's namespace; say owned=False, and delete it in finalize()"
        )

    def test_a_cluster_scoped_object_of_a_namespaced_owner_is_refused(self) -> None:
        message = refusal(lambda ctx: ctx.apply(obj(NAMESPACE, "n", namespace="")))

        assert message.startswith("Namespace n is cluster-scoped and can't be owned by Widget default/w")

    def test_an_object_that_isn_t_owned_may_stand_anywhere(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            act = lambda ctx: ctx.apply(config_map("c", namespace="kube-system"), owned=False)  # noqa: E731
            async with world.running(Doer(act)):
                found = await world.get(CONFIG_MAP, "c", namespace="kube-system")

                assert "ownerReferences" not in found["metadata"]

        simulate(main)

    def test_owned_finds_what_is_owned(self) -> None:
        def act(ctx: Context) -> list[str]:
            ctx.apply(config_map("c"))
            return [each["metadata"]["name"] for each in ctx.owned(CONFIG_MAP)]

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("other"))
            doer = Doer(act)
            async with world.running(doer):
                assert doer.results == [[], ["c"]]

        simulate(main)


class TestRefusals:
    def test_no_name(self) -> None:
        assert refusal(
            lambda ctx: ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c-"}})
        ) == (
            "apply() needs apiVersion, kind and metadata.name, got 'v1', 'ConfigMap' and None; "
            "generateName can't be staged, since a lost answer would double the object"
        )

    @pytest.mark.parametrize("resource", [SECRET, SERVICE], ids=["undeclared", "only read"])
    def test_applying_a_kind_that_isn_t_owned(self, resource: Resource) -> None:
        message = refusal(lambda ctx: ctx.apply(obj(resource, "s"), owned=False))

        assert message == (
            f"Doer applies {resource}, which it doesn't say; add to its class: "
            f'owns = [Resource("v1", "{resource.kind}")]'
        )

    def test_a_kind_that_no_server_has(self) -> None:
        swapped = {"apiVersion": "ConfigMap", "kind": "v1", "metadata": {"name": "c"}}

        assert refusal(lambda ctx: ctx.apply(swapped)).startswith("apply() of 'c': ")

    @pytest.mark.parametrize("name", ["", None, 3])
    @pytest.mark.parametrize("method", ["get", "delete"])
    def test_no_name_to_look_up(self, method: str, name: Any) -> None:
        assert refusal(lambda ctx: getattr(ctx, method)(CONFIG_MAP, name)) == (
            f"ConfigMap is looked up by the name {name!r}; check the field that it comes from"
        )

    def test_a_status_of_nothing(self) -> None:
        async def main(world: World) -> None:
            class Late(Reconciler):
                primary = WIDGET
                seen: str = ""

                async def reconcile(self, ctx: Context) -> None:
                    if ctx.primary is None:
                        with pytest.raises(StagingError) as refused:
                            ctx.status["x"] = 1
                        Late.seen = str(refused.value)

            await world.create(widget("w"))
            async with world.running(Late()):
                await world.delete(WIDGET, "w")
                await world.settle()

            assert Late.seen == (
                "Widget default/w is gone, so nothing of it has a status; return when ctx.primary is None"
            )

        simulate(main)

    def test_state_without_saying_so(self) -> None:
        assert refusal(lambda ctx: ctx.state("scope")) == (
            "Doer stages state in scope 'scope' but doesn't say so; add to its class: publishes = True"
        )

    def test_a_condition_without_a_reason(self) -> None:
        message = refusal(lambda ctx: ctx.condition("Ready", True, reason=""))

        assert message == "condition Ready has reason ''; write a CamelCase word"


class TestReads:
    def test_what_a_caller_changes_reaches_nobody_else(self) -> None:
        def act(ctx: Context) -> Any:
            first = ctx.get(CONFIG_MAP, "c")
            assert first is not None
            first["data"]["a"] = "changed"
            return ctx.get(CONFIG_MAP, "c"), ctx.select(CONFIG_MAP, namespace="default")

        again, selected = do(act, config_map("c", a="1"))

        assert again["data"] == {"a": "1"}
        assert [each["data"] for each in selected] == [{"a": "1"}]

    def test_a_cluster_scoped_kind_needs_no_namespace(self) -> None:
        found = do(lambda ctx: ctx.get(NAMESPACE, "default"))

        assert found["metadata"]["name"] == "default"

    def test_reads_are_repeatable_across_kinds_while_the_world_goes_on(self) -> None:
        class Slow(Reconciler):
            primary = WIDGET
            reads = (CONFIG_MAP, GADGET)

            def __init__(self, world: World) -> None:
                self.world = world
                self.seen: list[tuple[Any, Any]] = []

            async def reconcile(self, ctx: Context) -> None:
                self._look(ctx)
                if len(self.seen) == 1:
                    await self.world.patch(CONFIG_MAP, "c", {"data": {"a": "2"}})
                    await self.world.create(obj(GADGET, "g"))
                    await self.world.settle()
                    self._look(ctx)

            def _look(self, ctx: Context) -> None:
                found = ctx.get(CONFIG_MAP, "c")
                assert found is not None
                self.seen.append((found["data"]["a"], len(ctx.select(GADGET, confirm=False))))

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c", a="1"))
            slow = Slow(world)
            async with world.running(slow):
                await world.settle(10)

            assert slow.seen == [("1", 0), ("1", 0), ("2", 1)]

        simulate(main)

    def test_a_namespaced_kind_needs_one_where_the_primary_has_none(self) -> None:
        class OfCluster(Reconciler):
            primary = CLUSTER_WIDGET
            reads = (CONFIG_MAP,)
            message = ""

            async def reconcile(self, ctx: Context) -> None:
                with pytest.raises(StagingError) as refused:
                    ctx.get(CONFIG_MAP, "c")
                OfCluster.message = str(refused.value)
                assert ctx.get(CONFIG_MAP, "c", namespace="default") is not None

        async def main(world: World) -> None:
            await world.create(crd("ClusterWidget", scope="Cluster"), config_map("c"))
            await world.create(obj(CLUSTER_WIDGET, "w", namespace=""))
            async with world.running(OfCluster()):
                assert [report.outcome.verdict.value for report in world.reports] == ["done"]
                assert world.reports[0].key == ObjectKey("", "w")

            assert OfCluster.message == "ConfigMap 'c' is namespaced and OfCluster isn't; say namespace="

        simulate(main)


class TestStatusesOfOthers:
    def test_a_status_in_what_is_applied_is_refused(self) -> None:
        assert refusal(lambda ctx: ctx.apply(obj(GADGET, "g", status={"ready": True}))) == (
            "Gadget default/g was staged with a status, which its own controller alone writes; leave it out"
        )
