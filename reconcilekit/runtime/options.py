"""How a controller may be told to run, and the counts by which it says how it does."""

from __future__ import annotations

import attrs
from tenacity.stop import StopBaseT
from tenacity.wait import WaitBaseT

CONCURRENCY = 8
"""Keys that run at once: they mostly wait for the server, whose limit of requests in flight they share."""

TIMEOUT = 120.0
"""Seconds a reconcile may take."""

RECHECK_SECONDS = 300.0
"""Seconds until a config error is looked at again: permissions, quotas and CRDs are mended without an event."""


@attrs.frozen(kw_only=True)
class ControllerOptions:
    """How a controller runs.

    Attributes:
        concurrency: keys that run at once. One key never runs twice at a time.
        timeout: seconds a reconcile may take before it's abandoned and retried. It bounds the reconcile, not the
            commit, whose requests have limits of their own.
        recheck_after: seconds until a config error is looked at again though nothing it read has changed.
        wait: any tenacity wait strategy, for the delays after transient errors; None takes the backoff's own.
        stop: any tenacity stop strategy: where it says stop, the key is stalled and retried slowly. None never does.
    """

    concurrency: int = CONCURRENCY
    timeout: float = TIMEOUT
    recheck_after: float = RECHECK_SECONDS
    wait: WaitBaseT | None = None
    stop: StopBaseT | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "timeout", "recheck_after"):
            value = getattr(self, name)
            if not isinstance(value, int | float):
                raise TypeError(f"{name}={value!r} isn't a number; write: {name}={_DEFAULTS[name]:g}")
            if not value > 0:
                raise ValueError(f"{name}={value!r} isn't positive")
        _check_strategy("wait", self.wait, "wait_fixed(5)")
        _check_strategy("stop", self.stop, "stop_after_attempt(5)")


_DEFAULTS = {"concurrency": CONCURRENCY, "timeout": TIMEOUT, "recheck_after": RECHECK_SECONDS}


def _check_strategy(name: str, strategy: object, example: str) -> None:
    if isinstance(strategy, type):
        raise TypeError(f"{name}={strategy.__name__} is a class; write: {name}={strategy.__name__}(...)")
    if strategy is not None and not callable(strategy):
        raise TypeError(f"{name}={strategy!r} isn't a tenacity strategy; write: {name}=tenacity.{example}")


@attrs.frozen
class ControllerStatistics:
    """Counts at one moment.

    Attributes:
        ready: keys that wait for a slot.
        delayed: keys that wait for a time.
        running: keys that run.
        parked: keys that wait for the cache to see what they wrote.
        abandoned: overrun runs that haven't ended yet.
        runs: runs so far.
        retries: runs so far that ended as transient.
        bugs: runs so far that ended as a bug: a developer has to look.
    """

    ready: int
    delayed: int
    running: int
    parked: int
    abandoned: int
    runs: int
    retries: int
    bugs: int
