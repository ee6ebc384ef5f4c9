"""The rules of backoff, each with a test of its own, on a clock that is moved by hand."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.backoff import Backoff, BackoffStatistics, Delay, Floors, wait_full_jitter
from reconcilekit.errors import ConfigError, ConflictError, RetryScope, TransientError
from reconcilekit.testing.virtual_time import VirtualClock

PASSING = TransientError("etcdserver: leader changed")


def fixed(clock: VirtualClock, *, wait: float = 10, floors: Floors | None = None) -> Backoff:
    return Backoff(wait=tenacity.wait_fixed(wait), floors=floors, clock=clock)


def told(seconds: float, scope: RetryScope = RetryScope.KEY, api_group: str | None = None) -> TransientError:
    return TransientError("told", retry_after=seconds, scope=scope, api_group=api_group)


def fail_in_turn(backoff: Backoff, clock: VirtualClock, times: int, key: str = "a") -> list[Delay]:
    """Fail, wait as long as asked, fail again."""
    delays = []
    for _ in range(times):
        delays.append(backoff.failed(key, PASSING))
        clock.advance(delays[-1].seconds)
    return delays


class TestPoint1EarlyTriggersDoNotInflate:
    def test_a_failure_before_the_delay_has_elapsed_is_not_counted(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        assert backoff.failed("a", PASSING) == Delay(seconds=10, attempt=1)

        clock.advance(3)
        assert backoff.event_during_backoff("a")
        assert backoff.failed("a", PASSING) == Delay(seconds=7, attempt=1)

        clock.advance(7)
        assert backoff.failed("a", PASSING) == Delay(seconds=10, attempt=2)

    def test_an_event_runs_a_key_at_most_once_per_delay(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        backoff.failed("a", PASSING)

        assert [backoff.event_during_backoff("a") for _ in range(3)] == [True, False, False]
        backoff.failed("a", PASSING)
        assert not backoff.event_during_backoff("a")

        clock.advance(10)
        assert backoff.event_during_backoff("a")
        backoff.failed("a", PASSING)
        assert [backoff.event_during_backoff("a") for _ in range(2)] == [True, False]

    def test_events_during_failing_runs_make_no_loop_without_backoff(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        runs = 0
        while clock.monotonic() < 100:
            runs += 1
            delay = backoff.failed("a", PASSING)
            if not backoff.event_during_backoff("a"):  # there always is an event
                clock.advance(delay.seconds)

        assert runs == 20

    def test_a_timer_that_fires_a_hair_early_has_elapsed(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        backoff.failed("a", PASSING)

        clock.advance(10 - 1e-9)
        assert backoff.failed("a", PASSING).attempt == 2

    def test_a_key_that_is_not_failing_may_run_and_costs_nothing(self) -> None:
        backoff = fixed(VirtualClock())
        assert backoff.event_during_backoff("a")
        assert len(backoff) == 0


class TestPoint2ConfigErrorsClearTheCount:
    def test_the_next_transient_error_starts_over(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        fail_in_turn(backoff, clock, 5)

        backoff.config_error("a")

        assert backoff.attempt("a") == 0
        assert backoff.failed("a", PASSING).attempt == 1


class TestPoint3FullJitter:
    def test_a_thousand_keys_that_failed_together_do_not_retry_together(self) -> None:
        clock = VirtualClock()
        backoff = Backoff(clock=clock)
        for _ in range(8):
            seconds = [backoff.failed(key, PASSING).seconds for key in range(1000)]
            clock.advance(max(seconds))

        assert len(set(seconds)) == 1000
        assert sum(second < 0.32 for second in seconds) == pytest.approx(500, abs=60)
        assert 0 <= min(seconds) < 0.05
        assert 0.6 < max(seconds) <= 0.64  # 5 ms * 2**7

    def test_one_seed_gives_one_run(self) -> None:
        runs = []
        for seed in (1, 1, 2):
            clock = VirtualClock(seed)
            runs.append(fail_in_turn(Backoff(clock=clock), clock, 30))
        assert runs[0] == runs[1] != runs[2]

    @given(attempt=st.integers(1, 5000), seed=st.integers())
    def test_the_default_wait_is_between_nothing_and_the_exponential(self, attempt: int, seed: int) -> None:
        asked = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        asked.attempt_number = attempt
        waited = wait_full_jitter(random.Random(seed), base=0.005, max=1000)(asked)
        assert 0 <= waited <= min(1000, 0.005 * 2 ** min(attempt - 1, 60))

    def test_keys_told_the_same_retry_after_do_not_come_back_together(self) -> None:
        backoff = Backoff(clock=VirtualClock())
        seconds = [backoff.failed(key, told(10)).seconds for key in range(100)]
        assert len(set(seconds)) == 100
        assert all(10 <= second <= 11 for second in seconds)


class TestPoint4RetryAfterIsAFloor:
    def test_of_the_keys_next_delay(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock, wait=10)
        assert 30 <= backoff.failed("a", told(30)).seconds <= 33
        assert backoff.failed("b", told(3)).seconds == 10

    def test_an_event_does_not_run_the_key_before_it(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock, wait=10)
        backoff.failed("a", told(4))

        assert not backoff.event_during_backoff("a")
        clock.advance(4)
        assert backoff.event_during_backoff("a")

    def test_an_uncounted_failure_can_raise_it(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock, wait=10)
        backoff.failed("a", PASSING)
        assert backoff.failed("a", told(25)) == Delay(seconds=25, attempt=1)

    def test_a_429_of_the_server_holds_every_key(self) -> None:
        clock = VirtualClock()
        clock.advance(1000)
        floors = Floors(clock)
        one, other = fixed(clock, wait=1, floors=floors), fixed(clock, wait=1, floors=floors)

        one.failed("a", told(8, RetryScope.SERVER))

        assert other.remaining("never failed") == 8
        assert 8 <= other.failed("b", PASSING).seconds <= 8.8
        clock.advance(8)
        assert other.remaining("never failed") == 0

    def test_a_503_holds_its_api_group_alone(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock, wait=1)
        backoff.failed("a", told(8, RetryScope.API_GROUP, "metrics.k8s.io"))

        assert backoff.remaining("b", api_groups=["", "metrics.k8s.io"]) == 8
        assert backoff.remaining("b", api_groups=["", "apps"]) == 0
        clock.advance(8)
        assert backoff.remaining("b", api_groups=["metrics.k8s.io"]) == 0

    def test_an_eviction_holds_its_key_alone(self) -> None:
        backoff = fixed(VirtualClock(), wait=1)
        assert backoff.failed("a", told(10)).seconds >= 10
        assert backoff.remaining("b") == 0

    def test_each_leaf_of_a_group_speaks_for_whom_it_binds(self) -> None:
        backoff = fixed(VirtualClock(), wait=1)
        group = told(30)
        group.leaves = (told(2, RetryScope.SERVER), told(30), ConfigError("X"))

        assert backoff.failed("a", group).seconds >= 30
        assert backoff.remaining("b") == 2

    def test_one_odd_header_does_not_stop_everything_for_a_day(self) -> None:
        backoff = fixed(VirtualClock())
        backoff.failed("a", told(86_400, RetryScope.SERVER))
        assert backoff.remaining("b") == 60

    def test_a_shorter_floor_does_not_lower_a_longer_one(self) -> None:
        floors = Floors(VirtualClock())
        for seconds in (8, 2):
            floors.note(told(seconds, RetryScope.SERVER))
            floors.note(told(seconds, RetryScope.API_GROUP, "apps"))
        assert (floors.remaining(), floors.remaining(api_groups=["apps"])) == (8, 8)
        assert repr(floors) == "<Floors server=8.000s groups=[apps]>"

    @pytest.mark.parametrize("asked", [-5, float("nan"), float("inf"), 0])
    def test_what_is_no_number_of_seconds_asks_for_nothing(self, asked: float) -> None:
        backoff = fixed(VirtualClock())
        error = told(0, RetryScope.SERVER)
        error.retry_after = asked  # an attribute anybody may set: unlike the argument, it isn't checked
        assert backoff.failed("a", error) == Delay(seconds=10, attempt=1)
        assert backoff.remaining("b") == 0


class TestPoint6NothingIsGivenUp:
    def test_a_cap_stalls_the_key_at_a_slow_retry(self) -> None:
        clock = VirtualClock()
        backoff = Backoff(wait=tenacity.wait_fixed(1), stop=tenacity.stop_after_attempt(3), clock=clock)

        delays = fail_in_turn(backoff, clock, 6)

        assert [delay.is_stalled for delay in delays] == [False, False, True, True, True, True]
        assert all(300 <= delay.seconds <= 330 for delay in delays[2:])
        assert backoff.statistics().stalled == 1
        backoff.succeeded("a")
        assert backoff.statistics().stalled == 0

    def test_without_a_cap_it_never_stalls(self) -> None:
        clock = VirtualClock()
        delays = fail_in_turn(Backoff(clock=clock), clock, 2000)
        assert not any(delay.is_stalled for delay in delays)
        assert max(delay.seconds for delay in delays) <= 1000

    def test_a_stalled_key_may_still_run_early(self) -> None:
        clock = VirtualClock()
        backoff = Backoff(wait=tenacity.wait_fixed(1), stop=tenacity.stop_after_attempt(1), clock=clock)
        backoff.failed("a", PASSING)

        assert backoff.event_during_backoff("a")
        assert backoff.failed("a", PASSING).is_stalled

    @pytest.mark.parametrize(
        ("stop", "stalls_at"),
        [
            (tenacity.stop_after_delay(25), 4),
            (tenacity.stop_before_delay(25), 3),
            (tenacity.stop_after_attempt(2) & tenacity.stop_after_delay(25), 4),
            (lambda state: state.idle_for >= 40, 5),
            (lambda state: isinstance(state.outcome.exception(), TransientError), 1),
        ],
    )
    def test_any_tenacity_stop_is_a_cap(self, stop: Callable[[tenacity.RetryCallState], bool], stalls_at: int) -> None:
        clock = VirtualClock()
        delays = fail_in_turn(Backoff(wait=tenacity.wait_fixed(10), stop=stop, clock=clock), clock, 6)
        assert [delay.is_stalled for delay in delays].index(True) + 1 == stalls_at


class TestStrategies:
    @pytest.mark.parametrize(
        ("wait", "expected"),
        [
            (tenacity.wait_exponential(multiplier=1, max=5), [1, 2, 4, 5]),
            (tenacity.wait_incrementing(start=1, increment=2), [1, 3, 5, 7]),
            (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9)), [1, 9, 9, 9]),
            (tenacity.wait_fixed(1) + tenacity.wait_fixed(2), [3, 3, 3, 3]),
            (tenacity.wait_exception(lambda error: len(str(error))), [26, 26, 26, 26]),
        ],
    )
    def test_any_tenacity_wait_is_a_policy(self, wait: tenacity.wait.wait_base, expected: list[float]) -> None:
        clock = VirtualClock()
        assert [delay.seconds for delay in fail_in_turn(Backoff(wait=wait, clock=clock), clock, 4)] == expected

    @pytest.mark.parametrize("answer", [-1, float("nan"), float("inf"), "soon", None])
    def test_a_strategy_that_answers_nonsense_is_reported_and_the_key_is_kept(
        self, answer: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        def odd(_state: tenacity.RetryCallState) -> float:
            return answer  # type: ignore[return-value]  # what is tested

        delay = Backoff(wait=odd, clock=VirtualClock()).failed("a", PASSING)

        assert 0 <= delay.seconds <= 0.005
        assert "The wait strategy" in caplog.text

    def test_a_strategy_that_raises_is_reported_and_the_key_is_kept(self, caplog: pytest.LogCaptureFixture) -> None:
        def broken(_state: tenacity.RetryCallState) -> bool:
            raise ZeroDivisionError

        delay = Backoff(wait=tenacity.wait_fixed(2), stop=broken, clock=VirtualClock()).failed("a", PASSING)

        assert delay == Delay(seconds=2, attempt=1)
        assert "ZeroDivisionError" in caplog.text

    def test_a_strategy_may_look_at_the_backoff(self) -> None:
        backoff: Backoff = Backoff(wait=lambda _state: float(backoff.attempt("a")), clock=VirtualClock())
        assert backoff.failed("a", PASSING).seconds == 1


class TestConflicts:
    def test_the_first_runs_again_at_once_and_the_next_with_backoff(self) -> None:
        backoff = fixed(VirtualClock())
        assert backoff.failed("a", ConflictError()) == Delay(seconds=0, attempt=0)
        assert backoff.failed("a", ConflictError()) == Delay(seconds=10, attempt=1)

    def test_one_after_other_failures_waits_like_them(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        fail_in_turn(backoff, clock, 1)
        assert backoff.failed("a", ConflictError()) == Delay(seconds=10, attempt=2)

    def test_a_retry_after_holds_it_too(self) -> None:
        backoff = fixed(VirtualClock())
        assert backoff.failed("a", ConflictError(retry_after=4)).seconds == 4


class TestBookkeeping:
    @pytest.mark.parametrize("end", [Backoff.succeeded, Backoff.config_error, Backoff.forget])
    def test_what_is_not_failing_is_not_kept(self, end: Callable[[Backoff, str], None]) -> None:
        backoff = fixed(VirtualClock())
        backoff.failed("a", PASSING)
        assert len(backoff) == 1

        end(backoff, "a")
        end(backoff, "a")

        assert len(backoff) == 0

    def test_it_shows_how_it_stands(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        fail_in_turn(backoff, clock, 2)
        backoff.failed("a", PASSING)
        backoff.event_during_backoff("a")
        backoff.failed("a", PASSING)

        assert backoff.statistics() == BackoffStatistics(failing=1, stalled=0, failures=3, uncounted=1, early_runs=1)
        assert repr(backoff) == "<Backoff failing=1 stalled=0 failures=3>"

    def test_remaining_counts_down(self) -> None:
        clock = VirtualClock()
        backoff = fixed(clock)
        backoff.failed("a", PASSING)
        clock.advance(4)
        assert (backoff.remaining("a"), backoff.remaining("b")) == (6, 0)
        clock.advance(40)
        assert backoff.remaining("a") == 0

    def test_threads_may_share_it(self) -> None:
        backoff = fixed(VirtualClock())

        def fail(thread: int) -> None:
            for key in range(200):
                backoff.failed((thread, key), PASSING)
                if key % 2:
                    backoff.succeeded((thread, key))

        threads = [threading.Thread(target=fail, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert backoff.statistics() == BackoffStatistics(
            failing=400, stalled=0, failures=800, uncounted=0, early_runs=0
        )
