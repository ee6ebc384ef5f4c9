"""Literals of rules that are found to be wrong where the rule is defined, before it ever runs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from reconcilekit.testing.apiserver.crd.rules.expressions import CheckedTree, Kind, Tree
from reconcilekit.testing.apiserver.crd.rules.folding import ConversionError, folded
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher
from reconcilekit.testing.apiserver.go_times import GoTimeError, read_duration

Mistake = tuple[int, str]
"""The number of the expression, and what is wrong with it."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

_MOMENTS: Final = range(-62135596800, 253402300800)
"""Seconds from the year 1 to the end of 9999."""


def mistakes(tree: CheckedTree) -> list[Mistake]:
    """What is wrong with the literals of a rule."""
    found: list[Mistake] = []
    formatted = {id(part) for call in _every(tree.root) if call.name == "format" for part in _every(call)}
    for part in _every(tree.root):
        if part.form == "call":
            found += _argument_mistakes(part)
            found += _flat_mistakes(part, tree.kinds)
        elif part.form in ("list", "map") and id(part) not in formatted:
            found += _mixed(part, tree.kinds)
    return found


def instantiation_problem(tree: CheckedTree) -> str:
    """Why a rule can't be made ready to run, "" if it can: a pattern that is none, or a constant of another type."""
    try:
        for part in _in_planning_order(tree.root):
            if part.form == "call":
                folded(part, tree.kinds)
                if part.name in ("find", "findAll") and part.parts:
                    told = part.parts[0].value
                    matcher(told if isinstance(told, str) else "")
    except (PatternError, ConversionError) as error:
        return str(error)
    return ""


def _every(tree: Tree) -> Iterator[Tree]:
    yield tree
    for part in _below(tree):
        yield from _every(part)


def _in_planning_order(tree: Tree) -> Iterator[Tree]:
    for part in _below(tree):
        yield from _in_planning_order(part)
    yield tree


def _below(tree: Tree) -> Iterator[Tree]:
    if tree.target is not None:
        yield tree.target
    yield from tree.parts
    if (loop := tree.loop) is not None:
        yield from (loop.over, loop.beginning, loop.condition, loop.step, loop.result)


def _argument_mistakes(call: Tree) -> Iterator[Mistake]:
    is_right = _CHECKS.get(call.name)
    if is_right is not None and call.parts and call.parts[0].form == "constant":
        told = call.parts[0].value
        is_wrong = isinstance(told, str) and not is_right(told)
        if is_wrong or (call.name == "timestamp" and isinstance(told, int) and told not in _MOMENTS):
            yield call.parts[0].number, f"invalid {call.name} argument"


def _flat_mistakes(call: Tree, kinds: Mapping[int, Kind]) -> Iterator[Mistake]:
    """A list that can't be flattened: nothing in it is a list."""
    if call.name != "flatten" or call.target is None or call.parts:
        return
    told = kinds.get(call.target.number, Kind("dyn"))
    if told.name == "list" and told.inner[0].name not in ("list", "dyn", "parameter"):
        yield call.number, f"found no matching overload for 'flatten' applied to '{told}.()'"


def _is_duration(text: str) -> bool:
    try:
        read_duration(text)
    except GoTimeError:
        return False
    return True


def _is_moment(text: str) -> bool:
    if not _MOMENT.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_pattern(text: str) -> bool:
    try:
        matcher(text)
    except PatternError:
        return False
    return True


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "duration": _is_duration,
    "timestamp": _is_moment,
    "matches": _is_pattern,
}


def _mixed(container: Tree, kinds: Mapping[int, Kind]) -> Iterator[Mistake]:
    step = 1 if container.form == "list" else 2
    for part in range(step):
        yield from _mixed_parts(container.parts[part::step], kinds, ends_early=step == 1)


def _mixed_parts(parts: Sequence[Tree], kinds: Mapping[int, Kind], *, ends_early: bool) -> Iterator[Mistake]:
    told = [(part.number, kinds.get(part.number, Kind("dyn"))) for part in parts]
    for number, kind in told[1:]:
        if kind != told[0][1]:
            yield number, f"expected type '{told[0][1]}' but found '{kind}'"
            if ends_early:
                return
