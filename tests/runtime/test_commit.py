"""The commit: its order, its preconditions, and what is left where it stops half-way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from reconcilekit import Clock, ConfigError, Context, Reconciler, StateStore, TransientError
from reconcilekit.kube.transport import Request, Response
from reconcilekit.state import Candidate, ScopeOptions, Veto
from reconcilekit.testing.apiserver import Fault
from tests.runtime.wire import recording, running, verdicts
from tests.runtime.world import CONFIG_MAP, WIDGET, World, config_map, obj, simulate, widget

FINALIZER = "example.com/cleanup"
PATHS = {
    "finalizer": ("PATCH", "*/widgets/w"),
    "first child": ("PATCH", "*/configmaps/a"),
    "second child": ("PATCH", "*/configmaps/b"),
    "delete": ("DELETE", "*/configmaps/old"),
    "status": ("PUT", "*/widgets/w/status"),
}
"""The requests of `Everything`'s commit for the widget w, in their order."""


class Everything(Reconciler):
    """Its commit has a write of each sort."""

    primary = WIDGET
    owns = (CONFIG_MAP,)
    finalizer = FINALIZER
    publishes = True

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        value = str(ctx.primary["spec"].get("n", 0))
        ctx.condition("Ready", True, reason="Made")
        ctx.delete(CONFIG_MAP, "old")
        ctx.state("all")[ctx.key.name] = value
        ctx.apply(config_map("a", n=value))
        ctx.apply(config_map("b", n=value))

    async def finalize(self, ctx: Context) -> None:
        """Nothing to clean up."""


class Slow(Everything):
    """Takes its time before it ends."""

    name = "slow"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def reconcile(self, ctx: Context) -> None:
        await super().reconcile(ctx)
        await self.clock.sleep(100)


def named(world: World, *, user_agent: str = "tests") -> list[str]:
    """The writes of a manager by their names in PATHS, or as they are."""
    names = {f"{method} {path.lstrip('*')}": name for name, (method, path) in PATHS.items()}
    return [next((names[end] for end in names if _fits(line, end)), line) for line in world.writes(by=user_agent)]


def _fits(line: str, end: str) -> bool:
    method, _, path = end.partition(" ")
    return line.startswith(method) and line.endswith(path)


async def prepare(world: World, *, finalizers: Sequence[str] = ()) -> None:
    primary = widget("w")
    primary["metadata"]["finalizers"] = list(finalizers)
    await world.create(primary, config_map("old"))


def end_state(world: World) -> dict[str, Any]:
    """What the server has in the end, without what differs from run to run."""
    maps = {
        each["metadata"]["name"]: each.get("data") for each in world.server.objects(CONFIG_MAP, namespace="default")
    }
    owner = world.server.object(WIDGET, "w", namespace="default") or {}
    conditions = (owner.get("status") or {}).get("conditions", [])
    return {
        "maps": maps,
        "finalizers": owner.get("metadata", {}).get("finalizers"),
        "ready": [condition["status"] for condition in conditions],
    }


CONVERGED = {"maps": {"a": {"n": "0"}, "b": {"n": "0"}}, "finalizers": [FINALIZER], "ready": ["True"]}


class TestOrder:
    def test_finalizer_applies_publish_deletes_status(self) -> None:
        async def main(world: World) -> None:
            order: list[str] = []
            store = StateStore()
            store.on_change(lambda change: order.extend("publish" for each in change.scopes.values() if each.entries))

            def note(request: Request, answer: Response) -> Response:
                if request.method != "GET" and not request.path.endswith("/events"):
                    order.append(f"{request.method} {request.path.rsplit('default/')[-1]}")
                return answer

            wire = recording(world, change=note)
            await prepare(world)
            async with running(world, Everything(), wire=wire, state=store):
                assert order == [
                    "PATCH widgets/w",
                    "PATCH configmaps/a",
                    "PATCH configmaps/b",
                    "publish",
                    "DELETE configmaps/old",
                    "PUT widgets/w/status",
                ]
                assert end_state(world) == CONVERGED
                assert world.reports[0].writes == 5

        simulate(main)

    def test_the_events_come_last_and_their_loss_fails_nothing(self) -> None:
        class Says(Reconciler):
            primary = WIDGET

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary:
                    ctx.event("Seen", "it was seen")
                    ctx.condition("Ready", True, reason="Seen")

        async def main(world: World) -> None:
            world.server.faults.add(Fault(method="POST", path="*/events", status=403, message="no"))
            await world.create(widget("w"))
            async with world.running(Says()):
                posts = [r.path.rsplit("/")[-1] for r in world.server.requests if r.method in ("POST", "PUT")]
                assert posts[-2:] == ["status", "events"]
                assert verdicts(world, "w") == ["done"]

        simulate(main)


