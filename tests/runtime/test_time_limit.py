"""A reconcile that overruns its time limit is given up: it can neither read, nor stage, nor commit any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from reconcilekit import Context, Manager, ObjectKey, Reconciler, RunClosedError, StateStore, SystemClock
from reconcilekit.errors import ApiError
from reconcilekit.runtime.workers import DaemonThreads
from reconcilekit.testing.apiserver import Fault
from tests.runtime.wire import running, verdicts
from tests.runtime.world import CONFIG_MAP, SECRET, WIDGET, World, config_map, crd, obj, simulate, widget
from tests.servers import ServerUnderTest

Use = Callable[[Context], object]

USES: dict[str, Use] = {
    "get": lambda ctx: ctx.get(CONFIG_MAP, "c"),
    "select": lambda ctx: ctx.select(CONFIG_MAP, labels="a=b"),
    "owned": lambda ctx: ctx.owned(CONFIG_MAP),
    "read_state": lambda ctx: ctx.read_state("all"),
    "live": lambda ctx: ctx.live,
    "apply": lambda ctx: ctx.apply(config_map("c")),
    "delete": lambda ctx: ctx.delete(CONFIG_MAP, "c"),
    "condition": lambda ctx: ctx.condition("Ready", True, reason="Late"),
    "status": lambda ctx: ctx.status,
    "event": lambda ctx: ctx.event("Late", "too late"),
    "state": lambda ctx: ctx.state("all"),
}


class Late(Reconciler):
    """Its first run of a key takes long, and uses everything afterwards."""

    primary = WIDGET
    owns = (CONFIG_MAP,)
    reads = (SECRET,)
    publishes = True

    def __init__(self, wait: Callable[[Context], Awaitable[None]]) -> None:
        self.wait = wait
        self.begun: list[float] = []
        self.refused: dict[str, type[BaseException]] = {}
        self.swallows = False

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        self.begun.append(ctx.now.timestamp())
        ctx.apply(config_map("c"))
        ctx.get(SECRET, f"s{len(self.begun)}", confirm=False)
        entries = ctx.state("all")
        entries["a"] = 1
        status = ctx.status
        if len(self.begun) > 1:
            return
        try:
            await self.wait(ctx)
        except asyncio.CancelledError:
            if not self.swallows:
                raise
            await self.wait(ctx)
        status["late"] = True
        for name, use in USES.items():
            try:
                use(ctx)
            except Exception as error:  # noqa: BLE001 -- it is what this test asks for
                self.refused[name] = type(error)


def test_a_def_that_overruns_can_do_nothing_any_more_and_its_key_waits_for_it() -> None:
    class InThread(Late):
        name = "in-thread"

        def __init__(self) -> None:
            self.begun: list[float] = []
            self.refused = {}

        def reconcile(self, ctx: Context) -> None:  # type: ignore[override]  # a def in place of an async def
            if ctx.primary is None:
                return
            self.begun.append(ctx.now.timestamp())
            ctx.apply(config_map(ctx.key.name))
            ctx.get(SECRET, f"s{len(self.begun)}", confirm=False)
            if len(self.begun) > 1:
                return
            ctx.live.get_blocking(WIDGET, "w", namespace="default")
            for name, use in USES.items():
                try:
                    use(ctx)
                except Exception as error:  # noqa: BLE001 -- it is what this test asks for
                    self.refused[name] = type(error)

    async def main(world: World) -> None:
        reconciler = InThread()
        store = StateStore()
        await world.create(widget("w"), widget("z"))
        slow = Fault(method="GET", path="*/widgets/w", user_agent="tests", action="delay", delay=20, count=1)
        world.server.faults.add(slow)
        async with running(world, reconciler, state=store, timeout=5.0, concurrency=1) as manager:
            await world.clock.sleep(7)
            assert world.writes() == []
            (report,) = world.runs("w")
            assert str(report.outcome.error) == "InThread.reconcile overran its time limit of 5 s"
            assert report.duration == 5.0
            assert manager.health().abandoned == {"in-thread": 1}
            # With as many threads given up as may run at once, nothing is taken any more.
            assert world.runs("z") == []

            await world.settle(15)
            assert reconciler.refused == dict.fromkeys(USES, RunClosedError)
            assert manager.health().abandoned == {}
            assert verdicts(world, "w") == ["transient", "done"]
            assert verdicts(world, "z") == ["done"]
            first, second = reconciler.begun[0], reconciler.begun[-1]
            assert second - first >= 20
            assert len(world.writes()) == 2

    simulate(main)


def test_an_async_def_that_overruns_is_cancelled_and_retried_with_backoff() -> None:
    async def main(world: World) -> None:
        late = Late(lambda ctx: world.clock.sleep(1000))
        await world.create(widget("w"))
        async with running(world, late, timeout=2.0) as manager:
            assert verdicts(world, "w") == ["transient", "done"]
            assert world.runs("w")[0].duration == 2.0
            assert 0 < (world.runs("w")[0].next_delay or 0) <= 0.005
            assert world.runs("w")[1].attempt == 1
            assert manager.health().abandoned == {}

    simulate(main)


def test_one_that_swallows_its_cancellation_can_do_nothing_either_and_its_key_waits_for_it() -> None:
    async def main(world: World) -> None:
        late = Late(lambda ctx: world.clock.sleep(10))
        late.swallows = True
        store = StateStore()
        await world.create(widget("w"))
        async with running(world, late, state=store, timeout=2.0) as manager:
            await world.settle(7)
            assert world.writes() == []
            assert not store.snapshot()["all"].entries
            assert manager.health().abandoned == {"late": 1}
            assert len(late.begun) == 1

            await world.settle(10)
            assert late.refused == dict.fromkeys(USES, RunClosedError)
            assert late.begun[1] - late.begun[0] == pytest.approx(12, abs=0.1)
            assert manager.health().abandoned == {}
            assert "late" not in (await world.get(WIDGET, "w")).get("status", {})

    simulate(main)


def test_what_it_read_still_wakes_the_key_beside_what_it_read_before() -> None:
    class Rereads(Reconciler):
        primary = WIDGET
        reads = (SECRET,)

        def __init__(self, world: World) -> None:
            self.world = world
            self.runs = 0

        async def reconcile(self, ctx: Context) -> None:
            self.runs += 1
            ctx.get(SECRET, "old" if self.runs == 1 else "new", confirm=False)
            if self.runs > 1:
                await self.world.clock.sleep(1000)

    async def main(world: World) -> None:
        import tenacity

        await world.create(widget("w"))
        async with running(world, Rereads(world), timeout=1.0, wait=tenacity.wait_fixed(500)):
            await world.patch(WIDGET, "w", {"spec": {"n": 1}})
            await world.settle()
            assert verdicts(world, "w") == ["done", "transient"]
            await world.create(obj(SECRET, "old"))
            await world.settle()
            assert world.runs("w")[-1].reasons == ("Secret default/old appeared",)
            await world.settle(500)
            before = len(world.runs("w"))
            await world.create(obj(SECRET, "new"))
            await world.settle()
            assert world.runs("w")[before].reasons == ("Secret default/new appeared",)

    simulate(main)


class Stuck(Reconciler):
    """Blocks a real thread at its first run."""

    primary = WIDGET
    owns = (CONFIG_MAP,)

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.runs = 0
        self.at_once = 0
        self.refused: BaseException | None = None

    def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        self.runs += 1
        self.at_once += 1
        try:
            if self.runs == 1:
                self.go_on.wait(100)
            assert self.at_once == 1
            ctx.apply(config_map("c"))
        except RunClosedError as error:
            self.refused = error
            raise
        finally:
            self.at_once -= 1


async def test_a_real_thread_that_is_stuck_holds_its_key_until_it_ends(api_server: ServerUnderTest) -> None:
    clock = SystemClock()
    user = api_server.client("kubectl")
    await api_server.install(crd("Widget"))
    await user.create(WIDGET, widget("w"))
    stuck, workers, made = Stuck(), DaemonThreads(name="test"), ObjectKey("default", "c")
    manager = Manager(api_server.client("tests"), clock=clock, workers=workers)
    reports: list[str] = []
    manager.subscribe(lambda report: reports.append(report.outcome.verdict.value))
    manager.add(stuck, timeout=0.1)
    async with manager.running(), asyncio.timeout(100):
        while not reports:
            await clock.sleep(0.02)
        await clock.sleep(0.2)
        assert (reports, stuck.runs) == (["transient"], 1)
        assert manager.health().abandoned == {"stuck": 1}
        with pytest.raises(ApiError, match="404"):
            await user.get(CONFIG_MAP, made)

        stuck.go_on.set()
        while "done" not in reports:
            await clock.sleep(0.02)
        assert isinstance(stuck.refused, RunClosedError)
        # On a busy machine a run that isn't stuck may overrun its tenth of a second, too.
        assert reports == ["transient"] * (stuck.runs - 1) + ["done"]
        assert stuck.runs > 1
        assert manager.health().abandoned == {}
        await user.get(CONFIG_MAP, made)
    workers.close()
