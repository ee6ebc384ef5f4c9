"""The taxonomy: what an error means for the key whose reconcile raised it.

Raise one of these from a reconcile to say it yourself; anything else that escapes is turned into one of them by
`reconcilekit.classification`. The split is by who must act:

- `TransientError`: nobody. It is retried with backoff, for ever, and the last good state stands.
- `ConflictError`: nobody. The view was stale; the key runs again as soon as the cache has caught up.
- `ConfigError`: a user. It becomes a condition and waits for a change, with a slow recheck.
- `BugError`: a developer. The request can never succeed as it was sent.
"""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus

import attrs


class RetryScope(enum.Enum):
    """How far a Retry-After reaches."""

    KEY = "key"
    """Only the key that met it: an eviction against a disruption budget must not pause everything."""

    API_GROUP = "api group"
    """Every key's calls to one API group: an aggregated API that is down (503)."""

    SERVER = "server"
    """Every key of that server: it is overloaded (429)."""


class ReconcileError(Exception):
    """Base of every verdict.

    Attributes:
        rule: the name of the classifier's rule that gave this verdict, None where the error was raised as it is.
        leaves: where the error was an exception group, the verdict on each of its leaves, in the group's order; empty
            for anything else.
    """

    rule: str | None = None
    leaves: tuple[ReconcileError, ...] = ()

    @property
    def config_errors(self) -> tuple[ConfigError | BugError, ...]:
        """Everything in this verdict that somebody must mend, also where it is transient because of another leaf.

        controller-runtime joins a transient and a terminal error into one that isn't retried; here the transient leaf
        decides about the retry and the others are reported all the same.
        """
        return tuple(leaf for leaf in self.leaves or (self,) if isinstance(leaf, (ConfigError, BugError)))


class TransientError(ReconcileError):
    """Something passing: retried with backoff, for ever; nothing of the failed run is committed.

    Args:
        message: what failed.
        retry_after: a timedelta or seconds before which a retry is pointless, a floor for the next delay; None where
            nobody said.
        outcome_unknown: a write may have been applied although its answer is lost (timeouts, 5xx, broken
            connections); what it concerns is read again before it is redone.
        scope: whom `retry_after` binds.
        api_group: the API group that is bound where `scope` is `RetryScope.API_GROUP` ("" is the core group).

    Attributes:
        retry_after: in seconds.

    Raises:
        ValueError: `retry_after` is negative or not finite.
        TypeError: `retry_after` is neither a timedelta nor a number.
    """

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: timedelta | float | None = None,
        outcome_unknown: bool = False,
        scope: RetryScope = RetryScope.KEY,
        api_group: str | None = None,
    ) -> None:
        super().__init__(message)
        seconds = _seconds("retry_after", retry_after)
        if seconds is not None and not 0 <= seconds < math.inf:
            raise ValueError(f"retry_after={retry_after!r} is negative or not finite; leave it out where nobody said")
        self.retry_after = seconds
        self.outcome_unknown = outcome_unknown
        self.scope = scope
        self.api_group = api_group


class ConflictError(TransientError):
    """The view was stale: wait until the cache has caught up, run once at once, then with backoff."""


UNNAMED_REASON = "Invalid"
"""The reason of a `ConfigError` that was given a sentence alone."""


class ConfigError(ReconcileError):
    """Somebody must change something; it becomes a condition and an event, never a hot retry.

    Args:
        reason: a CamelCase word for the condition's `reason` (1 to 1024 characters of ``[A-Za-z0-9_,:]``, the first a
            letter, the last neither comma nor colon: metav1.Condition). Another one isn't refused, since that would
            hide the error itself, but made to fit: what isn't allowed becomes "_", and what begins with no letter gets
            "ConfigError_" before it; an empty one becomes "ConfigError". A sentence (it has spaces inside) without
            `message` is taken as the message, and the reason is "Invalid".
        message: a sentence for people: what is wrong, where, and what to do.
        recheck_after: a timedelta or seconds until the slow recheck; None takes the controller's (default 300, with
            jitter), because permissions, quotas and CRDs are mended without touching the object.

    Attributes:
        reason: as the API accepts it.
        recheck_after: in seconds.

    Raises:
        ValueError: `recheck_after` isn't positive and finite.
        TypeError: `recheck_after` is neither a timedelta nor a number.
    """

    def __init__(self, reason: str, message: str = "", *, recheck_after: timedelta | float | None = None) -> None:
        if not message and len(reason.split()) > 1:
            reason, message = UNNAMED_REASON, reason.strip()
        self.reason = _as_reason(reason)
        super().__init__(self.reason, message)
        self.message = message
        self.recheck_after = _seconds("recheck_after", recheck_after)
        if self.recheck_after is not None and not 0 < self.recheck_after < math.inf:
            raise ValueError(
                f"recheck_after={recheck_after!r} isn't a positive time; leave it out for the controller's own"
            )

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class BugError(ReconcileError):
    """A request that can never succeed as it was sent (400, 405, 406, 415): scheduled as config, counted apart."""


