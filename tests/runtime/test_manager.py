"""A manager as a whole: how it starts, what its controllers share, what holds back what, and how it stops."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import tenacity

from reconcilekit import Client, Context, Manager, Reconciler, Scope, TransientError
from reconcilekit.cache.health import HealthState
from reconcilekit.testing.apiserver import Fault
from tests.runtime.reconcilers import Counts, Waker, lists_and_watches
from tests.runtime.wire import make_manager, running, verdicts
from tests.runtime.world import CONFIG_MAP, GADGET, SECRET, WIDGET, World, config_map, key, obj, simulate, widget


class Reads(Reconciler):
    """Reads one ConfigMap."""

    primary = WIDGET
    reads = (CONFIG_MAP,)

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    async def reconcile(self, ctx: Context) -> None:
        found = ctx.get(CONFIG_MAP, "c", confirm=False)
        self.seen.append(None if found is None else (found.get("data") or {}).get("a"))


class ReadsToo(Reads):
    """Another controller over the same kinds."""


class OnlyGadgets(Reconciler):
    primary = GADGET

    async def reconcile(self, ctx: Context) -> None:
        """Nothing."""


class TestSharing:
    def test_several_controllers_share_one_cache_per_kind(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c"))
            async with world.running(Reads(), ReadsToo()):
                assert {report.controller for report in world.reports} == {"reads", "reads-too"}
                assert lists_and_watches(world, "widgets") == (1, 1)
                assert lists_and_watches(world, "configmaps") == (1, 1)

        simulate(main)

    def test_two_of_one_name_are_refused(self) -> None:
        with pytest.raises(ValueError, match="two controllers named 'reads'; set name on one of the classes"):
            Manager().add(Reads()).add(Reads())

    def test_what_isn_t_running_has_no_health(self) -> None:
        with pytest.raises(RuntimeError, match="manager 'reconcilekit' isn't running"):
            Manager().health()


def forbid(plural: str, **changes: Any) -> Fault:
    return Fault(
        method="GET",
        path=f"*/{plural}",
        user_agent="tests",
        count=None,
        status=403,
        reason="Forbidden",
        message=f"{plural} is forbidden: User cannot list",
        **changes,
    )


class TestKindsThatCantBeRead:
    def test_a_forbidden_one_is_named_and_holds_back_only_who_declares_it(self) -> None:
        async def main(world: World) -> None:
            armed = world.server.faults.add(forbid("configmaps"))
            await world.create(widget("w"), obj(GADGET, "g"))
            reads = Reads()
            async with world.running(reads, OnlyGadgets()) as manager:
                await world.settle(30)
                health = manager.health()
                assert health.kinds[CONFIG_MAP].state is HealthState.FORBIDDEN
                assert "configmaps is forbidden" in health.kinds[CONFIG_MAP].message
                assert health.waiting == {"reads": (CONFIG_MAP,)}
                assert [report.controller for report in world.reports] == ["only-gadgets"]
                assert not manager.is_idle

                world.server.faults.remove(armed)
                await world.settle(60)
                assert manager.health().waiting == {}
                assert reads.seen == [None]
                assert manager.is_idle

        simulate(main)

    def test_one_that_is_forbidden_later_keeps_its_content_and_who_reads_it_is_retried(self) -> None:
        class ReadsIf(Reads):
            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary and ctx.primary["spec"].get("reads"):
                    await super().reconcile(ctx)
                ctx.condition("Ready", True, reason="Made") if ctx.primary else None

        async def main(world: World) -> None:
            await world.create(widget("w", reads=True), widget("other"), config_map("c", a="1"))
            reads = ReadsIf()
            async with world.running(reads) as manager:
                armed = world.server.faults.add(forbid("configmaps"))
                for stream in world.server.watches:
                    stream.end()
                await world.settle(10)
                assert manager.health().kinds[CONFIG_MAP].state is HealthState.FORBIDDEN
                before = len(world.writes())

                for name in ("w", "other"):
                    await world.patch(WIDGET, name, {"spec": {"n": 1}})
                await world.settle(10)
                assert verdicts(world, "other") == ["done", "done"]
                assert verdicts(world, "w")[1:3] == ["transient", "transient"]
                error = str(world.runs("w")[1].outcome.error)
                assert error.startswith("ConfigMap.v1 can't be read at present (forbidden): ")
                assert len(world.writes()) == before + 1
                assert set(reads.seen) == {"1"}

                world.server.faults.remove(armed)
                await world.settle(120)
                assert verdicts(world, "w")[-1] == "done"
                assert (await world.condition("w"))["observedGeneration"] == 2

        simulate(main)


class TestSources:
    def test_one_wakes_keys_with_its_reason(self) -> None:
        waker = Waker()

        class Sourced(Counts):
            watches = (waker,)

        async def main(world: World) -> None:
            await world.create(widget("w"), widget("other"))
            async with world.running(Sourced()):
                waker.wakes[0](key("w"), "message 7 of the queue")
                await world.settle()
                assert world.runs("w")[1].reasons == ("message 7 of the queue",)
                assert len(world.runs("other")) == 1

        simulate(main)

    def test_what_one_says_while_the_key_runs_early_in_a_backoff_isn_t_lost(self) -> None:
        waker = Waker()

        class Sourced(Reconciler):
            primary = WIDGET
            watches = (waker,)

            def __init__(self, world: World) -> None:
                self.world = world

            async def reconcile(self, ctx: Context) -> None:
                if len(self.world.reports) == 0:
                    raise TransientError("down")
                await self.world.clock.sleep(1)

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with running(world, Sourced(world), wait=tenacity.wait_fixed(100)):
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.clock.sleep(0.5)
                waker.wakes[0](key("w"), "message 7 of the queue")
                await world.settle(200)
                assert verdicts(world, "w") == ["transient", "done", "done"]
                assert world.runs("w")[2].reasons == ("message 7 of the queue",)

        simulate(main)

    def test_one_that_fails_is_started_again_with_backoff(self, caplog: pytest.LogCaptureFixture) -> None:
        waker = Waker(fails=10)

        class Sourced(Counts):
            watches = (waker,)

        async def main(world: World) -> None:
            waker.world = world
            async with world.running(Sourced()):
                await world.settle(1000)
                assert len(waker.wakes) == 11
                gaps = [after - before for before, after in zip(waker.starts, waker.starts[1:], strict=False)]
                assert all(gap <= 30 for gap in gaps)
                assert all(gap >= 15 for gap in gaps[6:])
                assert gaps[0] <= 1

        simulate(main)
        assert "source test of sourced failed; it's started again" in caplog.text


class TestScopes:
    def test_only_those_namespaces_are_cached_and_reads_outside_are_refused(self) -> None:
        class Elsewhere(Reconciler):
            primary = WIDGET
            reads = (SECRET,)

            async def reconcile(self, ctx: Context) -> None:
                ctx.get(SECRET, "s", namespace="kube-system")

        async def main(world: World) -> None:
            await world.create(widget("w"), widget("far", namespace="kube-system"))
            manager = world.manager(Elsewhere()).scope(WIDGET, Scope(namespaces=("default",)))
            manager.scope(SECRET, Scope(namespaces=("default",)))
            async with manager.running():
                await world.settle()
                assert [report.key for report in world.reports] == [key("w")]
                assert verdicts(world, "w") == ["bug"]
                assert "kube-system" in str(world.runs("w")[0].outcome.error)
                assert lists_and_watches(world, "namespaces/default/widgets") == (1, 1)
                assert world.server.count(path="/apis/example.com/v1/widgets") == 0

        simulate(main)


class TestLiveReads:
    def test_they_see_what_the_cache_lags_behind_are_counted_and_wake_nobody(self) -> None:
        class Lives(Reconciler):
            primary = WIDGET

            def __init__(self) -> None:
                self.seen: list[object] = []

            async def reconcile(self, ctx: Context) -> None:
                found = await ctx.live.get(CONFIG_MAP, "c", namespace="default")
                every = await ctx.live.list(CONFIG_MAP, namespace="default")
                self.seen.append((found["data"], len(every)))

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c", a="1"))
            lives = Lives()
            async with world.running(lives):
                await world.patch(CONFIG_MAP, "c", {"data": {"a": "2"}})
                await world.settle()
                assert lives.seen == [({"a": "1"}, 1)]
                assert world.runs("w")[0].live_reads == 2

        simulate(main)

    def test_a_live_read_that_fails_is_classified_like_everything_else(self) -> None:
        class Lives(Reconciler):
            primary = WIDGET

            def reconcile(self, ctx: Context) -> None:
                ctx.live.get_blocking(CONFIG_MAP, "c", namespace="default")

        async def main(world: World) -> None:
            await world.create(widget("w"), config_map("c"))
            world.server.faults.add(Fault(method="GET", path="*/configmaps/c"))
            async with world.running(Lives()):
                assert verdicts(world, "w") == ["transient", "done"]
                assert "leader changed" in str(world.runs("w")[0].outcome.error)

        simulate(main)


class TestReports:
    def test_each_run_is_one_record_with_everything_somebody_greps_for(self, caplog: pytest.LogCaptureFixture) -> None:
        class Logs(Reconciler):
            primary = WIDGET

            async def reconcile(self, ctx: Context) -> None:
                ctx.log.info("hello")
                ctx.condition("Ready", True, reason="Made")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            world.server.faults.add(Fault(method="PUT", path="*/status"))
            with caplog.at_level(logging.INFO, "reconcilekit"):
                async with world.running(Logs()):
                    pass

            said, failed = [r for r in caplog.records if r.name == "reconcilekit.logs"][:2]
            first = world.runs("w")[0]
            fields = ("controller", "key", "reconcile_id", "generation", "attempt", "verdict", "rule", "writes")
            assert [failed.__dict__[name] for name in fields] == [
                "logs", "default/w", first.reconcile_id, 1, 0, "transient", first.rule, 0
            ]  # fmt: skip
            assert first.rule
            assert failed.levelno == logging.WARNING
            assert failed.getMessage().startswith(f"logs default/w: transient ({first.rule}): PUT /apis/example.com")
            assert (said.getMessage(), said.__dict__["reconcile_id"], said.__dict__["key"]) == (
                "hello",
                first.reconcile_id,
                "default/w",
            )
            second = world.runs("w")[1]
            assert (second.attempt, second.outcome.verdict.value, second.rule) == (1, "done", None)
            assert second.reconcile_id != first.reconcile_id

        simulate(main)

    def test_a_listener_that_fails_hurts_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        def fails(report: object) -> None:
            raise ValueError("a listener's own")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            manager = make_manager(world)
            manager.subscribe(fails)
            manager.add(Counts())
            async with manager.running():
                await world.settle()
            assert verdicts(world, "w") == ["done"]

        simulate(main)
        assert "a listener of runs failed" in caplog.text


class Slow(Reconciler):
    """Takes its time."""

    primary = WIDGET
    owns = (CONFIG_MAP,)

    def __init__(self, world: World, seconds: float) -> None:
        self.world = world
        self.seconds = seconds

    async def reconcile(self, ctx: Context) -> None:
        ctx.apply(config_map(ctx.key.name))
        await self.world.clock.sleep(self.seconds)


class TestStopping:
    def test_it_takes_no_more_and_lets_what_runs_finish(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("a"), widget("b"), widget("c"))
            async with running(world, Slow(world, 10), drain=25.0, concurrency=2):
                pass
            assert world.clock.monotonic() == 10
            assert len(world.writes()) == 2
            assert {report.key.name for report in world.reports} == {"a", "b"}
            assert not world.has(CONFIG_MAP, "c")

        simulate(main)

    def test_what_doesn_t_finish_is_cancelled_and_commits_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main(world: World) -> None:
            await world.create(widget("a"))
            async with running(world, Slow(world, 100), drain=5.0):
                pass
            assert world.clock.monotonic() == 8
            await world.settle(200)
            assert world.writes() == []

        simulate(main)
        assert "slow: 1 runs cancelled after 5 s" in caplog.text

    def test_a_manager_can_run_again(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            manager = make_manager(world, Counts())
            for _ in range(2):
                async with manager.running():
                    await world.settle()
            assert verdicts(world, "w") == ["done", "done"]

        simulate(main)


PROGRAM = """
import asyncio
import logging
import sys