class Fails(Everything):
    """Stages everything and fails after all."""

    name = "fails"

    def __init__(self, error: Callable[[], Exception]) -> None:
        self.error = error

    async def reconcile(self, ctx: Context) -> None:
        await super().reconcile(ctx)
        ctx.event("Seen", "it was seen")
        raise self.error()


class TestNothingAtAll:
    @pytest.mark.parametrize(
        "error", [lambda: TransientError("passing"), lambda: ValueError("unknown")], ids=["transient", "unknown"]
    )
    def test_on_an_exception(self, error: Callable[[], Exception]) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world, finalizers=[FINALIZER])
            before = world.server.revision
            async with running(world, Fails(error), state=store):
                assert set(verdicts(world, "w")) == {"transient"}
                assert world.server.revision == before
                assert not store.snapshot()["all"].entries

        simulate(main)

    def test_of_the_run_on_a_config_error_but_the_condition_and_its_event(self) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world, finalizers=[FINALIZER])
            async with running(world, Fails(lambda: ConfigError("Wrong", "on purpose")), state=store):
                assert named(world) == ["status"]
                assert not store.snapshot()["all"].entries
                ready = await world.condition("w")
                assert (ready["status"], ready["reason"], ready["message"]) == ("False", "Wrong", "on purpose")
                events = world.server.objects(obj_resource("Event"))
                assert [event["reason"] for event in events] == ["Wrong"]

        simulate(main)

    def test_on_a_time_out(self) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world, finalizers=[FINALIZER])
            before = world.server.revision
            async with running(world, Slow(world.clock), state=store, timeout=1.0):
                assert set(verdicts(world, "w")) == {"transient"}
                assert world.server.revision == before
                assert not store.snapshot()["all"].entries

        simulate(main)

    def test_on_a_cancellation(self) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world, finalizers=[FINALIZER])
            before = world.server.revision
            async with running(world, Slow(world.clock), state=store, drain=1.0):
                pass
            await world.settle(200)
            assert world.server.revision == before
            assert not store.snapshot()["all"].entries

        simulate(main)

    def test_where_what_was_staged_can_t_be_sent(self) -> None:
        class Unencodable(Everything):
            name = "unencodable"

            async def reconcile(self, ctx: Context) -> None:
                await super().reconcile(ctx)
                ctx.apply(obj(CONFIG_MAP, "c", data={"a": object()}))

        async def main(world: World) -> None:
            await prepare(world, finalizers=[FINALIZER])
            async with world.running(Unencodable()):
                assert verdicts(world, "w") == ["bug"]
                assert named(world) == ["status"]
                assert "ConfigMap default/c" in (await world.condition("w"))["message"]

        simulate(main)

    def test_where_the_status_can_t_be_sent(self) -> None:
        class Unencodable(Everything):
            name = "unencodable"

            async def reconcile(self, ctx: Context) -> None:
                await super().reconcile(ctx)
                ctx.status["a"] = object()

        async def main(world: World) -> None:
            await prepare(world, finalizers=[FINALIZER])
            async with world.running(Unencodable()):
                assert verdicts(world, "w") == ["bug"]
                assert named(world) == ["status"]

        simulate(main)

    def test_on_a_veto(self) -> None:
        def refuse(candidate: Candidate) -> list[Veto]:
            return [Veto(entry="w", message="nobody likes w")]

        async def main(world: World) -> None:
            store = StateStore(options=ScopeOptions(validators=(refuse,)))
            await prepare(world, finalizers=[FINALIZER])
            async with running(world, Everything(), state=store):
                # The second is woken by the store's release: who was refused has read the scope that refused.
                assert verdicts(world, "w") == ["config", "config"]
                assert named(world) == ["status"]
                ready = await world.condition("w")
                assert ready["status"] == "False"
                assert "nobody likes w" in ready["message"]
                assert not world.has(CONFIG_MAP, "a")
                assert not store.snapshot()["all"].entries

        simulate(main)


