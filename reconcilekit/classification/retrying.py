"""Verdicts for tenacity: retry what is transient, and wait as long as the server asks.

Both serve sync and async functions alike, since tenacity calls them the same way.
"""

from __future__ import annotations

from tenacity import RetryCallState
from tenacity.retry import retry_base
from tenacity.wait import WaitBaseT, wait_base

from reconcilekit.classification.classifier import Classifier, default_classifier
from reconcilekit.classification.groups import interruption
from reconcilekit.errors import ReconcileError, TransientError


class retry_if_transient(retry_base):  # noqa: N801 -- tenacity's strategies are named like functions
    """A tenacity `retry=` that goes on while the verdict is transient, a conflict included.

    It never retries CancelledError, KeyboardInterrupt or SystemExit. Don't retry a write whose outcome may be unknown
    without reading first: `reconcilekit.classification.classify` tells.

    Args:
        classifier: gives the verdicts, by default the default table.

    Raises:
        TypeError: tenacity was given the class itself, whose instances are true and would be retried for ever.
    """

    def __init__(self, classifier: Classifier | None = None) -> None:
        _check_called(type(self), classifier, "retry_if_transient()")
        self._classifier = classifier or default_classifier()

    def __call__(self, retry_state: RetryCallState) -> bool:
        """True where the last attempt failed transiently."""
        return isinstance(_verdict(self._classifier, retry_state), TransientError)


class wait_retry_after(wait_base):  # noqa: N801 -- tenacity's strategies are named like functions
    """A tenacity `wait=` for which a server's Retry-After is a floor under another strategy's wait.

    Args:
        fallback_wait: any tenacity wait strategy; decides alone where no Retry-After was given.
        classifier: finds the Retry-After, by default the default table.

    Raises:
        TypeError: tenacity was given the class itself.
    """

    def __init__(self, fallback_wait: WaitBaseT, *, classifier: Classifier | None = None) -> None:
        _check_called(type(self), fallback_wait, "wait_retry_after(tenacity.wait_random_exponential())")
        self._fallback = fallback_wait
        self._classifier = classifier or default_classifier()

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        wait = float(self._fallback(retry_state))
        verdict = _verdict(self._classifier, retry_state)
        return max(wait, verdict.retry_after or 0.0) if isinstance(verdict, TransientError) else wait


def _check_called(cls: type, argument: object, line: str) -> None:
    # tenacity calls what it was given with the state of the retries: a class, too.
    if isinstance(argument, RetryCallState):
        raise TypeError(f"tenacity got the class {cls.__name__}, not one of its instances; write {line}")


def _verdict(classifier: Classifier, retry_state: RetryCallState) -> ReconcileError | None:
    error = retry_state.outcome.exception() if retry_state.outcome is not None else None
    if error is None or interruption(error) is not None:
        return None
    return classifier.classify(error)
