"""When a list or a watch that failed is tried again."""

from __future__ import annotations

import attrs

from reconcilekit.clock import Clock


@attrs.frozen(kw_only=True)
class ReflectorSettings:
    """How kinds are listed and watched. All durations are seconds.

    Args:
        page_size: objects per page of a list; 500 as client-go, so that a page stays a few megabytes.
        watch_timeout: after this the server is asked to end a watch; 290, below the five minutes after which many
            proxies cut a connection.
        watch_grace: how much longer than that a watch may take before it counts as dead (a half-open connection
            never ends: kopf #585, #614, #957); 5 covers slow answers.
        backoff_initial: the shortest pause before a failed list or watch is tried again; 0.8 as client-go.
        backoff_max: the longest; 30 as client-go. Retry-After can ask for more, up to `retry_after_max`.
        backoff_reset: failures further apart than this start again from the shortest pause; 120 as client-go.
        retry_after_max: the most that a Retry-After counts for: priority and fairness asks for up to 32 s, while one
            odd header from a proxy must not blind the cache for a day.
        settled_after: a watch that lived this long is reopened at once when it ends; one that ended sooner waits like
            a failure, so that no server can make a loop of it. 10, because load balancers that cut idle connections
            take longer than that.
    """

    page_size: int = 500
    watch_timeout: int = 290
    watch_grace: float = 5.0
    backoff_initial: float = 0.8
    backoff_max: float = 30.0
    backoff_reset: float = 120.0
    retry_after_max: float = 60.0
    settled_after: float = 10.0


class ReconnectBackoff:
    """The pauses of one list and watch: doubling, jittered, and forgotten after a quiet time.

    Each watch has its own, so one forbidden kind doesn't pause the others.

    Args:
        clock: time, and the source of the jitter.
        settings: its `backoff_` fields.
    """

    def __init__(self, *, clock: Clock, settings: ReflectorSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._failures = 0
        self._resumed_at: float | None = None

    def __repr__(self) -> str:
        return f"<ReconnectBackoff after {self._failures} failures>"

    def next_delay(self, *, at_least: float | None = None) -> float:
        """Count a failure and give the seconds to wait; `at_least` is what the server asked for by Retry-After."""
        now = self._clock.monotonic()
        if self._resumed_at is not None and now - self._resumed_at >= self._settings.backoff_reset:
            self._failures = 0
        # The jitter is the upper half of each step: a whole range from 0 would allow a loop, none a thundering herd.
        high = min(self._settings.backoff_max, 2 * self._settings.backoff_initial * 2.0 ** min(self._failures, 30))
        delay = max(self._clock.random.uniform(high / 2, high), min(at_least or 0.0, self._settings.retry_after_max))
        self._failures += 1
        self._resumed_at = now + delay
        return delay
