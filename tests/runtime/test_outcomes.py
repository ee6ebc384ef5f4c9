from __future__ import annotations

import math
from datetime import timedelta

import pytest

from reconcilekit.errors import BugError, ConfigError, ConflictError, ReconcileError, TransientError
from reconcilekit.runtime.outcomes import Outcome, Result, Verdict

ERROR = TransientError("down")


def test_nothing_returned_is_done() -> None:
    assert Outcome.of_result(None) == Outcome(Verdict.DONE)


@pytest.mark.parametrize("after", [90, 90.0, timedelta(seconds=90), timedelta(minutes=1.5)])
def test_a_result_is_a_delay(after: timedelta | float) -> None:
    assert Outcome.of_result(Result(requeue_after=after)) == Outcome(Verdict.REQUEUE_AFTER, requeue_after=90.0)


@pytest.mark.parametrize("after", [0, -1.5, timedelta(0), timedelta(seconds=-1), math.nan, math.inf])
def test_a_delay_that_is_no_positive_time_is_refused(after: timedelta | float) -> None:
    with pytest.raises(ValueError) as caught:
        Result(requeue_after=after)
    assert str(caught.value) == (
        f"Result(requeue_after={after!r}) isn't a positive time; return None to wait for a change"
    )


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TransientError("down"), Verdict.TRANSIENT),
        (ConflictError("stale"), Verdict.TRANSIENT),
        (ConfigError("NoNames", "spec.names is empty"), Verdict.CONFIG),
        (BugError("405"), Verdict.BUG),
    ],
)
def test_an_error_is_its_verdict(error: ReconcileError, verdict: Verdict) -> None:
    assert Outcome.of_error(error) == Outcome(verdict, error=error)


def test_an_error_of_no_known_class_is_refused() -> None:
    with pytest.raises(TypeError) as caught:
        Outcome.of_error(ReconcileError("odd"))
    assert str(caught.value) == "ReconcileError('odd') is none of TransientError, ConfigError and BugError"


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("delay", [None, 5.0])
@pytest.mark.parametrize("error", [None, ERROR])
def test_an_outcome_is_never_two_at_once(verdict: Verdict, delay: float | None, error: ReconcileError | None) -> None:
    """RequeueAfter together with an error, which controller-runtime ignores with a warning, can't be said."""
    belongs = {Verdict.DONE: (False, False), Verdict.REQUEUE_AFTER: (True, False)}.get(verdict, (False, True))
    if (delay is not None, error is not None) == belongs:
        Outcome(verdict, requeue_after=delay, error=error)
        return
    with pytest.raises(ValueError) as caught:
        Outcome(verdict, requeue_after=delay, error=error)
    assert str(caught.value) == (
        f"{verdict} with requeue_after={delay!r} and error={error!r}: "
        "build it with Outcome.of_result or Outcome.of_error"
    )


def test_only_a_transient_end_leaves_a_key_unheard() -> None:
    ends = [
        Outcome.of_result(None),
        Outcome.of_result(Result(requeue_after=1)),
        Outcome.of_error(ConfigError("NoNames")),
        Outcome.of_error(BugError("405")),
        Outcome.of_error(ERROR),
    ]
    assert [end.is_finished for end in ends] == [True, True, True, True, False]
