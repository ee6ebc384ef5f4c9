"""The default table, second half: requests that got no whole answer, and bodies that can't be read.

The question that matters is whether the server can have seen the request: where it can, a write may have been applied.
Errors are recognised by the standard library's classes, by our own, and by name for clients that may not be installed.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from reconcilekit.classification.answers import enveloped, is_named, read_answer
from reconcilekit.classification.rule import Rule
from reconcilekit.errors import (
    BugError,
    CertificateError,
    ConfigError,
    GarbledAnswerError,
    NotSentError,
    Operation,
    ReconcileError,
    TransientError,
    WireError,
)

_SHOWN_FINDINGS: Final = 5
"""How many of a validator's findings a condition's message lists: it is read by people, and limited to 32 KiB."""


@attrs.frozen
class _Row:
    name: str
    outcome: str
    judge: Callable[[Exception, Operation], ReconcileError | None]

    def rule(self) -> Rule:
        doc = (self.judge.__doc__ or "").partition("\n")[0].rstrip(".")
        return Rule(name=self.name, judge=self.judge, matches=doc, outcome=self.outcome)


def wire_rules() -> tuple[Rule, ...]:
    """The rules for broken requests, in the order in which they are asked."""
    return tuple(row.rule() for row in _ROWS)


def _certificate(error: Exception, _operation: Operation) -> ReconcileError | None:
    """Certificate verification."""
    is_certificate = isinstance(error, (CertificateError, ssl.SSLCertVerificationError)) or is_named(
        error, "aiohttp.ServerFingerprintMismatch"
    )
    if not is_certificate and not _mentions_certificate(_tls_text(error)):
        return None
    return ConfigError(
        "CertificateNotVerified",
        f"{_said(error)}; correct the CA in the configuration, or the server's certificate",
    )


def _tls(error: Exception, _operation: Operation) -> ReconcileError | None:
    """Any other TLS error: the handshake failed."""
    if is_named(error, "aiohttp.ClientSSLError"):
        return TransientError(_said(error))
    text = _tls_text(error)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or "EOF occurred" in text:
        return None
    return TransientError(_said(error)) if isinstance(error, ssl.SSLError) or text else None


def _not_sent(error: Exception, _operation: Operation) -> ReconcileError | None:
    """Connect or DNS error: never sent."""
    is_stdlib = isinstance(error, (NotSentError, ConnectionRefusedError, socket.gaierror))
    return TransientError(_said(error)) if is_stdlib or is_named(error, *_NOT_SENT) else None


def _impossible_request(error: Exception, _operation: Operation) -> ReconcileError | None:
    """The official client can't build the request (status 0, "Cannot prepare a request message")."""
    if not _silence(error).startswith("Cannot prepare a request message"):
        return None
    return BugError(f"{_said(error)} The request was never sent: mend the code that makes it.")


def _garbled(error: Exception, operation: Operation) -> ReconcileError | None:
    """JSON decode error on a 2xx: truncated, or a proxy's page."""
    if not _is_garbled(error):
        return None
    return TransientError(_said(error), outcome_unknown=operation.is_write)


def _invalid_object(error: Exception, _operation: Operation) -> ReconcileError | None:
    """An object that doesn't fit its model (pydantic, msgspec, the official client)."""
    if is_named(error, "pydantic_core.ValidationError", "pydantic.ValidationError"):
        said = _findings(error)
    elif is_named(error, "msgspec.ValidationError") or _silence(error).startswith("Failed to parse"):
        said = _said(error)
    else:
        return None
    return ConfigError("InvalidObject", f"{said}; correct the object, or read it untyped")


def _connection_lost(error: Exception, operation: Operation) -> ReconcileError | None:
    """Read timeout, protocol error, reset: it may have been applied."""
    if enveloped(error) is not None:
        return None
    is_lost = (
        isinstance(error, (WireError, ConnectionError, TimeoutError, EOFError, ssl.SSLError))
        or is_named(error, *_LOST)
        or getattr(error, "errno", None) in _LOST_ERRNOS
        or bool(_silence(error))
    )
    return TransientError(_said(error), outcome_unknown=operation.is_write) if is_lost else None


_NOT_SENT: Final = (
    "aiohttp.ClientConnectorError",
    "aiohttp.ConnectionTimeoutError",
    "aiohttp.InvalidURL",
    "urllib3.ConnectTimeoutError",
    "urllib3.NewConnectionError",
    "urllib3.LocationValueError",
    "urllib3.EmptyPoolError",
    "urllib3.FullPoolError",
    "urllib3.ClosedPoolError",
)
"""Raised before a request's first byte leaves."""

_LOST: Final = ("aiohttp.ClientError", "http.HTTPException", "urllib3.HTTPError")

_LOST_ERRNOS: Final = frozenset(
    {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET}
)
"""A bare OSError with one of these can come from an established connection as well as from connecting."""

_ROWS: Final = (
    _Row("certificate", "config: CertificateNotVerified", _certificate),
    _Row("tls", "transient", _tls),
    _Row("impossible-request", "bug", _impossible_request),
    _Row("not-sent", "transient", _not_sent),
    _Row("garbled-answer", "transient, outcome unknown", _garbled),
    _Row("invalid-object", "config: InvalidObject", _invalid_object),
    _Row("connection-lost", "transient, outcome unknown", _connection_lost),
)


def _silence(error: Exception) -> str:
    """What the official client says in an ApiException with status 0, which has no answer; "" for anything else."""
    answer = read_answer(error)
    return "" if answer is None or answer.status else answer.phrase.strip() or "no answer"


def _tls_text(error: Exception) -> str:
    """The words of a TLS error in urllib3's wrapping, or in the official client's status 0 around that."""
    if is_named(error, "urllib3.SSLError"):
        return str(error) or "SSLError"
    silence = _silence(error)
    return silence if silence.startswith("SSLError") else ""


def _mentions_certificate(text: str) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text or "doesn't match" in text


def _is_garbled(error: Exception) -> bool:
    if isinstance(error, (GarbledAnswerError, json.JSONDecodeError)):
        return True
    if is_named(error, "msgspec.DecodeError"):
        return not is_named(error, "msgspec.ValidationError")
    if is_named(error, "aiohttp.ClientResponseError"):
        answer = read_answer(error)
        return answer is not None and 200 <= answer.status < 300
    return _silence(error).startswith("Unsupported content type") or _is_not_even_an_object(error)


def _is_not_even_an_object(error: Exception) -> bool:
    """A proxy's text/html page reaches the official client's models whole, as a str."""
    if not is_named(error, "pydantic_core.ValidationError"):
        return False
    findings = _listed(error)
    return len(findings) == 1 and not findings[0].get("loc") and findings[0].get("type") == "model_type"


def _findings(error: Exception) -> str:
    """What a validator found, without the input: that may be a Secret's."""
    findings = _listed(error)
    said = [f"{'.'.join(map(str, _sequence(each.get('loc'))))}: {each.get('msg')}" for each in findings]
    more = [f"and {len(said) - _SHOWN_FINDINGS} more"] if len(said) > _SHOWN_FINDINGS else []
    return f"{getattr(error, 'title', 'object')}: " + "; ".join(said[:_SHOWN_FINDINGS] + more)


def _listed(error: Exception) -> list[dict[str, object]]:
    listed = getattr(error, "errors", None)
    if not callable(listed):
        return []
    found: list[dict[str, object]] = listed(include_url=False, include_context=False, include_input=False)
    return found


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) else ()


def _said(error: Exception) -> str:
    """The error's class and words; of an official ApiException only its reason, never headers and body."""
    words = _silence(error) or str(error)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
