"""What aiohttp's failures mean for a request: the one place that translates them.

The question that matters is whether the server can have seen the request. aiohttp tells by the exception's class
whether a connection was made; once it was, any failure leaves the outcome unknown.
"""

from __future__ import annotations

import aiohttp

from reconcilekit.errors import CertificateError, LostAnswerError, NotSentError, WireError
from reconcilekit.kube.transport import Request

FAILURES = (aiohttp.ClientError, OSError, TimeoutError)
"""All that aiohttp raises for a request that got no whole answer; `TimeoutError` is the total's."""

READ_FAILURES = (*FAILURES, RuntimeError)
"""The same for reading a body: "Connection closed." is a RuntimeError where this side closed it between two reads."""

_NOT_SENT = (
    aiohttp.ClientConnectorError,  # refused, unreachable, DNS, TLS handshake, no way to the proxy
    aiohttp.ConnectionTimeoutError,  # no connection in time, from the pool or new
    aiohttp.ClientHttpProxyError,  # the proxy refused to CONNECT
    aiohttp.InvalidURL,
)


def wire_error(error: Exception, request: Request, server: str, *, patience: float) -> WireError:
    """The error to raise `from` aiohttp's.

    Args:
        error: one of `FAILURES` or `READ_FAILURES`.
        request: what was being sent.
        server: where to.
        patience: seconds that were waited for, where it timed out.
    """
    what = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return CertificateError(
            f"{request}: the certificate of {server} doesn't verify against the configured CA: {what}"
        )
    if isinstance(error, _NOT_SENT):
        return NotSentError(f"{request}: no connection to {server}: {what}")
    outcome = "" if request.method == "GET" else "; it may have been applied"
    if isinstance(error, TimeoutError):
        return LostAnswerError(f"{request}: no answer from {server} within {patience:g} s{outcome}")
    return LostAnswerError(f"{request}: the connection to {server} broke: {what}{outcome}")
