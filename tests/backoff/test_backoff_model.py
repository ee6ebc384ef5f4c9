"""Whatever happens in whatever order, the rules of backoff hold: a stateful test of many keys against a plain model."""

from __future__ import annotations

import attrs
import hypothesis
import tenacity
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconcilekit.backoff import Backoff
from reconcilekit.errors import RetryScope, TransientError
from reconcilekit.testing.virtual_time import VirtualClock

keys = st.sampled_from("abc")
seconds = st.sampled_from([0.001, 0.5, 1.0, 2.0, 7.0, 400.0])
CAP = 4


@attrs.define
class Row:
    """What is true of a key that is failing."""

    started: float
    due: float
    counted: int = 1
    elapsed_delays: int = 0
    early_runs: int = 0
    not_before: float = 0.0


class BackoffMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.backoff = Backoff(
            wait=tenacity.wait_exponential(multiplier=1, max=60),
            stop=tenacity.stop_after_attempt(CAP),
            clock=self.clock,
        )
        self.rows: dict[str, Row] = {}

    @rule(after=seconds)
    def time_passes(self, after: float) -> None:
        self.clock.advance(after)

    @rule(key=keys, retry_after=st.none() | seconds, scope=st.sampled_from([RetryScope.KEY, RetryScope.SERVER]))
    def a_run_fails(self, key: str, retry_after: float | None, scope: RetryScope) -> None:
        now = self.clock.monotonic()
        row = self.rows.get(key)
        delay = self.backoff.failed(key, TransientError(retry_after=retry_after, scope=scope))

        assert delay.seconds >= (retry_after or 0.0)
        if row is None:
            self.rows[key] = row = Row(started=now, due=now + delay.seconds)
        elif now >= row.due:
            row.counted, row.elapsed_delays = row.counted + 1, row.elapsed_delays + 1
            row.due, row.early_runs = now + delay.seconds, 0
        else:
            assert now + delay.seconds >= row.due - 1e-9, "an uncounted failure never shortens a delay"
            row.due = now + delay.seconds
        row.not_before = max(row.not_before, now + (retry_after or 0.0))
        assert delay.attempt == row.counted
        assert delay.is_stalled == (row.counted >= CAP)

    @rule(key=keys)
    def an_event_comes(self, key: str) -> None:
        now = self.clock.monotonic()
        row = self.rows.get(key)
        may_run = self.backoff.event_during_backoff(key)

        if row is None or now >= row.due:
            assert may_run
        elif may_run:
            row.early_runs += 1
            assert row.early_runs == 1, "at most one early run per delay"
            assert now >= row.not_before, "never before a Retry-After has passed"

    @rule(key=keys, end=st.sampled_from([Backoff.succeeded, Backoff.config_error, Backoff.forget]))
    def a_run_ends(self, key: str, end: object) -> None:
        assert callable(end)
        end(self.backoff, key)
        self.rows.pop(key, None)

    @invariant()
    def the_count_is_that_of_elapsed_delays(self) -> None:
        for key, row in self.rows.items():
            assert self.backoff.attempt(key) == row.counted == row.elapsed_delays + 1

    @invariant()
    def only_failing_keys_are_kept(self) -> None:
        seen = self.backoff.statistics()
        assert len(self.backoff) == seen.failing == len(self.rows)
        assert seen.stalled == sum(row.counted >= CAP for row in self.rows.values())

    @invariant()
    def nothing_waits_for_ever(self) -> None:
        for key in self.rows:
            assert 0 <= self.backoff.remaining(key) <= 1.1 * 400


TestBackoffMachine = BackoffMachine.TestCase
TestBackoffMachine.settings = hypothesis.settings(max_examples=60, stateful_step_count=40, deadline=None)
