"""How a run ended: exactly one of five ways."""

from __future__ import annotations

import enum
import math
from datetime import timedelta

import attrs

from reconcilekit.errors import BugError, ConfigError, ReconcileError, TransientError


class Verdict(enum.Enum):
    """The five ways."""

    DONE = "done"
    REQUEUE_AFTER = "requeue_after"
    TRANSIENT = "transient"
    CONFIG = "config"
    BUG = "bug"


@attrs.frozen
class Result:
    """What a reconcile may return instead of None.

    Args:
        requeue_after: run this key again after this long, if nothing wakes it before; a timedelta or seconds. It
            replaces what an earlier run asked for.

    Raises:
        ValueError: it isn't positive and finite.
    """

    requeue_after: timedelta | float = attrs.field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(
                f"Result(requeue_after={self.requeue_after!r}) isn't a positive time; return None to wait for a change"
            )

    @property
    def seconds(self) -> float:
        """`requeue_after` in seconds."""
        after = self.requeue_after
        return after.total_seconds() if isinstance(after, timedelta) else float(after)


@attrs.frozen
class Outcome:
    """One run's end: a verdict, and the error or the delay that belongs to it, never both.

    Raises:
        ValueError: the verdict lacks what belongs to it, or has what doesn't.
    """

    verdict: Verdict
    requeue_after: float | None = None
    error: ReconcileError | None = None

    def __attrs_post_init__(self) -> None:
        is_error = self.verdict not in (Verdict.DONE, Verdict.REQUEUE_AFTER)
        is_delayed = self.verdict is Verdict.REQUEUE_AFTER
        if (self.error is not None) != is_error or (self.requeue_after is not None) != is_delayed:
            raise ValueError(
                f"{self.verdict} with requeue_after={self.requeue_after!r} and error={self.error!r}: "
                "build it with Outcome.of_result or Outcome.of_error"
            )

    @classmethod
    def of_result(cls, result: Result | None) -> Outcome:
        """Done, or requeue after."""
        return cls(Verdict.DONE) if result is None else cls(Verdict.REQUEUE_AFTER, requeue_after=result.seconds)

    @classmethod
    def of_error(cls, error: ReconcileError) -> Outcome:
        """Transient, config or bug."""
        match error:
            case TransientError():
                return cls(Verdict.TRANSIENT, error=error)
            case ConfigError():
                return cls(Verdict.CONFIG, error=error)
            case BugError():
                return cls(Verdict.BUG, error=error)
            case _:
                raise TypeError(f"{error!r} is none of TransientError, ConfigError and BugError")

    @property
    def is_finished(self) -> bool:
        """True where the key had its say (done or config), so that a first publish need not wait for it."""
        return self.verdict is not Verdict.TRANSIENT


def as_transient(verdict: ReconcileError, *, but: str) -> TransientError:
    """The verdict, or a transient error caused by it, where all that it says is that something failed in passing.

    Args:
        verdict: of any kind.
        but: what failed, where the verdict is about something else: the new error's text begins with it.
    """
    if isinstance(verdict, TransientError):
        return verdict
    transient = TransientError(f"{but}: {verdict}")
    transient.__cause__ = verdict
    return transient
