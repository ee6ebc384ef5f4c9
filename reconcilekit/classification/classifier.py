"""From any exception to a verdict: an ordered set of rules, the user's before the default table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeVar, overload

import attrs

from reconcilekit.classification.answer_rules import answer_rules
from reconcilekit.classification.answers import causes_of
from reconcilekit.classification.groups import combine, interruption
from reconcilekit.classification.rule import VERDICTS, Rule, RuleFailure, RuleFunction, rule_from
from reconcilekit.classification.wire_rules import wire_rules
from reconcilekit.clock import Clock, SystemClock
from reconcilekit.errors import Operation, ReconcileError, TransientError

_F = TypeVar("_F", bound=RuleFunction)
_V = TypeVar("_V", bound=ReconcileError)

UNKNOWN: Final = "unknown"
"""The rule that `verdict.rule` names where no rule matched."""

CAUSE: Final = "cause"
"""The rule that `verdict.rule` names where an error was raised `from` a verdict, which it takes over."""


class Classifier:
    """An ordered set of rules: the first that answers gives the verdict, and what none knows is transient.

    A registered rule stands before those the classifier was made with, so registering on `default_classifier()` wraps
    the default table. Among themselves registered rules are asked in the order in which they came. `mine | other` makes
    a new classifier that asks `mine` first. Classifiers share nothing that changes; one may be used by many threads.

    - Errors of the taxonomy are verdicts already, and returned as they are.
    - What no rule knows is asked again for what it was raised `from` (and for what urllib3's MaxRetryError holds).
    - An exception group is judged leaf by leaf: see `reconcilekit.classification.groups.combine`.
    - A rule that raises, or returns what is no verdict, is reported and skipped.

    Args:
        rules: functions or `Rule`s, asked in this order.
        on_rule_error: called with each `RuleFailure`, for a metric or a test; whatever it raises is logged.
        log: where a failing rule is reported, with its name and traceback; by default this module's logger.
    """

    def __init__(
        self,
        rules: Iterable[Rule | RuleFunction] = (),
        *,
        on_rule_error: Callable[[RuleFailure], object] | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._given = tuple(rule_from(rule) for rule in rules)
        self._registered: tuple[Rule, ...] = ()
        self._on_rule_error = on_rule_error
        self._logger = log or logging.getLogger(__name__)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in the order in which they are asked."""
        return self._registered + self._given

    @overload
    def register(self, function: _F, /, *, name: str | None = None, first: bool = False) -> _F: ...

    @overload
    def register(self, /, *, name: str | None = None, first: bool = False) -> Callable[[_F], _F]: ...

    def register(
        self, function: _F | None = None, /, *, name: str | None = None, first: bool = False
    ) -> _F | Callable[[_F], _F]:
        """Add a rule; as a decorator with or without arguments. The function itself stays as it is.

        Args:
            function: takes `(error)` or `(error, operation)`; returns a verdict, or None to let the next rule decide.
            name: what verdicts and logs call the rule, by default the function's name.
            first: ask it before every rule registered so far; by default after those, before the given ones.

        Raises:
            TypeError: it isn't a plain function of one or two positional arguments.
        """
        if function is None:
            return lambda late: self.register(late, name=name, first=first)
        rule = rule_from(function, name=name)
        self._registered = (rule, *self._registered) if first else (*self._registered, rule)
        return function

    def classify(self, error: BaseException, *, operation: Operation | None = None) -> ReconcileError:
        """The verdict on an error; its `__cause__` is the error, its `rule` says who gave it.

        Args:
            error: what was caught.
            operation: what was being done; by default what the error itself knows of it (our own client's errors do).

        Raises:
            BaseException: the error isn't one, but CancelledError, KeyboardInterrupt or the like, or holds such a leaf.
        """
        order = interruption(error)
        if order is not None:
            raise order
        return self._verdict(error, operation)

    def __or__(self, other: Classifier) -> Classifier:
        """A new classifier that asks this one's rules, then the other's; it reports as this one does."""
        if not isinstance(other, Classifier):
            return NotImplemented
        return Classifier(
            self.rules + other.rules,
            on_rule_error=self._on_rule_error or other._on_rule_error,
            log=self._logger,
        )

    def __repr__(self) -> str:
        return f"<Classifier {len(self.rules)} rules: {', '.join(rule.name for rule in self.rules)}>"

    def _verdict(self, error: BaseException, operation: Operation | None) -> ReconcileError:
        if isinstance(error, VERDICTS):
            return error
        for layer in causes_of(error):
            verdict = self._of_layer(layer, operation)
            if verdict is not None:
                return _stamped(verdict, verdict.rule or CAUSE, error)
        return _stamped(TransientError(f"{type(error).__name__}: {error}"), UNKNOWN, error)

    def _of_layer(self, layer: BaseException, operation: Operation | None) -> ReconcileError | None:
        if isinstance(layer, BaseExceptionGroup):
            return combine([self._verdict(leaf, operation) for leaf in layer.exceptions])
        if isinstance(layer, VERDICTS):
            return _copied(layer)
        return self._ask(layer, _operation_of(layer, operation)) if isinstance(layer, Exception) else None

    def _ask(self, error: Exception, operation: Operation) -> ReconcileError | None:
        for rule in self.rules:
            try:
                verdict = _checked(rule.judge(error, operation), rule.name, error)
            except Exception as problem:
                self._logger.exception(
                    "The rule %s failed on %s and was skipped; a rule returns a verdict or None.",
                    rule.name,
                    type(error).__name__,
                )
                self._report(RuleFailure(rule=rule.name, error=error, problem=problem))
            else:
                if verdict is not None:
                    return verdict
        return None

    def _report(self, failure: RuleFailure) -> None:
        if self._on_rule_error is None:
            return
        try:
            self._on_rule_error(failure)
        except Exception:
            self._logger.exception("on_rule_error itself failed on the rule %s.", failure.rule)


def _checked(verdict: object, rule: str, error: Exception) -> ReconcileError | None:
    """The rule's own answer, in a form that can be stamped without changing what others hold."""
    if verdict is None:
        return None
    if not isinstance(verdict, VERDICTS):
        raise TypeError(
            f"The rule {rule} returned {verdict!r}; return a TransientError, ConfigError, BugError or None."
        )
    return _stamped(verdict, rule, error)


def _stamped(verdict: ReconcileError, rule: str, error: BaseException) -> ReconcileError:
    """Say who gave it and for what; a verdict that has been used or raised before is copied, not changed."""
    is_fresh = verdict.rule is None and verdict.__cause__ is None and verdict.__traceback__ is None
    if not is_fresh and verdict.__cause__ is not error:
        verdict = _copied(verdict)
    verdict.rule = rule
    verdict.__cause__ = error
    return verdict


def _copied(verdict: _V) -> _V:
    """The same verdict, unused: without `__init__`, whose parameters a subclass may have changed."""
    fresh = type(verdict).__new__(type(verdict), *verdict.args)
    fresh.__dict__.update(vars(verdict))
    return fresh


def _operation_of(layer: BaseException, given: Operation | None) -> Operation:
    """What the caller says, and what only the client that met the error can know."""
    known = getattr(layer, "operation", None)
    if not isinstance(known, Operation):
        return given or Operation()
    if given is None:
        return known
    return attrs.evolve(
        given,
        subresource=given.subresource or known.subresource,
        api_group=known.api_group if given.api_group is None else given.api_group,
        is_credential_reloaded=given.is_credential_reloaded or known.is_credential_reloaded,
    )


def default_rules(*, clock: Clock | None = None) -> tuple[Rule, ...]:
    """The default table: what Kubernetes API failures mean.

    Args:
        clock: tells the time where a Retry-After is a date and the answer doesn't say when it was sent; by default
            the system's.
    """
    return answer_rules(clock or SystemClock()) + wire_rules()


DEFAULT_RULES: Final = default_rules()
"""The default table on the system's clock."""


def default_classifier(
    *,
    clock: Clock | None = None,
    on_rule_error: Callable[[RuleFailure], object] | None = None,
    log: logging.Logger | None = None,
) -> Classifier:
    """A new classifier over the default table, to register rules on.

    Args:
        clock: as for `default_rules`.
        on_rule_error: as for `Classifier`.
        log: as for `Classifier`.
    """
    rules = DEFAULT_RULES if clock is None else default_rules(clock=clock)
    return Classifier(rules, on_rule_error=on_rule_error, log=log)


def classify(error: BaseException, *, operation: Operation | None = None) -> ReconcileError:
    """The default table's verdict on an error; see `Classifier.classify`.

    Args:
        error: what was caught.
        operation: what was being done, where the caller knows.

    Raises:
        BaseException: CancelledError, KeyboardInterrupt and the like, as they are.
    """
    return Classifier(DEFAULT_RULES).classify(error, operation=operation)
