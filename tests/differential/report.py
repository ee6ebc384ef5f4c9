"""A campaign's findings, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.differential.campaign import Finding, Tally
from tests.differential.steps import Step


def as_text(tally: Tally, *, examples: int) -> str:
    """The summary, and the most frequent classes with their shortest example."""
    rate = tally.requests / tally.seconds if tally.seconds else 0.0
    lines = [
        f"{tally.requests} requests in {tally.sequences} sequences to each server",
        f"{tally.seconds:.0f} s, {rate:.0f} requests/s",
        f"{len(tally.findings)} classes of differences",
        f"{sum(tally.accepted.values())} differences of {len(tally.accepted)} accepted kinds",
        *(f"  accepted {count:6}  {reason}" for reason, count in sorted(tally.accepted.items())),
    ]
    for number, (label, finding) in enumerate(_ordered(tally)):
        lines.append(f"\n## {finding.count} x {label}")
        if number < examples:
            lines += _told(finding)
    return "\n".join(lines) + "\n"


def _ordered(tally: Tally) -> list[tuple[str, Finding]]:
    return sorted(tally.findings.items(), key=lambda found: (-found[1].count, found[0]))


def _told(finding: Finding) -> Iterator[str]:
    for step in finding.steps:
        yield f"  {_request(step)}"
    difference = finding.difference
    yield f"  at {difference.path}"
    yield f"    real: {_short(difference.real)}"
    yield f"    ours: {_short(difference.ours)}"


def _request(step: Step) -> str:
    query = "&".join(f"{name}={value}" for name, value in step.query.items())
    body = "" if step.body is None else f" {_short(step.body)}"
    kind = "" if step.content_type == "application/json" else f" [{step.content_type}]"
    accept = f" [accept {step.accept}]" if step.accept else ""
    return f"{step.method} {step.path}{'?' + query if query else ''}{kind}{accept}{body}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else json.dumps(value)
    return text if len(text) <= 700 else text[:700] + "..."


def as_json(tally: Tally) -> dict[str, Any]:
    """The same for programs."""
    return {
        "requests": tally.requests,
        "sequences": tally.sequences,
        "seconds": round(tally.seconds, 1),
        "accepted": tally.accepted,
        "differences": [
            {
                "class": label,
                "count": finding.count,
                "sequence": [_request(step) for step in finding.steps],
                "path": finding.difference.path,
                "real": finding.difference.real,
                "ours": finding.difference.ours,
            }
            for label, finding in _ordered(tally)
        ],
    }
