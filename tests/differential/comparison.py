"""What two servers' answers to one sequence differ in, sorted into classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from tests.differential.normaliser import MARKED, Normaliser, misordered
from tests.differential.player import Answer, Playing
from tests.differential.steps import Step

ABSENT = "<absent>"
_QUOTED = re.compile(r'"[^"]*"|\u27e6[^\u27e7]*\u27e7|\d+')


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that two answers to one step differ in.

    Attributes:
        index: of the step in its sequence.
        path: where in the answer; "[]" stands for any index.
        label: what differences of one cause have in common.
    """

    index: int
    step: Step
    path: str
    real: Any
    ours: Any
    label: str


class Pairs:
    """Which value of one server stands for which of the other's; each has one partner, by kind.

    A value that turns up beside another than its partner is a difference, and is that one's partner from then on: one
    cause is told once.
    """

    def __init__(self) -> None:
        self._partners: dict[tuple[str, str, str], str] = {}

    def match(self, real: Any, ours: Any) -> bool:
        """True if two leaves say the same."""
        if not isinstance(real, str) or not isinstance(ours, str):
            return bool(real == ours) and isinstance(real, bool) == isinstance(ours, bool)
        if MARKED.sub("", real) != MARKED.sub("", ours):
            return False
        found, others = MARKED.findall(real), MARKED.findall(ours)
        matches = [self._pair(*one, *other) for one, other in zip(found, others, strict=False)]
        return len(found) == len(others) and all(matches)

    def _pair(self, kind: str, real: str, other_kind: str, ours: str) -> bool:
        if kind != other_kind:
            return False
        is_match = self._partners.get((kind, "real", real), ours) == ours
        is_match = is_match and self._partners.get((kind, "ours", ours), real) == real
        self._partners[kind, "real", real] = ours
        self._partners[kind, "ours", ours] = real
        return is_match


def compare(steps: Sequence[Step], real: Playing, ours: Playing) -> list[Difference]:
    """All that differs; past a write that only one of the two did, nothing more of that kind."""
    found: list[Difference] = []
    of_real, of_ours = Normaliser(real), Normaliser(ours)
    diverged: set[str] = set()
    pairs = Pairs()
    for index, step in enumerate(steps):
        one, other = of_real.normalise(real.answers[index]), of_ours.normalise(ours.answers[index])
        if step.plural in diverged:
            continue
        differences = list(_of_step(index, step, one, other, pairs))
        if misordered(ours.answers[index].body) and not misordered(real.answers[index].body):
            differences.append(_difference(index, step, "order of managedFields", "sorted", "not sorted"))
        found += differences
        if step.is_write and _is_success(one) != _is_success(other):
            diverged.add(step.plural)
    return found


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _of_step(index: int, step: Step, real: Answer, ours: Answer, pairs: Pairs) -> Iterator[Difference]:
    if real.status != ours.status:
        yield _difference(index, step, "status", _outcome(real), _outcome(ours))
        return
    if real.content_type != ours.content_type:
        yield _difference(index, step, "content-type", real.content_type, ours.content_type)
    if not pairs.match(real.warnings, ours.warnings):
        yield _difference(index, step, "warnings", real.warnings, ours.warnings)
    for path, one, other in _diff(real.body, ours.body, "", pairs):
        yield _difference(index, step, path, one, other)


def _outcome(answer: Answer) -> str:
    if isinstance(answer.body, dict) and answer.body.get("kind") == "Status":
        return f"{answer.status} {answer.body.get('reason', '')}: {answer.body.get('message', '')}"
    return f"{answer.status} {answer.body}" if answer.status in (0, *range(400, 600)) else str(answer.status)


def _difference(index: int, step: Step, path: str, real: Any, ours: Any) -> Difference:
    label = " ".join((step.plural, *_label(step, path, real, ours)))
    return Difference(index=index, step=step, path=path, real=real, ours=ours, label=label)


def _label(step: Step, path: str, real: Any, ours: Any) -> Iterator[str]:
    if path == "status":
        yield step.verb
        yield f"{_template(real)} != {_template(ours)}"
    elif path.endswith(("message", "warnings")) or "causes" in path or "details" in path:
        yield f"{path}: {_template(real)} != {_template(ours)}"
    elif "managedFields" in path:
        yield f"{step.verb if step.is_write else 'read'} managedFields"
    elif step.accept:
        yield f"{step.verb} as {_representation(step.accept)} {path}"
    else:
        what = "missing" if ours == ABSENT else "extra" if real == ABSENT else "other"
        yield f"{_in_object(path)} {what}"


def _in_object(path: str) -> str:
    """The path in one object, whether it was answered alone, in a list or by a watch."""
    return path.removeprefix("items[].").removeprefix("[].object.")


def _representation(accept: str) -> str:
    return next((part for part in ("Table", "PartialObjectMetadata", "yaml", "protobuf") if part in accept), accept)


def _template(text: Any) -> str:
    return _QUOTED.sub("_", str(text))[:100].replace("\n", " ")


def _diff(real: Any, ours: Any, path: str, pairs: Pairs) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(real, dict) and isinstance(ours, dict):
        for name in sorted(real.keys() | ours.keys()):
            below = f"{path}.{name}" if path else name
            yield from _diff(real.get(name, ABSENT), ours.get(name, ABSENT), below, pairs)
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for one, other in zip(real, ours, strict=True):
            yield from _diff(one, other, f"{path}[]", pairs)
    elif not pairs.match(real, ours):
        yield path, real, ours