def _seconds(name: str, duration: timedelta | float | None) -> float | None:
    match duration:
        case None:
            return None
        case timedelta():
            return duration.total_seconds()
        case int() | float():
            try:
                return float(duration)
            except OverflowError:  # an int of 400 digits
                return math.inf
    raise TypeError(f"{name}={duration!r} is neither a timedelta nor a number of seconds")


_REASON_LENGTH = 1024


def _as_reason(said: str) -> str:
    """The nearest reason that metav1.Condition accepts."""
    word = re.sub(r"[^A-Za-z0-9_,:]", "_", said.strip())
    if not word[:1].isalpha():
        word = f"ConfigError_{word}" if word else "ConfigError"
    word = word[:_REASON_LENGTH]
    return f"{word[:-1]}_" if word[-1] in ",:" else word


@attrs.frozen(kw_only=True)
class Operation:
    """What was being done when an error came; an exception by itself carries no verb and no role.

    Attributes:
        verb: "get", "list", "watch", "create", "apply", "update", "patch", "delete" or "".
        role: "primary", "child", "reference", or "" where unknown.
        subresource: "status", "eviction", ..., "" for the object itself.
        generate_name: the name was left to the server.
        api_group: the group that was called, "" for the core group, None where unknown.
        is_credential_reloaded: the credential was loaded afresh before this error came (or has no source to be loaded
            from), so that a 401 means that the credential itself is refused.
    """

    verb: str = ""
    role: str = ""
    subresource: str = ""
    generate_name: bool = False
    api_group: str | None = None
    is_credential_reloaded: bool = False

    @property
    def is_write(self) -> bool:
        """True where the server may have changed something."""
        return self.verb not in ("get", "list", "watch")


class ApiError(Exception):
    """An API server's answer that is not a success, as our own client raises it.

    It has the attributes of the official client's `ApiException` (`status`, `reason`, `body`, `headers`), so one
    classifier serves both.

    Its text is the request, the status and, where the body is a Kubernetes `Status`, that body's message, of
    which a long one loses its middle: what is wrong often stands at the end, behind the value that it is said of. No
    other part of a body ever reaches it.

    Attributes:
        reason: `reason` of a `Status` body, else the HTTP phrase ("Service Unavailable"), "" for an unknown status.

    Args:
        status: the HTTP status.
        body: the answer's body; only a Kubernetes `Status` in it reaches the message, since others may hold secrets.
        headers: the answer's headers, names in lower case.
        operation: what was asked for.
        request: method and path, for the message.
    """

    def __init__(
        self,
        status: int,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        operation: Operation | None = None,
        request: str = "",
    ) -> None:
        self.status = status
        self.body = body
        self.headers: Mapping[str, str] = headers or {}
        self.operation = operation
        self.request = request
        reason, self._message = _status_texts(body)
        self.reason = reason or _phrase(status)
        super().__init__(status, request)

    def __str__(self) -> str:
        text = f"{self.request}: {self.status}" if self.request else str(self.status)
        return f"{text}: {self._message}" if self._message else text


_MESSAGE_LIMIT = 1024
"""Characters of a server's message that a log line or a condition can bear; webhooks write novels."""

_CUT = " ... "


def _status_texts(body: bytes) -> tuple[str, str]:
    """Reason and message of a `Status` body, ("", "") for any other.

    It is recognised by its fields: kube-apiserver's timeout filter leaves out kind and apiVersion.
    """
    try:
        status = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(status, dict) or status.get("status") != "Failure":
        return "", ""
    if status.get("kind") != "Status" and not isinstance(status.get("code"), int):
        return "", ""
    message = str(status.get("message") or "")
    if len(message) > _MESSAGE_LIMIT:
        kept = (_MESSAGE_LIMIT - len(_CUT)) // 2
        message = f"{message[:kept]}{_CUT}{message[-kept:]}"
    return str(status.get("reason") or ""), message


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class WireError(Exception):
    """A request that got no whole answer.

    Attributes:
        operation: what was asked for, where the client knows.
    """

    operation: Operation | None = None


class NotSentError(WireError):
    """No connection could be made (refused, DNS, handshake): the server never saw the request."""


class CertificateError(WireError):
    """The server's certificate doesn't verify against the CA that the configuration names; never sent."""


class LostAnswerError(WireError):
    """The connection broke or timed out after the request was sent: it may have been applied."""


class GarbledAnswerError(WireError):
    """A success whose body can't be read: truncated, or a proxy's page. It may have been applied."""


def walk_leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors inside an exception group and the groups within it, in order; any other error is its own only leaf.

    Args:
        error: an error, a group, or a group of groups, however deep.
    """
    waiting = [error]
    while waiting:
        next_one = waiting.pop()
        if isinstance(next_one, BaseExceptionGroup):
            waiting.extend(reversed(next_one.exceptions))
        else:
            yield next_one
