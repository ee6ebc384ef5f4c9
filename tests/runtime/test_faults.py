"""What fails beside the reconcile, or in an odd way within it, costs no key its next run and nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

import attrs
import pytest
import tenacity

from reconcilekit import (
    ConfigError,
    Context,
    Manager,
    ObjectKey,
    Reconciler,
    Resource,
    Scope,
    StateStore,
    TransientError,
    Wake,
)
from reconcilekit.errors import RetryScope
from reconcilekit.kube.transport import Request, Response
from reconcilekit.runtime.reconciler import Predicate
from tests.runtime.reconcilers import Counts, Waker
from tests.runtime.wire import make_manager, recording, running, verdicts
from tests.runtime.world import CONFIG_MAP, GADGET, WIDGET, World, config_map, key, obj, simulate, widget


class Raises(Reconciler):
    """Raises what the test makes."""

    primary = WIDGET

    def __init__(self, make: Callable[[], BaseException]) -> None:
        self._make = make

    async def reconcile(self, ctx: Context) -> None:
        raise self._make()


class MuteError(TransientError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def gaps(world: World, name: str) -> list[float]:
    return [report.next_delay or 0.0 for report in world.runs(name)]


class TestErrors:
    def test_a_recheck_may_be_a_timedelta(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Raises(lambda: ConfigError("No", recheck_after=timedelta(minutes=1)))):
                await world.settle(600)
                assert 9 <= len(world.runs("w")) <= 11
                assert all(54 <= gap <= 66 for gap in gaps(world, "w"))

        simulate(main)

    def test_a_reason_that_the_api_refuses_is_told_all_the_same(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Raises(lambda: ConfigError("no names", "add some"))):
                assert verdicts(world, "w") == ["config"]
                condition = await world.condition("w")
                assert (condition["status"], condition["reason"], condition["message"]) == (
                    "False", "no_names", "add some",
                )  # fmt: skip

        simulate(main)

    def test_one_without_a_text_has_its_backoff(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Raises(MuteError), wait=tenacity.wait_fixed(10)) as manager:
                await world.settle(100)
                assert gaps(world, "w") == [10.0] * 11
                assert manager.statistics()["raises"].running == 0

        simulate(main)
        assert "raises default/w: its run can't be reported" in caplog.text

    def test_a_cancellation_of_the_users_own_has_a_backoff(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Raises(asyncio.CancelledError), wait=tenacity.wait_fixed(10)):
                await world.settle(100)
                assert verdicts(world, "w") == ["transient"] * 11

        simulate(main)


class Publishes(Counts):
    name = "publishes"
    publishes = True


class FaultyStore(StateStore):
    """Fails where a controller tells it of a key that has had its say."""

    faults = 0

    def report(self, owner: str) -> None:
        if owner == "publishes:default/w" and self.faults:
            self.faults -= 1
            raise RuntimeError("a fault")
        super().report(owner)


def test_a_fault_after_a_run_costs_neither_the_key_nor_the_slot(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        store = FaultyStore()
        await world.create(widget("w"))
        async with running(world, Publishes(), state=store, concurrency=1):
            world.reports.clear()
            store.faults = 1
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.create(widget("v"))
            await world.settle()
            assert gaps(world, "w") == [30.0]
            assert verdicts(world, "v") == ["done"]

            await world.patch(WIDGET, "w", {"spec": {"n": 2}})  # what wakes it still does
            await world.settle()
            assert gaps(world, "w") == [30.0, 0.0]

    simulate(main)
    assert "publishes default/w: a fault after its run; it runs again in 30 s" in caplog.text


def test_a_key_runs_again_after_a_fault_though_nothing_wakes_it() -> None:
    async def main(world: World) -> None:
        store = FaultyStore()
        await world.create(widget("w"))
        store.faults = 1
        async with running(world, Publishes(), state=store):
            await world.settle(40)
            assert [report.reasons for report in world.runs("w")] == [("first list",), ("a fault after its last run",)]

    simulate(main)


class Stuck(Reconciler):
    """Swallows its cancellation once."""

    primary = WIDGET

    def __init__(self, world: World) -> None:
        self._world = world
        self.present = self.most = 0

    async def reconcile(self, ctx: Context) -> None:
        self.present += 1
        self.most = max(self.most, self.present)
        try:
            await self._world.clock.sleep(1000)
        except asyncio.CancelledError:
            await self._world.clock.sleep(100)
        finally:
            self.present -= 1


def test_a_key_that_cannot_be_called_stalled_still_waits_for_its_overrun_run(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        def change(request: Request, answer: Response) -> Response:
            if request.method == "GET" and request.path.endswith("/widgets/w"):
                raise RuntimeError("a fault")
            return answer

        stuck = Stuck(world)
        await world.create(widget("w"))
        wire = recording(world, change=change)
        async with running(
            world, stuck, wire=wire, timeout=2.0, wait=tenacity.wait_fixed(1), stop=tenacity.stop_after_attempt(1),
            drain=1.0,
        ):  # fmt: skip
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle(1000)
            assert stuck.most == 1
            assert len(world.runs("w")) > 1

    simulate(main)
    assert "stuck default/w: it can't be said that it is stalled" in caplog.text


def judges_labels(change: object) -> bool:
    raise KeyError("label")


class Judged(Reconciler):
    primary = GADGET
    reads = (CONFIG_MAP,)
    predicates: ClassVar[Mapping[Resource, Predicate]] = {CONFIG_MAP: judges_labels}

    async def reconcile(self, ctx: Context) -> None:
        ctx.get(CONFIG_MAP, "c", confirm=False)


class Reads(Reconciler):
    primary = WIDGET
    reads = (CONFIG_MAP,)

    async def reconcile(self, ctx: Context) -> None:
        ctx.get(CONFIG_MAP, "c", confirm=False)


def test_a_predicate_that_raises_hides_nothing_from_anybody_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(world: World) -> None:
        await world.create(widget("w"), obj(GADGET, "g"), config_map("c"))
        async with world.running(Judged(), Reads()):
            world.reports.clear()
            for n in ("1", "2"):
                await world.patch(CONFIG_MAP, "c", {"data": {"n": n}})
                await world.settle()
            assert (len(world.runs("g")), len(world.runs("w"))) == (2, 2)

    simulate(main)
    assert [r.message for r in caplog.records if "predicate" in r.message] == [
        "judged: its predicate for ConfigMap.v1 failed; changes that it can't judge count (said once)"
    ]


@attrs.define
class Scripted:
    """A source that does this, and afterwards only notes that it was started."""

    do: Callable[[], object]
    name: str = "scripted"
    starts: int = 0

    async def watch(self, wake: Wake) -> None:
        self.starts += 1
        result = self.do()
        if asyncio.isfuture(result):
            await result


def run_source(source: Scripted, seconds: Sequence[float]) -> list[int]:
    """How often it had been started after each of these."""

    class Sourced(Counts):
        watches = (source,)

    async def main(world: World) -> list[int]:
        counts = []
        async with world.running(Sourced()):
            for each in seconds:
                await world.settle(each)
                counts.append(source.starts)
        return counts

    return simulate(main)


def fail() -> None:
    raise OSError("the queue is down")


def cancelled() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


class TestSources:
    @pytest.mark.lanes("embedded")  # a day of watches takes a real one a minute
    def test_one_that_fails_for_a_day_is_still_started_again(self) -> None:
        before, after = run_source(Scripted(fail), [86_400, 3600])
        assert before > 1100
        assert after - before >= 3600 / 30

    def test_one_in_which_something_was_cancelled_is_started_again(self, caplog: pytest.LogCaptureFixture) -> None:
        (count,) = run_source(Scripted(cancelled), [100])
        assert count > 3
        assert "source scripted of sourced failed; it's started again" in caplog.text

    def test_one_that_swallows_its_cancellation_does_not_keep_the_manager_from_ending(self) -> None:
        class Stubborn(Scripted):
            async def watch(self, wake: Wake) -> None:
                try:
                    await asyncio.get_running_loop().create_future()
                except asyncio.CancelledError:
                    return

        assert run_source(Stubborn(fail), [100]) == [0]


class TestKeysOutsideTheScope:
    def test_they_are_refused_with_what_to_do(self, caplog: pytest.LogCaptureFixture) -> None:
        waker = Waker()

        class Sourced(Counts):
            watches = (waker,)

        async def main(world: World) -> None:
            await world.create(widget("w"))
            manager = make_manager(world, Sourced()).scope(WIDGET, Scope(namespaces=("default",)))
            async with manager.running():
                await world.settle()
                waker.wakes[0](ObjectKey("elsewhere", "x"), "message 7")
                waker.wakes[0](key("w"), "message 8")
                await world.settle(600)
                assert verdicts(world, "x") == []
                assert [report.reasons for report in world.runs("w")] == [("first list",), ("message 8",)]

        simulate(main)
        assert (
            "sourced: elsewhere/x isn't run for 'message 7': only namespaces default of Widget.example" in caplog.text
        )


class Overloads(Reconciler):
    """Asks everybody to wait, once."""

    primary = WIDGET
    asks = True

    async def reconcile(self, ctx: Context) -> None:
        if self.asks:
            self.asks = False
            raise TransientError("too many requests", retry_after=50, scope=RetryScope.SERVER)


def test_keys_that_a_pause_held_back_do_not_come_back_at_one_instant() -> None:
    begun: dict[str, float] = {}

    class Gadgets(Reconciler):
        primary = GADGET
        world: World

        async def reconcile(self, ctx: Context) -> None:
            begun[ctx.key.name] = self.world.clock.monotonic()

    async def main(world: World) -> None:
        gadgets = Gadgets()
        gadgets.world = world
        await world.create(widget("w"))
        async with world.running(Overloads(), gadgets):
            asked = world.clock.monotonic() - 3
            await world.create(*(obj(GADGET, f"g{n}") for n in range(20)))
            await world.settle(60)
            assert len(set(begun.values())) == 20
            assert all(50 <= at - asked <= 55.1 for at in begun.values())
            assert max(begun.values()) - min(begun.values()) > 2
            assert world.runs("g1")[0].reasons == ("Gadget default/g1 appeared",)

    simulate(main)


class TestRunningManagers:
    def test_what_comes_too_late_is_refused(self) -> None:
        def late(manager: Manager) -> dict[str, Callable[[], object]]:
            return {
                "add": lambda: manager.add(Reads()),
                "scope": lambda: manager.scope(WIDGET, Scope(namespaces=("default",))),
                "index": lambda: manager.index(WIDGET, "all", lambda each: [""]),
            }

        async def main(world: World) -> None:
            async with world.running(Counts()) as manager:
                for method, call in late(manager).items():
                    with pytest.raises(RuntimeError) as caught:
                        call()
                    assert str(caught.value) == (
                        f"manager 'tests' is running; call {method}() before it starts or after it ends"
                    )
                with pytest.raises(RuntimeError, match=r"call running\(\) before"):
                    await manager.running().__aenter__()
                assert manager.health().waiting == {}
            for call in late(manager).values():
                call()

        simulate(main)

    def test_one_that_cannot_start_is_not_running(self) -> None:
        async def main(world: World) -> None:
            manager = make_manager(world, Counts())
            manager.index(WIDGET, "all", lambda each: ["a"]).index(WIDGET, "all", lambda each: ["b"])
            with pytest.raises(ValueError, match="already added with another function"):
                async with manager.running():
                    pytest.fail("it started")
            with pytest.raises(RuntimeError, match="isn't running"):
                manager.health()
            manager.add(Reads())

        simulate(main)

    def test_a_retry_after_that_is_a_date_is_read_by_the_managers_own_clock(self) -> None:
        async def main(world: World) -> None:
            def change(request: Request, answer: Response) -> Response:
                if request.method == "GET":
                    return answer
                return Response(status=503, headers={"retry-after": "Wed, 01 Jan 2025 00:01:00 GMT"})

            await world.create(widget("w"))
            async with running(world, Counts(), wire=recording(world, change=change)):
                assert 55 <= gaps(world, "w")[0] <= 66

        simulate(main)


class Cleans(Reconciler):
    """Takes its time to clean up when it's cancelled."""

    primary = WIDGET

    def __init__(self, world: World, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self.is_clean = False

    async def reconcile(self, ctx: Context) -> None:
        try:
            await self._world.clock.sleep(1000)
        finally:
            await self._world.clock.sleep(self._seconds)
            self.is_clean = True


@pytest.mark.parametrize(("seconds", "is_clean", "took"), [(1.0, True, 1.0), (100.0, False, 2.0)])
def test_what_is_cancelled_at_the_end_may_clean_up_for_a_moment(seconds: float, is_clean: bool, took: float) -> None:
    async def main(world: World) -> None:
        cleans = Cleans(world, seconds)
        await world.create(widget("w"))
        async with running(world, cleans, drain=5.0):
            began = world.clock.monotonic()
        assert cleans.is_clean is is_clean
        assert world.clock.monotonic() - began == 5.0 + took

    simulate(main)
