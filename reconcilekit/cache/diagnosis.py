"""What a failed list or watch means for the cache of its kind."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from reconcilekit.cache.health import HealthState
from reconcilekit.classification.predicates import is_expired, is_resource_version_too_large
from reconcilekit.errors import ApiError, ReconcileError, TransientError, WireError
from reconcilekit.kube.discovery import KindAbsentError
from reconcilekit.kube.resource import Resource

EXPECTED_FAILURES = (ApiError, WireError, ReconcileError, TimeoutError)
"""What a server or the network can do to a list or watch; anything else that is raised is a bug of ours."""

Classify = Callable[[Exception], ReconcileError]


class WatchEndedError(TransientError):
    """A watch ended too soon, or without anything that would prove that it was alive."""


class WentBackError(TransientError):
    """The server gave out something older than what is cached: it was restored, and the cache must be read anew."""


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What a failure means.

    Attributes:
        state: what the kind's health becomes, if the failure shows that it can't be read.
        message: the error, for people who know which kind is meant.
        verdict: the name of the verdict's class, for the log.
        rule: the classifier's rule that gave it, None where none did.
        retry_after: seconds that the server asked for.
        needs_list: the watch can't go on from where it was.
        is_proven_absence: discovery was complete, had nothing stale, and doesn't name the kind.
    """

    state: HealthState
    message: str
    verdict: str
    rule: str | None
    retry_after: float | None
    needs_list: bool
    is_proven_absence: bool


def diagnose(error: Exception, classify: Classify, *, resource: Resource) -> Diagnosis:
    """Judge a failure of a list or a watch of a kind."""
    verdict = classify(error)
    is_absent = isinstance(error, KindAbsentError)
    return Diagnosis(
        state=_state(error, is_absent=is_absent),
        # Discovery's errors name the kind, and so does whoever tells of its health.
        message=(str(verdict) or repr(error)).replace(f"{resource}: ", "", 1),
        verdict=type(verdict).__name__,
        rule=verdict.rule,
        retry_after=verdict.retry_after if isinstance(verdict, TransientError) else None,
        needs_list=isinstance(error, WentBackError) or is_expired(error) or is_resource_version_too_large(error),
        is_proven_absence=is_absent,
    )


def _state(error: Exception, *, is_absent: bool) -> HealthState:
    if is_absent:
        return HealthState.ABSENT
    if isinstance(error, ApiError) and error.status == 403:
        return HealthState.FORBIDDEN
    return HealthState.FAILING
