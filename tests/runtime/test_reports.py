from __future__ import annotations

import logging

import attrs
import pytest

from reconcilekit.errors import BugError, ConfigError, ReconcileError, TransientError
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.outcomes import Outcome, Result
from reconcilekit.runtime.reports import RunReport, log_report


def report(outcome: Outcome) -> RunReport:
    return RunReport(
        controller="certificate", key=ObjectKey("shop", "tls"), reconcile_id="0123456789abcdef",
        reasons=("Secret shop/tls changed",), attempt=2, generation=7, outcome=outcome, next_delay=1.5, duration=0.25,
        writes=3,
    )  # fmt: skip


def ruled(error: ReconcileError) -> ReconcileError:
    error.rule = "too-many-requests"
    return error


@pytest.mark.parametrize(
    ("outcome", "level", "text"),
    [
        (Outcome.of_result(None), logging.INFO, "certificate shop/tls: done"),
        (Outcome.of_result(Result(requeue_after=5)), logging.INFO, "certificate shop/tls: requeue_after"),
        (
            Outcome.of_error(ruled(TransientError("429"))),
            logging.WARNING,
            "certificate shop/tls: transient (too-many-requests): 429",
        ),
        (
            Outcome.of_error(ConfigError("NoNames", "write some")),
            logging.WARNING,
            "certificate shop/tls: config: NoNames: write some",
        ),
        (Outcome.of_error(BugError("405")), logging.ERROR, "certificate shop/tls: bug: 405"),
    ],
)
def test_a_run_is_one_record(outcome: Outcome, level: int, text: str, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.reports")
    with caplog.at_level(logging.INFO, logger=log.name):
        log_report(log, report(outcome))
    (record,) = caplog.records
    again = "" if outcome.error is None else "; again in 1.5 s"
    assert (record.levelno, record.getMessage()) == (level, f"{text}; woken by: Secret shop/tls changed{again}")
    fields = {
        "controller": "certificate", "key": "shop/tls", "reconcile_id": "0123456789abcdef", "generation": 7,
        "attempt": 2,
        "verdict": outcome.verdict.value, "rule": report(outcome).rule, "reasons": ("Secret shop/tls changed",),
        "next_delay": 1.5, "duration": 0.25, "writes": 3,
    }  # fmt: skip
    assert {name: record.__dict__[name] for name in fields} == fields


def test_a_bug_comes_with_the_traceback_of_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    verdict = BugError("405")
    verdict.__cause__ = cause = KeyError("spec")
    log_report(logging.getLogger("tests.reports"), report(Outcome.of_error(verdict)))
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is cause


def test_the_first_failure_that_no_rule_knows_comes_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    verdict = TransientError("KeyError: 'host'")
    verdict.rule, verdict.__cause__ = "unknown", KeyError("host")
    first = attrs.evolve(report(Outcome.of_error(verdict)), attempt=0)
    for each in (first, attrs.evolve(first, attempt=1)):
        log_report(logging.getLogger("tests.reports"), each)

    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_a_passing_failure_comes_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log_report(logging.getLogger("tests.reports"), report(Outcome.of_error(TransientError("down"))))
    (record,) = caplog.records
    assert record.exc_info is None


def test_nothing_is_formatted_for_a_level_that_is_off(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.reports")
    with caplog.at_level(logging.ERROR, logger=log.name):
        log_report(log, report(Outcome.of_result(None)))
    assert caplog.records == []


def test_the_rule_is_that_of_the_verdict() -> None:
    assert report(Outcome.of_error(ruled(TransientError("429")))).rule == "too-many-requests"
    assert report(Outcome.of_result(None)).rule is None
