"""Plays many sequences on both servers, and keeps the shortest that shows each class of differences."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import hypothesis
from hypothesis import HealthCheck, Phase

from tests.differential.accepted import accepted_by
from tests.differential.comparison import Difference, compare
from tests.differential.definitions import DEFINITIONS
from tests.differential.generator import sequences
from tests.differential.kinds import KINDS, Kind
from tests.differential.player import play
from tests.differential.servers import Server
from tests.differential.steps import Step

MAX_EXAMPLES = 1_000_000
SHRINKS = 150
"""Playings that the shortening of one example may take."""


@attrs.define(kw_only=True)
class Finding:
    """One class of differences.

    Attributes:
        steps: the shortest sequence that shows it.
        difference: what it shows.
    """

    steps: list[Step]
    difference: Difference
    count: int = 1


@attrs.define(kw_only=True)
class Tally:
    """What a campaign came to."""

    requests: int = 0
    sequences: int = 0
    seconds: float = 0.0
    seconds_real: float = 0.0
    findings: dict[str, Finding] = attrs.field(factory=dict)
    accepted: dict[str, int] = attrs.field(factory=dict)


class _EnoughError(Exception):
    """Ends hypothesis' run."""


class Campaign:
    """Both servers, and what has been found on them.

    Args:
        run: part of the namespaces' names, so that several campaigns can share a real server.
    """

    def __init__(self, real: Server, ours: Server, *, run: str) -> None:
        self._real = real
        self._ours = ours
        self._run = run
        self._played = 0
        self.tally = Tally()

    def prepare(self) -> None:
        """Make the custom kinds on both servers and wait until they are served."""
        for server in (self._real, self._ours):
            for definition in DEFINITIONS:
                _define(server, definition)

    def run(self, *, requests: int, seed: int, seconds: float = float("inf"), kinds: Sequence[Kind] = KINDS) -> Tally:
        """Play sequences until that many requests have been sent, or that many seconds have passed."""
        start = time.monotonic()  # noqa: TID251 -- bounds a run on a real server

        def one(steps: list[Step]) -> None:
            self._take(steps)
            self.tally.seconds = time.monotonic() - start  # noqa: TID251 -- as above
            if self.tally.requests >= requests or self.tally.seconds > seconds:
                raise _EnoughError

        settings = hypothesis.settings(
            max_examples=MAX_EXAMPLES,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        with contextlib.suppress(_EnoughError):
            hypothesis.seed(seed)(settings(hypothesis.given(sequences(kinds))(one)))()
        return self.tally

    def shorten(self, *, most: int, match: str = "") -> None:
        """Make the example of every finding whose label holds `match` as short as it will be."""
        chosen = [found for found in self.tally.findings.items() if match in found[0]]
        findings = sorted(chosen, key=lambda found: -found[1].count)
        for label, finding in findings[:most]:
            self._shorten(label, finding)

    def _take(self, steps: list[Step]) -> None:
        self.tally.sequences += 1
        self.tally.requests += len(steps) + 1
        seen: set[str] = set()
        for difference in self._differences(steps):
            if reason := accepted_by(difference):
                self.tally.accepted[reason] = self.tally.accepted.get(reason, 0) + 1
                continue
            if difference.label in seen:
                continue
            seen.add(difference.label)
            self._add(difference, steps[: difference.index + 1])

    def _add(self, difference: Difference, steps: list[Step]) -> None:
        known = self.tally.findings.get(difference.label)
        if known is None:
            self.tally.findings[difference.label] = Finding(steps=steps, difference=difference)
            return
        known.count += 1
        if len(steps) < len(known.steps):
            known.steps, known.difference = steps, difference

    def _differences(self, steps: Sequence[Step]) -> list[Difference]:
        self._played += 1
        namespace = f"d{self._run}-{self._played}"
        start = time.monotonic()  # noqa: TID251 -- as above
        real = play(self._real, steps, namespace)
        self.tally.seconds_real += time.monotonic() - start  # noqa: TID251 -- as above
        return compare(steps, real, play(self._ours, steps, namespace))

    def _shorten(self, label: str, finding: Finding) -> None:
        budget = SHRINKS
        progress = True
        while progress and budget > 0:
            progress = False
            for smaller in _smaller(finding.steps):
                budget -= 1
                shown = [d for d in self._differences(smaller) if d.label == label and not accepted_by(d)]
                if shown:
                    finding.steps, finding.difference = smaller, shown[0]
                    progress = True
                    break
                if budget <= 0:
                    break


def _smaller(steps: list[Step]) -> list[list[Step]]:
    shorter = [[*steps[:i], *steps[i + 1 :]] for i in range(len(steps) - 1)]
    simpler = [
        [*steps[:i], variant, *steps[i + 1 :]] for i, step in enumerate(steps) for variant in _simpler_steps(step)
    ]
    return shorter + simpler


def _simpler_steps(step: Step) -> list[Step]:
    variants = [
        attrs.evolve(step, query={k: v for k, v in step.query.items() if k != name})
        for name in step.query
        if name not in ("watch", "timeoutSeconds")
    ]
    if step.accept:
        variants.append(attrs.evolve(step, accept=""))
    if isinstance(step.body, dict):
        variants += [attrs.evolve(step, body=smaller) for smaller in _without_one(step.body)]
    if isinstance(step.body, list) and len(step.body) > 1:
        variants += [attrs.evolve(step, body=step.body[:i] + step.body[i + 1 :]) for i in range(len(step.body))]
    return variants


def _without_one(value: dict[str, Any]) -> list[dict[str, Any]]:
    smaller = []
    for name, sub in value.items():
        if name in ("apiVersion", "kind", "name"):
            continue
        smaller.append({k: v for k, v in value.items() if k != name})
        if isinstance(sub, dict):
            smaller += [{**value, name: inner} for inner in _without_one(sub)]
    return smaller


def _define(server: Server, definition: dict[str, Any]) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    headers = {"content-type": "application/json"}
    answer = server.send("POST", path, {}, headers, json.dumps(definition).encode())
    if answer.status not in (201, 409):
        raise RuntimeError(f"{server.name}: {answer}")
    spec = definition["spec"]
    for version in spec["versions"]:
        served = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
        _await(lambda: server.send("GET", served, {}, {}, b"").status == 200, server)  # noqa: B023


def _await(condition: Callable[[], bool], server: Server) -> None:
    for _ in range(100):
        if condition():
            return
        server.pause()
    raise RuntimeError(f"{server.name}: the custom kinds aren't served")
