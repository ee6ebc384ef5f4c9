"""What follows from how a run ended: done, requeue after, transient, config, bug, and never two at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import tenacity

from reconcilekit import (
    BugError,
    ConfigError,
    ConflictError,
    Context,
    Reconciler,
    Result,
    TransientError,
)
from reconcilekit.testing.apiserver import Fault
from tests.runtime.wire import verdicts
from tests.runtime.world import CONFIG_MAP, EVENT, WIDGET, World, config_map, key, simulate, widget

Step = Callable[[], Result | None]


def done() -> Result | None:
    return None


def after(seconds: float | timedelta) -> Step:
    return lambda: Result(requeue_after=seconds)


def fails(error: Callable[[], BaseException]) -> Step:
    def fail() -> Result | None:
        raise error()

    return fail


transient = fails(lambda: TransientError("the cloud is down"))
config = fails(lambda: ConfigError("Wrong", "spec.a is wrong"))


class Scripted(Reconciler):
    """Its runs do what the test says, one after the other; the last step is repeated."""

    primary = WIDGET
    reads = (CONFIG_MAP,)

    def __init__(self, *steps: Step, says_ready: bool = True) -> None:
        self.steps = list(steps)
        self.says_ready = says_ready

    async def reconcile(self, ctx: Context) -> Result | None:
        if ctx.primary is None:
            return None
        ctx.get(CONFIG_MAP, "c", confirm=False)
        if self.says_ready:
            ctx.condition("Ready", True, reason="Made")
        return (self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])()


def play(*steps: Step, seconds: float = 3600.0, **options: Any) -> World:
    """The world after these runs of the widget w."""

    async def main(world: World) -> World:
        await world.create(widget("w"))
        async with world.running(Scripted(*steps), **options):
            await world.settle(seconds)
        return world

    return simulate(main)


def run_times(world: World) -> list[float]:
    """The delays that followed the runs."""
    return [report.next_delay or 0.0 for report in world.runs("w")]


class TestDone:
    def test_nothing_runs_again_by_itself(self) -> None:
        world = play(done)

        assert verdicts(world, "w") == ["done"]
        assert world.runs("w")[0].next_delay is None

    def test_requeue_after_runs_again_then_and_seconds_or_timedelta_are_the_same(self) -> None:
        for wish in (600.0, timedelta(minutes=10)):
            world = play(after(wish), seconds=1500)

            assert verdicts(world, "w") == ["requeue_after"] * 3
            assert run_times(world) == [600.0] * 3

    def test_a_later_run_replaces_or_cancels_the_wish(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(after(600), after(60), done)):
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle(50)
                assert len(world.runs("w")) == 2
                await world.settle(20)
                assert len(world.runs("w")) == 3
                await world.settle(3600)
                assert verdicts(world, "w") == ["requeue_after", "requeue_after", "done"]

        simulate(main)

    def test_a_run_that_wishes_nothing_cancels_an_earlier_wish(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(after(600), done)):
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle(3600)
                assert verdicts(world, "w") == ["requeue_after", "done"]

        simulate(main)

    def test_a_result_that_isn_t_one_is_a_bug_that_says_so(self) -> None:
        world = play(lambda: {"requeue": True})  # type: ignore[arg-type, return-value]  # the mistake is the test

        assert str(world.runs("w")[0].outcome.error) == (
            "Scripted.reconcile returned {'requeue': True}; return None or Result(requeue_after=...), or raise an error"
        )


class TestTransient:
    def test_the_delay_grows_to_its_cap_and_is_forgotten_after_a_success(self) -> None:
        world = play(*[transient] * 12, done, transient, done)

        assert verdicts(world, "w")[:13] == ["transient"] * 12 + ["done"]
        delays = run_times(world)[:12]
        assert all(delay <= 0.005 * 2**n for n, delay in enumerate(delays))
        assert max(delays) > 1
        assert [report.attempt for report in world.runs("w")][:13] == list(range(13))

    def test_one_that_raised_something_nobody_knows_is_retried(self) -> None:
        world = play(fails(lambda: ValueError("what is this")), done)

        assert verdicts(world, "w") == ["transient", "done"]
        assert world.runs("w")[0].rule == "unknown"

    def test_retry_after_is_a_floor(self) -> None:
        world = play(fails(lambda: TransientError("slow down", retry_after=50)), done)

        assert 50 <= run_times(world)[0] <= 55
        assert verdicts(world, "w") == ["transient", "done"]

    def test_a_conflict_runs_again_at_once_and_only_once(self) -> None:
        world = play(fails(lambda: ConflictError("stale")), fails(lambda: ConflictError("stale")), done)

        assert run_times(world)[0] == 0.0
        assert 0 < run_times(world)[1] <= 0.005

    def test_events_during_a_backoff_run_the_key_once_per_delay(self) -> None:
        slow = fails(lambda: TransientError("down"))

        async def main(world: World) -> None:
            await world.create(widget("w"))
            wait = tenacity.wait_fixed(100)
            async with world.running(Scripted(slow), wait=wait):
                for n in range(10):
                    await world.patch(WIDGET, "w", {"spec": {"n": n}})
                    await world.settle()
                assert len(world.runs("w")) == 2
                assert [report.attempt for report in world.runs("w")] == [0, 1]
                await world.settle(70)
                assert [report.attempt for report in world.runs("w")] == [0, 1, 1]
                assert world.runs("w")[1].next_delay == pytest.approx(97, abs=1)

        simulate(main)

    def test_an_overloaded_server_holds_every_key(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("a"), widget("b"))

            class Writes(Reconciler):
                primary = WIDGET
                owns = (CONFIG_MAP,)

                async def reconcile(self, ctx: Context) -> None:
                    if ctx.primary:
                        ctx.apply(config_map(ctx.key.name, n=str(ctx.primary["spec"].get("n"))))

            async with world.running(Writes()):
                world.reports.clear()
                world.server.faults.add(
                    Fault(method="PATCH", path="*/configmaps/a", status=429, retry_after=20, message="too many")
                )
                await world.patch(WIDGET, "a", {"spec": {"n": 1}})
                await world.clock.sleep(1)
                await world.patch(WIDGET, "b", {"spec": {"n": 1}})
                await world.clock.sleep(17)
                assert verdicts(world, "a") == ["transient"]
                assert verdicts(world, "b") == []
                await world.settle(10)
                assert verdicts(world, "b") == ["done"]
                assert verdicts(world, "a") == ["transient", "done"]

        simulate(main)


class TestConfig:
    def test_it_is_told_in_the_status_and_waits_for_a_change(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(config, done)):
                assert await world.condition("w") == {
                    "type": "Ready",
                    "status": "False",
                    "reason": "Wrong",
                    "message": "spec.a is wrong",
                    "observedGeneration": 1,
                }
                await world.patch(WIDGET, "w", {"spec": {"a": 1}})
                await world.settle()
                assert (await world.condition("w"))["status"] == "True"
                assert verdicts(world, "w") == ["config", "done"]

        simulate(main)

    def test_what_it_read_wakes_it_too(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(config, done)):
                await world.create(config_map("c"))
                await world.settle()
                assert world.runs("w")[1].reasons == ("ConfigMap default/c appeared",)

        simulate(main)

    def test_it_is_rechecked_slowly_and_said_only_once(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(config)):
                await world.settle(3600)
                delays = run_times(world)
                assert 11 <= len(delays) <= 14
                assert all(270 <= delay <= 330 for delay in delays)
                assert len(set(delays)) == len(delays)
                assert len(world.writes()) == 1
                (event,) = world.server.objects(EVENT)
                assert (event["type"], event["reason"], event["message"], event["count"]) == (
                    "Warning",
                    "Wrong",
                    "spec.a is wrong",
                    1,
                )
                assert event["involvedObject"]["name"] == "w"

        simulate(main)

    def test_its_own_wish_for_the_recheck_counts(self) -> None:
        world = play(fails(lambda: ConfigError("Wrong", recheck_after=10)), seconds=5)

        assert 9 <= run_times(world)[0] <= 11

    def test_the_last_good_state_stands(self) -> None:
        class Makes(Reconciler):
            primary = WIDGET
            owns = (CONFIG_MAP,)

            async def reconcile(self, ctx: Context) -> None:
                if ctx.primary:
                    n = ctx.primary["spec"]["n"]
                    ctx.apply(config_map("c", n=str(n)))
                    if n == 2:
                        raise ConfigError("Wrong", "two is wrong")

        async def main(world: World) -> None:
            await world.create(widget("w", n=1))
            async with world.running(Makes()):
                await world.patch(WIDGET, "w", {"spec": {"n": 2}})
                await world.settle()
                assert (await world.get(CONFIG_MAP, "c"))["data"] == {"n": "1"}
                assert (await world.condition("w"))["observedGeneration"] == 2

        simulate(main)

    def test_it_resets_the_backoff(self) -> None:
        world = play(*[transient] * 10, fails(lambda: ConfigError("Wrong", recheck_after=1)), transient, done)

        assert [report.attempt for report in world.runs("w")] == [*range(11), 0, 1]

    def test_another_type_of_condition_or_none(self) -> None:
        class Accepted(Scripted):
            ready_condition = "Accepted"

        class Silent(Scripted):
            ready_condition = None

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Accepted(config, says_ready=False)):
                assert (await world.condition("w", "Accepted"))["reason"] == "Wrong"
                assert await world.condition("w", "Ready") == {}

        async def silent(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Silent(config, says_ready=False)):
                assert world.writes() == []
                assert verdicts(world, "w") == ["config"]

        simulate(main)
        simulate(silent)

    def test_a_later_success_says_ready_only_if_the_reconciler_does(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(config, done, says_ready=False)):
                await world.patch(WIDGET, "w", {"spec": {"a": 1}})
                await world.settle()
                assert verdicts(world, "w") == ["config", "done"]
                assert (await world.condition("w"))["status"] == "False"

        simulate(main)

    def test_a_status_that_can_t_be_written_is_tried_again(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            world.server.faults.add(Fault(method="PUT", path="*/status", count=2, status=403, reason="Forbidden"))
            async with world.running(Scripted(config)):
                await world.settle(30)
                assert verdicts(world, "w") == ["transient", "transient", "config"]
                assert (await world.condition("w"))["reason"] == "Wrong"

        simulate(main)


class TestBug:
    def test_it_is_logged_with_its_traceback_told_in_the_status_and_not_retried(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken() -> Result | None:
            raise BugError("this can never work")

        async def main(world: World) -> None:
            await world.create(widget("w"))
            with caplog.at_level(logging.INFO, "reconcilekit"):
                async with world.running(Scripted(broken)) as manager:
                    assert verdicts(world, "w") == ["bug"]
                    counts = manager.statistics()["scripted"]
                    assert (counts.runs, counts.retries, counts.bugs) == (1, 0, 1)
                    ready = await world.condition("w")
                    assert (ready["reason"], ready["message"]) == ("ControllerBug", "this can never work")
                    assert 270 <= run_times(world)[0] <= 330

        simulate(main)
        (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert record.__dict__["verdict"] == "bug"
        assert "def broken" not in (record.exc_text or "")
        assert "this can never work" in caplog.text
        assert "in broken" in caplog.text


class TestGroups:
    def test_of_a_transient_and_a_config_error_is_retried_and_told(self) -> None:
        both = fails(lambda: ExceptionGroup("two", [TransientError("down"), ConfigError("Wrong", "spec.a is wrong")]))

        async def main(world: World) -> None:
            await world.create(widget("w"))
            async with world.running(Scripted(both, both, done)):
                await world.settle(10)
                assert verdicts(world, "w") == ["transient", "transient", "done"]
                told = [r for r in world.server.requests if r.method == "PUT"]
                assert len(told) == 2
                assert (await world.condition("w"))["status"] == "True"
            events = world.server.objects(EVENT)
            assert [event["reason"] for event in events] == ["Wrong"]

        simulate(main)

    def test_a_transient_error_wins_over_its_cause(self) -> None:
        def wrapped() -> Result | None:
            try:
                config()
            except ConfigError as error:
                raise TransientError("try again") from error
            return None

        world = play(wrapped, done)

        assert verdicts(world, "w") == ["transient", "done"]
        assert len(world.writes()) == 1


class TestStalled:
    def test_a_key_that_fails_for_too_long_says_so_goes_on_slowly_and_takes_it_back(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            scripted = Scripted(transient)
            options = {"wait": tenacity.wait_fixed(1), "stop": tenacity.stop_after_attempt(3)}
            async with world.running(scripted, **options):
                await world.settle(1000)
                assert await world.condition("w", "Stalled") == {
                    "type": "Stalled",
                    "status": "True",
                    "reason": "RetriesExhausted",
                    "message": "the cloud is down",
                    "observedGeneration": 1,
                }
                delays = run_times(world)
                assert delays[:2] == [1.0, 1.0]
                assert all(300 <= delay <= 330 for delay in delays[2:])
                assert len(delays) == 3 + 3
                assert len(world.writes()) == 1
                assert world.server.count(method="GET", path="*/widgets/w") == 1

                scripted.steps = [done]
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.settle()
                stalled = await world.condition("w", "Stalled")
                assert (stalled["status"], stalled["observedGeneration"]) == ("False", 2)
                assert (await world.condition("w"))["status"] == "True"
                assert len(world.writes()) == 2

        simulate(main)

    def test_a_config_error_takes_it_back_too_since_nothing_is_retried_any_more(self) -> None:
        world = play(
            transient,
            transient,
            fails(lambda: ConfigError("Wrong", "spec.a is wrong")),
            wait=tenacity.wait_fixed(1),
            stop=tenacity.stop_after_attempt(2),
        )

        conditions = world.server.objects(WIDGET)[0]["status"]["conditions"]
        assert {each["type"]: each["status"] for each in conditions} == {"Stalled": "False", "Ready": "False"}

    def test_somebody_else_s_stalled_condition_stays(self) -> None:
        async def main(world: World) -> None:
            theirs = {
                "type": "Stalled",
                "status": "True",
                "reason": "NoQuota",
                "message": "",
                "lastTransitionTime": "2024-01-01T00:00:00Z",
            }
            await world.create(widget("w"))
            await world.user.merge_patch(WIDGET, key("w"), {"status": {"conditions": [theirs]}}, subresource="status")
            async with world.running(Scripted(done)):
                assert (await world.condition("w", "Stalled"))["status"] == "True"

        simulate(main)

    def test_a_status_that_can_t_say_so_costs_nothing_but_a_line_in_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            world.server.faults.add(Fault(method="PUT", path="*/status", count=1, status=500))
            options = {"wait": tenacity.wait_fixed(1), "stop": tenacity.stop_after_attempt(1)}
            async with world.running(Scripted(transient), **options):
                assert await world.condition("w", "Stalled") == {}
                assert len(world.runs("w")) == 1
                await world.settle(350)
                assert (await world.condition("w", "Stalled"))["status"] == "True"

        simulate(main)
        assert "Widget default/w is stalled and its status can't say so" in caplog.text