from reconcilekit import Manager, Reconciler, Resource
from reconcilekit.clock import SystemClock

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(message)s")
clock = SystemClock()
stops = asyncio.Event()


class Hears(logging.Handler):
    def emit(self, record):
        if record.getMessage() == "program stops":
            stops.set()


logging.getLogger("reconcilekit").addHandler(Hears())


class Slow(Reconciler):
    primary = Resource("v1", "ConfigMap")

    async def reconcile(self, ctx):
        if ctx.key.name == "slow":
            print("slow begins", flush=True)
            await stops.wait()
            for _ in range(100):
                await clock.sleep(0)
            print("slow ends", flush=True)
        if ctx.key.name == "stuck":
            print("stuck begins", flush=True)
            await clock.sleep(60)
            print("stuck ends", flush=True)


Manager(name="program", drain=2.0).add(Slow()).run()
print("returned", flush=True)
"""


@pytest.mark.slow
def test_sigterm_stops_taking_drains_and_then_cancels(tmp_path: Path) -> None:
    config, program = tmp_path / "kubeconfig", tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    environment = {**os.environ, "KUBECONFIG": str(config), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "reconcilekit.testing.apiserver", "--kubeconfig", str(config)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[1]
        for name in ("slow", "stuck"):
            create(url, name)
        with subprocess.Popen(
            [sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as manager:
            assert manager.stdout is not None
            lines: list[str] = []
            while not {"slow begins", "stuck begins"} <= set(lines):
                lines.append(manager.stdout.readline().strip())
                assert manager.poll() is None, lines
            manager.send_signal(signal.SIGTERM)
            lines += manager.stdout.read().split("\n")
            assert manager.wait(50) == 0
    finally:
        server.terminate()
        server.wait(50)
        assert server.stdout is not None
        server.stdout.close()

    assert "slow ends" in lines
    assert "stuck ends" not in lines
    assert "reconcilekit program stops" in lines
    assert "reconcilekit.slow slow: 1 runs cancelled after 2 s" in lines
    assert "returned" in lines


def create(url: str, name: str) -> None:
    body = json.dumps(config_map(name)).encode()
    request = urllib.request.Request(
        f"{url}/api/v1/namespaces/default/configmaps", data=body, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=50) as answer:
        assert answer.status == 201


class TestNames:
    def test_the_client_brings_the_name(self) -> None:
        async def main(world: World) -> None:
            client = Client(world.server.transport(), clock=world.clock, field_manager="ours")

            assert Manager(client).name == "ours"
            assert Manager().name == "reconcilekit"
            with pytest.raises(ValueError, match="field manager is 'ours'"):
                Manager(client, name="theirs")

        simulate(main)

    def test_the_client_brings_the_clock_and_on_a_virtual_one_a_def_needs_no_workers(self) -> None:
        class Plain(Reconciler):
            primary = WIDGET
            runs = 0

            def reconcile(self, ctx: Context) -> None:
                Plain.runs += 1

        async def main(world: World) -> None:
            await world.create(widget("w"))
            client = Client(world.server.transport(), clock=world.clock, field_manager="ours")
            async with Manager(client).add(Plain()).running():
                await world.settle()

            assert Plain.runs == 1

        simulate(main)
