"""What is told of each run: to the log, and to whoever subscribes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from reconcilekit.classification.classifier import UNKNOWN
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.outcomes import Outcome, Verdict
from reconcilekit.runtime.queue import Taken
from reconcilekit.runtime.run import RunEnd

_DONE = Outcome(Verdict.DONE)


@attrs.frozen(kw_only=True)
class RunReport:
    """One run, ended.

    Attributes:
        controller: its name.
        key: of the primary.
        reconcile_id: 16 hex digits, the same in every record of this run.
        reasons: what woke the key, naming the object and the read.
        waited: seconds between the first reason and the run.
        attempt: 0 for a first try, n for the n-th retry after a backoff.
        generation: of the primary as the view showed it; None where it's gone.
        outcome: how it ended.
        next_delay: seconds until the key runs again by itself; None where only a change wakes it.
        duration: seconds it took, commit included.
        writes: requests that changed something.
        live_reads: reads that went past the view.
    """

    controller: str
    key: ObjectKey
    reconcile_id: str
    reasons: tuple[str, ...]
    waited: float = 0.0
    attempt: int = 0
    generation: int | None = None
    outcome: Outcome = _DONE
    next_delay: float | None = None
    duration: float = 0.0
    writes: int = 0
    live_reads: int = 0

    @property
    def rule(self) -> str | None:
        """The classifier's rule that gave the verdict, where there was an error to classify."""
        return None if self.outcome.error is None else self.outcome.error.rule


@attrs.define(kw_only=True)
class BegunRun:
    """A run that is under way, as far as a report will tell of it.

    Attributes:
        taken: the key, and why it runs.
        at: the clock's monotonic time of its start.
    """

    controller: str
    taken: Taken
    reconcile_id: str
    attempt: int
    at: float

    def report(self, end: RunEnd, outcome: Outcome, *, next_delay: float | None, now: float) -> RunReport:
        """What is to be told of its end."""
        raw = end.primary.raw if end.primary is not None else None
        return RunReport(
            controller=self.controller,
            key=self.taken.key,
            reconcile_id=self.reconcile_id,
            reasons=self.taken.reasons,
            waited=self.taken.waited,
            attempt=self.attempt,
            generation=raw.meta.generation if raw is not None else None,
            outcome=outcome,
            next_delay=next_delay,
            duration=now - self.at,
            writes=end.committed.writes,
            live_reads=end.live_reads,
        )


ReportListener = Callable[[RunReport], None]
"""Told of each run, on the event loop; it must not block."""

_LEVELS = {Verdict.TRANSIENT: logging.WARNING, Verdict.CONFIG: logging.WARNING, Verdict.BUG: logging.ERROR}


def log_report(log: logging.Logger, report: RunReport) -> None:
    """One record a run, its fields in `extra` for structured handlers.

    A bug comes with its traceback, and so does the first failure of a key that no rule knows: that is mostly a mistake
    in the reconcile, and its retries would only repeat the same lines.
    """
    level = _LEVELS.get(report.outcome.verdict, logging.INFO)
    if not log.isEnabledFor(level):
        return
    error = report.outcome.error
    cause = error.__cause__ or error if error is not None else None
    is_mistake = report.outcome.verdict is Verdict.BUG or (report.rule == UNKNOWN and report.attempt == 0)
    log.log(
        level,
        "%s %s: %s%s%s; woken by: %s%s",
        report.controller,
        report.key,
        report.outcome.verdict.value,
        f" ({report.rule})" if report.rule else "",
        f": {error}" if error is not None else "",
        ", ".join(report.reasons),
        f"; again in {report.next_delay:.3g} s" if error is not None and report.next_delay is not None else "",
        exc_info=cause if is_mistake else None,
        extra={
            "controller": report.controller,
            "key": str(report.key),
            "reconcile_id": report.reconcile_id,
            "generation": report.generation,
            "attempt": report.attempt,
            "verdict": report.outcome.verdict.value,
            "rule": report.rule,
            "reasons": report.reasons,
            "next_delay": report.next_delay,
            "duration": report.duration,
            "writes": report.writes,
        },
    )
