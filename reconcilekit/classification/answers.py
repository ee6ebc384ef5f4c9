"""What a server's refusal says, read from whichever client's exception carries it.

Nothing here imports a client: an answer is recognised by its shape (`status`, `body`, `headers`), which the official
sync and aio `ApiException` and our own `ApiError` share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import attrs
import msgspec

from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError


class Cause(msgspec.Struct, frozen=True):
    """One entry of a Status' `details.causes`."""

    reason: str = ""
    message: str = ""
    field: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: int = 0


class _Status(msgspec.Struct, frozen=True):
    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """An HTTP answer that isn't a success.

    Attributes:
        status: the HTTP status; 0 where the official client had no answer at all.
        is_status: the body was a Kubernetes Status; where not, only `status`, `body_is_empty` and the headers count.
        reason: the Status' machine-readable reason, "" for none.
        message: the Status' text. Other bodies never get here: a proxy's page may hold secrets.
        phrase: what the exception itself calls the failure (the HTTP reason phrase, or a client's own text).
        kind: the plural or kind that `details` names.
        name: the object that `details` names, "" where it names none.
        causes: `details.causes`.
        body_is_empty: nothing but the code is known.
        is_ours: our own client raised it.
        request: method and path, "" where unknown.
    """

    status: int
    is_status: bool = False
    reason: str = ""
    message: str = ""
    phrase: str = ""
    kind: str = ""
    name: str = ""
    causes: tuple[Cause, ...] = ()
    body_is_empty: bool = True
    is_ours: bool = False
    request: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    retry_after_seconds: int = 0

    def has_cause(self, reason: str) -> bool:
        """True if one of the causes has this reason."""
        return any(cause.reason == reason for cause in self.causes)

    def retry_after(self, clock: Clock) -> float | None:
        """Seconds that the server asks to wait, None where it doesn't; the header first, then the Status.

        More than a float holds counts as nothing.

        Args:
            clock: tells the time for a Retry-After that is a date, where the answer has no Date header to compare
                with (RFC 9110, 10.2.3).
        """
        named = _seconds(self.headers.get("retry-after", ""), sent=self.headers.get("date", ""), clock=clock)
        if named is None and self.retry_after_seconds > 0:
            named = _float(self.retry_after_seconds)
        return None if named == math.inf else named

    def __str__(self) -> str:
        subject = self.request or "Kubernetes API"
        said = ": ".join(part for part in (self.reason, self.message) if part) or self.phrase
        return f"{subject}: {self.status} {said}" if said else f"{subject}: {self.status}"


def read_answer(error: BaseException) -> Answer | None:
    """The answer that an exception carries, None where it carries none.

    Args:
        error: any exception. One with an int `status` and with `body` and `headers` is an answer, and so is aiohttp's
            `ClientResponseError`, which has no body.
    """
    status = getattr(error, "status", None)
    if not isinstance(status, int) or isinstance(status, bool):
        return None
    has_shape = hasattr(error, "body") and hasattr(error, "headers")
    if not has_shape and not is_named(error, "aiohttp.ClientResponseError"):
        return None
    body = getattr(error, "body", None)
    said = _read_status(body)
    details = (said.details if said else None) or _Details()
    return Answer(
        status=int(status),
        is_status=said is not None,
        reason=said.reason if said else "",
        message=said.message if said else "",
        phrase=_phrase(error),
        kind=details.kind,
        name=details.name,
        causes=details.causes or (),
        body_is_empty=not body,
        is_ours=isinstance(error, ApiError),
        request=error.request if isinstance(error, ApiError) else "",
        headers=_headers(getattr(error, "headers", None)),
        retry_after_seconds=details.retry_after_seconds,
    )


def is_named(error: BaseException, *names: str) -> bool:
    """True if the error's class, or one it derives from, has one of these names, such as "urllib3.SSLError".

    A name is the top-level package and the class, so that no client needs to be imported to recognise its errors.
    """
    return any(f"{base.__module__.partition('.')[0]}.{base.__name__}" in names for base in type(error).__mro__)


def enveloped(error: BaseException) -> BaseException | None:
    """What urllib3 put into a MaxRetryError or a ProxyError, which say nothing themselves; None for anything else."""
    if is_named(error, "urllib3.MaxRetryError"):
        inside = getattr(error, "reason", None)
    elif is_named(error, "urllib3.ProxyError"):
        inside = getattr(error, "original_error", None)
    else:
        return None
    return inside if isinstance(inside, BaseException) else None


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what is inside it, what it was raised `from`, and so on; ends where a chain bites its tail."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = enveloped(current) or current.__cause__


def _read_status(body: object) -> _Status | None:
    """A Status is known by its fields: the timeout filter sends it without kind and apiVersion."""
    if not isinstance(body, (str, bytes, bytearray)):
        return None
    try:
        said = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return said if said.status == "Failure" or said.kind == "Status" else None


def _headers(headers: object) -> dict[str, str]:
    """Names in lower case, whatever mapping the client uses."""
    pairs = getattr(headers, "items", None)
    return {str(name).lower(): str(value) for name, value in pairs()} if callable(pairs) else {}


def _phrase(error: BaseException) -> str:
    phrase = getattr(error, "reason", None) or getattr(error, "message", None)
    return phrase if isinstance(phrase, str) else ""


def _seconds(value: str, *, sent: str, clock: Clock) -> float | None:
    """RFC 9110, 10.2.3: digits, or a date, which is read against the server's own clock where it says its time."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - (_date(sent) or clock.now())) / timedelta(seconds=1))


def _float(seconds: int) -> float:
    try:
        return float(seconds)
    except OverflowError:
        return math.inf


def _date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # loads the whole of `email`, for the rare Retry-After that is a date

    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