def obj_resource(kind: str) -> Any:
    return attrs.evolve(CONFIG_MAP, kind=kind)


def broken(name: str, **changes: Any) -> Fault:
    method, path = PATHS[name]
    return Fault(method=method, path=path, user_agent="tests", **changes)


def read_only(world: World) -> int:
    return sum(record.status == 409 for record in world.server.requests if record.user_agent == "tests")


class TestStopsAndResumes:
    @pytest.mark.parametrize("failing", PATHS)
    def test_at_the_first_failure_and_the_next_run_writes_only_what_is_missing(self, failing: str) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world)
            world.server.faults.add(broken(failing))
            names = list(PATHS)
            until = names.index(failing)
            async with running(world, Everything(), state=store):
                assert named(world) == names[: until + 1] + names[until:]
                assert [report.writes for report in world.runs("w")] == [until, len(names) - until]
                assert verdicts(world, "w") == ["transient", "done"]
                assert end_state(world) == CONVERGED
                assert read_only(world) == 0

        simulate(main)

    def test_the_publish_comes_only_once_every_apply_has_succeeded(self) -> None:
        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world)
            world.server.faults.add(broken("second child", count=None))
            async with running(world, Everything(), state=store):
                assert not store.snapshot()["all"].entries
                world.server.faults.clear()
                await world.settle(30)
                assert set(store.snapshot()["all"].entries) == {"w"}

        simulate(main)

    def test_a_half_done_commit_keeps_no_reservation_of_its_entries(self) -> None:
        """Another key's run can stage them: what was prepared has been abandoned."""

        async def main(world: World) -> None:
            store = StateStore()
            await prepare(world)
            world.server.faults.add(broken("first child", count=None))
            async with running(world, Everything(), state=store):
                with store.stage(owner="somebody else") as stage:
                    stage["all"]["w"] = "mine"

        simulate(main)


class TestLostAnswers:
    @pytest.mark.parametrize("lost", PATHS)
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_converge_to_the_same_end_state_with_no_conflict(self, lost: str, when: Any) -> None:
        async def main(world: World) -> None:
            await prepare(world)
            world.server.faults.add(broken(lost, when=when, action="drop"))
            async with running(world, Everything()):
                await world.settle(60)

                assert end_state(world) == CONVERGED
                assert read_only(world) == 0
                effects = len(named(world)) - (when == "before")
                assert effects == len(PATHS)
                assert verdicts(world, "w")[0] == "transient"
                assert verdicts(world, "w")[-1] == "done"

        simulate(main)

    @pytest.mark.parametrize("lost", ["first child", "status"])
    def test_of_an_update_too(self, lost: str) -> None:
        async def main(world: World) -> None:
            await prepare(world)
            async with running(world, Everything()):
                before = len(named(world))
                world.server.faults.add(broken(lost, when="after", action="drop"))
                await world.patch(WIDGET, "w", {"spec": {"n": 5}})
                await world.settle(60)

                assert named(world)[before:] == ["first child", "second child", "status"]
                assert end_state(world)["maps"] == {"a": {"n": "5"}, "b": {"n": "5"}}
                assert read_only(world) == 0

        simulate(main)

    def test_a_change_that_came_before_the_view_was_opened_doesn_t_run_the_key_twice(self) -> None:
        async def main(world: World) -> None:
            await prepare(world)
            async with running(world, Everything()):
                world.reports.clear()
                world.server.faults.add(broken("status", when="after", action="drop"))
                world.server.faults.add(
                    Fault(method="GET", path="*/widgets/w", user_agent="tests", action="delay", delay=1.0)
                )
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.clock.sleep(0.5)
                # The key reads live what became of its status; the view comes after that.
                await world.patch(WIDGET, "w", {"spec": {"n": 2}})
                await world.settle(60)

                assert verdicts(world, "w") == ["transient", "done"]
                assert end_state(world)["maps"] == {"a": {"n": "2"}, "b": {"n": "2"}}

        simulate(main)


