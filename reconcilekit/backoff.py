"""When a failing key runs again: per-key delays over any tenacity strategies, and floors that bind every key.

Synchronous, without an event loop or timers: it says when, the caller waits. It may be used from several threads.

client-go's per-item limiter is `min(base * 2**failures, max)`. This differs where that is known to hurt:

- an event during backoff doesn't raise the exponent (k/k#132805) and doesn't loop without backoff
  (java-operator-sdk#2046): the attempt count advances only when a delay has elapsed, and an event runs the key at
  most once per delay, uncounted;
- a config error clears the count, so that the next transient error starts over;
- full jitter, so that keys which failed together don't come back together;
- a Retry-After is a floor for the next delay;
- nothing is ever given up: where the stop strategy says so a key is stalled, and tried slowly.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from random import Random
from typing import Final, TypeVar

import attrs
import tenacity
from tenacity.stop import StopBaseT
from tenacity.wait import WaitBaseT, wait_base

from reconcilekit.clock import Clock
from reconcilekit.errors import ConflictError, ReconcileError, RetryScope, TransientError

BASE_DELAY: Final = 0.005
"""Seconds: client-go's default base. Most transient errors are gone at once, and jitter spreads the first tries."""

MAX_DELAY: Final = 1000.0
"""Seconds: client-go's default cap, reached after 18 failures in a row."""

STALLED_DELAY: Final = 300.0
"""Seconds between the tries of a stalled key: the pace at which a config error is rechecked, too."""

MAX_SHARED_FLOOR: Final = 60.0
"""Seconds for which one Retry-After may hold every key: priority and fairness asks for up to 32 s, while one odd header
from a proxy must not stop a controller for a day."""

_SPREAD: Final = 0.1
"""Share of a floor by which tries are spread behind it: keys told the same Retry-After don't come back together."""

_RESOLUTION: Final = 1e-6
"""Seconds: an event loop's timers may fire that early, and a delay that has elapsed but for this has elapsed."""

_LARGEST_EXPONENT: Final = 64
"""Beyond this 2**n is over any cap, and a float overflows at 1024."""

_T = TypeVar("_T", bound=float | bool)


