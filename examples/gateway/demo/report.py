"""What the demo says at its end: a table for a person, figures for a program, and the exit status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs
import msgspec

from .traffic import PhaseTotals


@attrs.frozen(kw_only=True)
class PhaseReport:
    """One phase of the demo.

    Attributes:
        name: "start", "naive", "all or nothing", ...
        seconds: how long it took.
        totals: what came of its requests.
        faults_injected: API faults that hit a request of the controllers.
        reconciles: runs of reconcilers.
        retries: those that were repetitions after an error.
        converged: every change of the phase ended up in Envoy.
        must_fail: the phase shows a fault, and is a failure of the demo if no request fails in it.
        causes: Envoy's own reasons for not serving, from its access log.
    """

    name: str
    seconds: float
    totals: PhaseTotals
    faults_injected: int
    reconciles: int
    retries: int
    converged: bool
    must_fail: bool = False
    causes: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def is_as_promised(self) -> bool:
        """The naive phase failed requests; any other failed none and converged."""
        if self.must_fail:
            return self.totals.failed > 0
        return self.totals.requests > 0 and self.totals.failed == 0 and self.converged


def exit_status(phases: Sequence[PhaseReport]) -> int:
    """0 only where every phase is as promised, and at least one shows the failure."""
    shown = any(phase.must_fail for phase in phases)
    return 0 if shown and all(phase.is_as_promised for phase in phases) else 1


def conclusion(phases: Sequence[PhaseReport]) -> str:
    """What came of it, in a sentence: as promised, or which phase isn't and why."""
    wrong = [_broken_promise(phase) for phase in phases if not phase.is_as_promised]
    if wrong:
        return f"NOT as promised: {'; '.join(wrong)}"
    if exit_status(phases):
        return "NOT as promised: no phase shows the failure"
    held = [phase for phase in phases if not phase.must_fail]
    faults, requests = sum(phase.faults_injected for phase in held), sum(phase.totals.requests for phase in held)
    shown = [phase for phase in phases if phase.must_fail]
    first, lost = sum(phase.faults_injected for phase in shown), sum(phase.totals.failed for phase in shown)
    return (
        f"As promised: {first} API fault{'' if first == 1 else 's'} cost the naive controller {lost:,} requests; "
        f"{faults:,} faults cost reconcilekit none of {requests:,}."
    )


def _broken_promise(phase: PhaseReport) -> str:
    if phase.must_fail:
        return f"no request failed in {phase.name!r}, which is there to show the failure"
    if not phase.totals.requests:
        return f"no request was sent in {phase.name!r}"
    if phase.totals.failed:
        return f"{phase.totals.failed:,} requests failed in {phase.name!r}"
    return f"some change of {phase.name!r} didn't come through"


def write_json(path: Path, phases: Sequence[PhaseReport]) -> None:
    """The figures by phase; the folder is made if it isn't there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        msgspec.json.format(msgspec.json.encode({phase.name: _figures(phase) for phase in phases})) + b"\n"
    )


def _figures(phase: PhaseReport) -> dict[str, object]:
    return {
        "requests": phase.totals.requests,
        "failed": phase.totals.failed,
        "faults_injected": phase.faults_injected,
        "reconciles": phase.reconciles,
        "retries": phase.retries,
        "converged": phase.converged,
        "seconds": round(phase.seconds, 2),
        "slowest_request_seconds": round(phase.totals.slowest, 4),
        "failures": dict(phase.totals.troubles),
        "envoy": dict(phase.causes),
    }


_HEADINGS = ("phase", "seconds", "requests", "failed", "API faults", "reconciles", "retries", "converged")


def table(phases: Sequence[PhaseReport]) -> str:
    """The figures side by side, and below them why requests failed, as the clients and as Envoy saw it."""
    rows = [_HEADINGS, *(_row(phase) for phase in phases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [_aligned(row, widths) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join((*lines, *(line for phase in phases for line in _reasons(phase)))) + "\n"


def _row(phase: PhaseReport) -> tuple[str, ...]:
    numbers = (phase.totals.requests, phase.totals.failed, phase.faults_injected, phase.reconciles, phase.retries)
    converged = "yes" if phase.converged else "no"
    return (phase.name, f"{phase.seconds:.1f}", *(f"{number:,}" for number in numbers), converged)


def _aligned(row: Iterable[str], widths: Sequence[int]) -> str:
    first, *others = row
    cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
    return "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _reasons(phase: PhaseReport) -> list[str]:
    if not phase.totals.failed and not phase.causes:
        return []
    seen = [f"  clients saw {number:,} x {reason}" for reason, number in phase.totals.troubles.items()]
    said = [f"  Envoy logged {number:,} x {cause}" for cause, number in phase.causes.items()]
    return ["", f"{phase.name}:", *seen, *said]
