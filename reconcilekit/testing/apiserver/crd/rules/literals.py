"""Literals of rules that are found to be wrong where the rule is defined, before it ever runs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from reconcilekit.testing.apiserver.crd.rules.expressions import CheckedTree, Kind, Tree
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher

Mistake = tuple[int, str]
"""The number of the expression, and what is wrong with it."""

_DURATION: Final = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def mistakes(tree: CheckedTree) -> list[Mistake]:
    """What is wrong with the literals of a rule."""
    found: list[Mistake] = []
    formatted = {id(part) for call in _every(tree.root) if call.name == "format" for part in _every(call)}
    for part in _every(tree.root):
        if part.form == "call":
            found += _argument_mistakes(part)
        elif part.form in ("list", "map") and id(part) not in formatted:
            found += _mixed(part, tree.kinds)
    return found


def pattern_problem(tree: CheckedTree) -> str:
    """Why a pattern that is looked for can't be one, "" where all can."""
    for part in _every(tree.root):
        if part.form == "call" and part.name in ("find", "findAll") and part.parts:
            told = part.parts[0].value
            try:
                matcher(told if isinstance(told, str) else "")
            except PatternError as error:
                return str(error)
    return ""


def _every(tree: Tree) -> Iterator[Tree]:
    yield tree
    below: list[Tree | None] = [tree.target, *tree.parts]
    if tree.loop is not None:
        loop = tree.loop
        below += [loop.over, loop.beginning, loop.condition, loop.step, loop.result]
    for part in below:
        if part is not None:
            yield from _every(part)


def _argument_mistakes(call: Tree) -> Iterator[Mistake]:
    is_right = _CHECKS.get(call.name)
    if is_right is not None and call.parts and call.parts[0].form == "constant":
        told = call.parts[0].value
        if isinstance(told, str) and not is_right(told):
            yield call.parts[0].number, f"invalid {call.name} argument"


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


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