class wait_full_jitter(wait_base):  # noqa: N801 -- tenacity's strategies are named like functions
    """A tenacity wait of U(0, min(max, base * 2**n)) after the n-th failure, counted from 0.

    tenacity's own exponential jitter adds at most a fixed amount, and draws from the global random source.

    Args:
        random: the source of chance; one seed gives one run.
        base: seconds; the bound of the first wait.
        max: seconds; the bound of every wait.
    """

    def __init__(self, random: Random, *, base: float = BASE_DELAY, max: float = MAX_DELAY) -> None:  # noqa: A002 -- tenacity's word
        self._random = random
        self._base = base
        self._max = max

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt."""
        doubled = 2.0 ** min(retry_state.attempt_number - 1, _LARGEST_EXPONENT)
        return self._random.uniform(0.0, min(self._max, self._base * doubled))


@attrs.frozen(kw_only=True)
class Delay:
    """What to do with a key that failed.

    Attributes:
        seconds: until its next try.
        attempt: how many failures in a row count; 0 for a conflict that runs again at once.
        is_stalled: the stop strategy has had enough: say so in a condition. The key is still tried, slowly.
    """

    seconds: float
    attempt: int
    is_stalled: bool = False


@attrs.frozen(kw_only=True)
class BackoffStatistics:
    """How a `Backoff` stands and what it has done.

    Attributes:
        failing: keys that are in backoff or being tried again.
        stalled: those of them that are stalled.
        failures: failures that counted, of all keys so far.
        uncounted: failures of runs that an event had started before their delay was over.
        early_runs: runs that an event was allowed to start before their delay was over.
    """

    failing: int
    stalled: int
    failures: int
    uncounted: int
    early_runs: int


class Floors:
    """Pauses that bind every key of one API server, or every key that calls one of its API groups.

    Fed by `Backoff.failed` with verdicts whose scope is wider than their key; share one between the backoffs of all
    controllers that talk to one server. Lease renewals, watches and confirmations are exempt: they don't ask.

    Args:
        clock: tells the time.
        longest: seconds; the most that one Retry-After counts for.
    """

    def __init__(self, clock: Clock, *, longest: float = MAX_SHARED_FLOOR) -> None:
        self._clock = clock
        self._longest = longest
        self._lock = threading.Lock()
        self._server_until = float("-inf")
        self._groups_until: dict[str, float] = {}

    def note(self, error: ReconcileError) -> None:
        """Take in what a verdict, or a leaf of it, asks of more than its key."""
        for leaf in error.leaves or (error,):
            if isinstance(leaf, TransientError) and leaf.scope is not RetryScope.KEY:
                self._raise_floor(leaf)

    def remaining(self, *, api_groups: Iterable[str] = ()) -> float:
        """Seconds for which a key must not start, 0.0 where it may.

        Args:
            api_groups: the groups that the key's runs call, "" for the core group; the server's own pause always
                counts.
        """
        now = self._clock.monotonic()
        if not self._groups_until and self._server_until <= now:
            return 0.0
        with self._lock:
            self._groups_until = {group: until for group, until in self._groups_until.items() if until > now}
            floors = [self._groups_until[group] for group in api_groups if group in self._groups_until]
            return max(0.0, max([self._server_until, *floors]) - now)

    def __repr__(self) -> str:
        groups = ", ".join(f"{group or 'core'}" for group in self._groups_until)
        return f"<Floors server={self.remaining():.3f}s groups=[{groups}]>"

    def _raise_floor(self, error: TransientError) -> None:
        until = self._clock.monotonic() + min(_floor_of(error), self._longest)
        with self._lock:
            if error.scope is RetryScope.SERVER:
                self._server_until = max(self._server_until, until)
            elif error.api_group is not None:
                self._groups_until[error.api_group] = max(self._groups_until.get(error.api_group, until), until)


@attrs.define
class _Failing:
    """What is kept of one failing key, and of no other."""

    since: float
    due: float
    attempt: int = 0
    slept: float = 0.0
    not_before: float = float("-inf")
    has_run_early: bool = False
    is_stalled: bool = False


class Backoff:
    """Counts the failures of each key and says when it runs again.

    A key that isn't failing costs no memory. Call exactly one of `failed`, `succeeded` and `config_error` after each
    run; a run that an event started early and that goes on until its delay is over counts as one after that delay.
    A strategy that fails is reported and replaced by the default for that once: no key is ever lost to it.

    Args:
        wait: any tenacity wait strategy; by default `wait_full_jitter` on the clock's random source, so that runs can
            be reproduced from a seed (tenacity's own draw from the global one).
        stop: any tenacity stop strategy; where it says stop the key is stalled. By default never.
        stalled_delay: seconds between the tries of a stalled key, at least; spread by up to a tenth.
        floors: pauses shared with other backoffs of the same server; by default its own.
        clock: time and chance.
        logger: where a failing strategy is reported; by default this module's.
    """

    def __init__(
        self,
        *,
        wait: WaitBaseT | None = None,
        stop: StopBaseT | None = None,
        stalled_delay: float = STALLED_DELAY,
        floors: Floors | None = None,
        clock: Clock,
        logger: logging.Logger | None = None,
    ) -> None:
        self._default_wait = wait_full_jitter(clock.random)
        self._wait: WaitBaseT = wait or self._default_wait
        self._stop: StopBaseT = stop or tenacity.stop_never
        self._stalled_delay = stalled_delay
        self._floors = floors or Floors(clock)
        self._clock = clock
        self._logger = logger or logging.getLogger(__name__)
        self._retrying = tenacity.Retrying()
        self._lock = threading.RLock()  # a user's strategy, asked under it, may look at this backoff
        self._failing: dict[Hashable, _Failing] = {}
        self._stalled = self._failures = self._uncounted = self._early_runs = 0

    @property
    def floors(self) -> Floors:
        """The pauses that bind more than one key."""
        return self._floors

    def failed(self, key: Hashable, error: TransientError) -> Delay:
        """Note a transient failure of a key's run; say when it runs again.

        The first failure in a row, if it is a conflict, runs again at once: its caller waits for the cache anyway. A
        run that an event started before its delay was over doesn't count: the rest of that delay stands.

        Args:
            key: the key that ran.
            error: the verdict; its Retry-After is a floor for the delay, and where its scope is wider, for others too.
        """
        self._floors.note(error)
        with self._lock:
            now = self._clock.monotonic()
            state = self._failing.get(key)
            if state is None:
                state = self._failing[key] = _Failing(since=now, due=now)
                if isinstance(error, ConflictError):
                    return self._at_once(state, error, now)
            if now < state.due - _RESOLUTION:
                return self._uncounted_failure(state, error, now)
            return self._counted_failure(key, state, error, now)

    def succeeded(self, key: Hashable) -> None:
        """Note that a run ended well, with or without a wish to run again: its next failure is the first."""
        self._drop(key)

    def config_error(self, key: Hashable) -> None:
        """Note that a run ended in a config error or a bug: that isn't passing, and its next failure is the first."""
        self._drop(key)

    def forget(self, key: Hashable) -> None:
        """Drop what is known of a key that is gone."""
        self._drop(key)

    def event_during_backoff(self, key: Hashable) -> bool:
        """Ask whether an event may run a key now; a yes to a key in backoff uses up the one early run of its delay.

        Yes for a key that isn't in backoff. A no loses nothing: the key runs when its delay is over. Before a
        Retry-After has passed it is no.
        """
        with self._lock:
            now = self._clock.monotonic()
            state = self._failing.get(key)
            if state is None or now >= state.due - _RESOLUTION:
                return True
            if state.has_run_early or now < state.not_before:
                return False
            state.has_run_early = True
            self._early_runs += 1
            return True

    def remaining(self, key: Hashable, *, api_groups: Iterable[str] = ()) -> float:
        """Seconds until a key may run: the rest of its own delay or of a pause that binds it, whichever is longer.

        Args:
            key: the key.
            api_groups: the API groups that its runs call.
        """
        floor = self._floors.remaining(api_groups=api_groups)
        with self._lock:
            state = self._failing.get(key)
            return floor if state is None else max(floor, state.due - self._clock.monotonic())

    def attempt(self, key: Hashable) -> int:
        """How many failures in a row count for a key, 0 for one that isn't failing."""
        with self._lock:
            state = self._failing.get(key)
            return 0 if state is None else state.attempt

    def statistics(self) -> BackoffStatistics:
        """How it stands, at one instant."""
        with self._lock:
            return BackoffStatistics(
                failing=len(self._failing),
                stalled=self._stalled,
                failures=self._failures,
                uncounted=self._uncounted,
                early_runs=self._early_runs,
            )

    def __len__(self) -> int:
        """How many keys are failing."""
        return len(self._failing)

    def __repr__(self) -> str:
        seen = self.statistics()
        return f"<Backoff failing={seen.failing} stalled={seen.stalled} failures={seen.failures}>"

    def _at_once(self, state: _Failing, error: ConflictError, now: float) -> Delay:
        seconds = _floor_of(error)
        state.due = state.not_before = now + seconds
        return Delay(seconds=seconds, attempt=0)

    def _uncounted_failure(self, state: _Failing, error: TransientError, now: float) -> Delay:
        self._uncounted += 1
        floor = _floor_of(error)
        state.not_before = max(state.not_before, now + floor)
        seconds = max(state.due - now, floor)
        state.due = now + seconds
        return Delay(seconds=seconds, attempt=state.attempt, is_stalled=state.is_stalled)

    def _counted_failure(self, key: Hashable, state: _Failing, error: TransientError, now: float) -> Delay:
        self._failures += 1
        state.attempt += 1
        asked = self._as_tenacity_asks(key, state, error, now)
        seconds = self._ask("wait", self._wait, asked, default=self._default_wait)
        asked.upcoming_sleep = seconds
        self._set_stalled(state, is_stalled=bool(self._ask("stop", self._stop, asked, default=tenacity.stop_never)))
        if state.is_stalled:
            seconds = max(seconds, self._spread(self._stalled_delay))
        floor = max(_floor_of(error), self._floors.remaining())
        if floor > seconds:
            seconds = self._spread(floor)
        state.not_before, state.due = now + floor, now + seconds
        state.slept += seconds
        state.has_run_early = False
        return Delay(seconds=seconds, attempt=state.attempt, is_stalled=state.is_stalled)

    def _as_tenacity_asks(
        self, key: Hashable, state: _Failing, error: TransientError, now: float
    ) -> tenacity.RetryCallState:
        """The state that tenacity's strategies read, on our clock and about this row of failures."""
        asked = tenacity.RetryCallState(self._retrying, None, (key,), {})
        asked.attempt_number = state.attempt
        asked.set_exception((type(error), error, error.__traceback__))
        asked.start_time, asked.outcome_timestamp = state.since, now
        asked.idle_for = state.slept
        return asked

    def _ask(
        self,
        role: str,
        strategy: Callable[[tenacity.RetryCallState], _T],
        asked: tenacity.RetryCallState,
        *,
        default: Callable[[tenacity.RetryCallState], _T],
    ) -> _T:
        try:
            return _seconds_or_verdict(role, strategy(asked))
        except Exception:
            self._logger.exception("The %s strategy %r failed; the default decides this once.", role, strategy)
            return default(asked)

    def _spread(self, seconds: float) -> float:
        return seconds + self._clock.random.uniform(0.0, _SPREAD * seconds)

    def _set_stalled(self, state: _Failing, *, is_stalled: bool) -> None:
        self._stalled += is_stalled - state.is_stalled
        state.is_stalled = is_stalled

    def _drop(self, key: Hashable) -> None:
        with self._lock:
            state = self._failing.pop(key, None)
            if state is not None and state.is_stalled:
                self._stalled -= 1


def _floor_of(error: TransientError) -> float:
    """Seconds that an error asks to wait; what is no number of seconds asks for nothing."""
    asked = error.retry_after
    return asked if asked is not None and 0.0 < asked < float("inf") else 0.0


def _seconds_or_verdict(role: str, answer: _T) -> _T:
    if not 0 <= answer < float("inf"):
        raise ValueError(f"The {role} strategy answered {answer!r}; it must be a finite number that isn't negative.")
    return answer
