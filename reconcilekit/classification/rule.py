"""One rule of a classifier: a named function from an error to a verdict, or to None where it has nothing to say."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import attrs

from reconcilekit.errors import BugError, ConfigError, Operation, ReconcileError, TransientError

RuleFunction = Callable[[Exception], ReconcileError | None] | Callable[[Exception, Operation], ReconcileError | None]
"""What a user writes: `rule(error)` or `rule(error, operation)`, returning (not raising) a verdict or None."""

VERDICTS = (TransientError, ConfigError, BugError)
"""What a rule may return; a bare `ReconcileError` says nothing about what to do."""


@attrs.frozen(kw_only=True)
class Rule:
    """A rule as a classifier keeps it.

    Attributes:
        name: what `verdict.rule`, logs and metrics call it.
        judge: the verdict on an error met in an operation, or None.
        matches: what it recognises, in words; the first line of the function's docstring.
        outcome: the verdict it gives, in words; "" where nobody said.
    """

    name: str
    judge: Callable[[Exception, Operation], ReconcileError | None] = attrs.field(repr=False)
    matches: str = attrs.field(default="", repr=False)
    outcome: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class RuleFailure:
    """A rule that raised or returned nonsense; it was skipped for this error.

    Attributes:
        rule: the rule's name.
        error: what was being classified.
        problem: what the rule raised, or a TypeError that says what it returned.
    """

    rule: str
    error: Exception
    problem: Exception


def rule_from(function: Rule | RuleFunction, *, name: str | None = None) -> Rule:
    """Make a rule of a function, by its signature: one positional parameter or two.

    Args:
        function: the function; a `Rule` stays as it is, but for the name.
        name: the rule's name, by default the function's.

    Raises:
        TypeError: it is no plain function of one or two positional arguments.
    """
    if isinstance(function, Rule):
        return attrs.evolve(function, name=name) if name else function
    described = name or _name_of(function)
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"The rule {described} is async, and a verdict is given without an event loop; "
            "write it as a plain function of (error) or (error, operation)."
        )
    doc = (inspect.getdoc(function) or "").partition("\n")[0]
    return Rule(name=described, judge=_judge_of(function, described), matches=doc)


def _judge_of(function: RuleFunction, name: str) -> Callable[[Exception, Operation], ReconcileError | None]:
    signature = inspect.signature(function)
    if _accepts(signature, 2):
        both: Callable[..., ReconcileError | None] = function
        return both
    if _accepts(signature, 1):
        alone: Callable[..., ReconcileError | None] = function
        return lambda error, _operation: alone(error)
    raise TypeError(f"The rule {name}{signature} takes neither (error) nor (error, operation); give it one of the two.")


def _accepts(signature: inspect.Signature, count: int) -> bool:
    """Counts required positions only where there are fewer: an optional second parameter gets the operation, too."""
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _name_of(function: object) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