class TestPreconditions:
    def test_every_write_is_conditional(self) -> None:
        async def main(world: World) -> None:
            wire = recording(world)
            await prepare(world)
            await world.create(config_map("b", theirs="1"))
            theirs = (await world.get(CONFIG_MAP, "b"))["metadata"]
            old = (await world.get(CONFIG_MAP, "old"))["metadata"]
            primary = (await world.get(WIDGET, "w"))["metadata"]
            async with running(world, Everything(), wire=wire):
                created = wire.bodies("PATCH", "configmaps/a")[0]["metadata"]
                assert created["resourceVersion"] == "1"
                assert "uid" not in created

                taken_over = wire.bodies("PATCH", "configmaps/b")[0]["metadata"]
                assert taken_over["resourceVersion"] == theirs["resourceVersion"]
                assert taken_over["uid"] == theirs["uid"]

                (deleted,) = wire.bodies("DELETE", "configmaps/old")
                assert deleted["preconditions"] == {
                    "uid": old["uid"],
                    "resourceVersion": old["resourceVersion"],
                }

                (finalizer,) = wire.bodies("PATCH", "widgets/w")
                assert finalizer["metadata"]["resourceVersion"] == primary["resourceVersion"]
                assert finalizer["metadata"]["uid"] == primary["uid"]

                (status,) = wire.bodies("PUT", "widgets/w/status")
                assert status["metadata"]["uid"] == primary["uid"]
                assert int(status["metadata"]["resourceVersion"]) > int(primary["resourceVersion"])

        simulate(main)

    def test_a_child_that_somebody_changes_in_between_is_a_conflict_and_runs_again_at_once(self) -> None:
        async def main(world: World) -> None:
            await prepare(world)
            async with running(world, Everything()):
                world.server.lag("configmaps", 2.0)
                await world.patch(CONFIG_MAP, "a", {"data": {"theirs": "1"}})
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                before = world.clock.monotonic()
                await world.settle(10)

                assert verdicts(world, "w")[1:] == ["transient", "done"]
                conflict, done = world.runs("w")[1:]
                assert conflict.outcome.error is not None
                assert (conflict.attempt, done.attempt, conflict.next_delay) == (0, 0, 0.0)
                assert read_only(world) == 1
                last = max(r.at for r in world.server.requests if r.user_agent == "tests" and r.method == "PUT")
                assert last - before < 2.1
                found = (await world.get(CONFIG_MAP, "a"))["data"]
                assert found == {"n": "1", "theirs": "1"}

        simulate(main)

    def test_an_object_that_was_replaced_isn_t_deleted(self) -> None:
        class Deletes(Reconciler):
            primary = WIDGET
            owns = (CONFIG_MAP,)

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary and ctx.primary["spec"].get("n"):
                    ctx.delete(CONFIG_MAP, "c")

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c"))
            async with world.running(Deletes()):
                world.server.lag("configmaps", 2.0)
                await world.delete(CONFIG_MAP, "c")
                await world.create(config_map("c", new="1"))
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle(1)
                assert world.has(CONFIG_MAP, "c")
                assert read_only(world) == 1

        simulate(main)

    def test_what_is_gone_already_counts_as_deleted(self) -> None:
        class Deletes(Reconciler):
            primary = WIDGET
            owns = (CONFIG_MAP,)

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary and ctx.primary["spec"].get("n"):
                    ctx.delete(CONFIG_MAP, "c")
                    ctx.condition("Ready", True, reason="Deleted")

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c"))
            async with world.running(Deletes()):
                world.server.lag("configmaps", 2.0)
                await world.delete(CONFIG_MAP, "c")
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle(1)
                assert world.server.count(method="DELETE", status=404) == 1
                assert verdicts(world, "w") == ["done", "done"]
                assert (await world.condition("w"))["status"] == "True"

        simulate(main)
