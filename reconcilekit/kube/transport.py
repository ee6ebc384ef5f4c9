"""The seam between the client and the network: bytes out, bytes in.

Two things implement it: `reconcilekit.kube.http` (aiohttp, real sockets) and the transport of the embedded API server
in `reconcilekit.testing`, which has none. Implementations raise nothing but `WireError`s and `CancelledError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import attrs

DEFAULT_TIMEOUT = 35.0
"""Seconds for a whole request: just over the API server's own limit for one (34 s seen), so that its answer wins."""


@attrs.frozen(kw_only=True)
class Request:
    """One request.

    Attributes:
        method: "GET", "POST", "PUT", "PATCH" or "DELETE".
        path: absolute and not escaped further, without the query.
        query: its parameters, not escaped.
        body: None for none.
        headers: names in lower case. Credentials and the user agent are the transport's to add.
        timeout: seconds: for `send` the whole of it, for `open` the longest silence between two chunks.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    timeout: float = DEFAULT_TIMEOUT

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@attrs.frozen(kw_only=True)
class Response:
    """One whole answer.

    Attributes:
        headers: names in lower case.
        is_credential_reloaded: of a 401: it was given to a credential that was loaded afresh just before, or that has
            no source to be loaded from, so that another try is as good as pointless.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    is_credential_reloaded: bool = False


class Stream(Protocol):
    """An answer that goes on: the chunks of a watch, as they arrive (they don't end where lines do)."""

    @property
    def status(self) -> int:
        """The HTTP status; a failure's body is what the iteration gives."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks until the server ends the answer; raises LostAnswerError where it breaks or falls silent."""

    async def aclose(self) -> None:
        """Drop the connection; may be called twice."""


class Transport(Protocol):
    """Sends requests to one API server. One instance serves many tasks of one event loop at once."""

    async def send(self, request: Request) -> Response:
        """The whole answer, whatever its status.

        Sent exactly once: a transport never repeats a request by itself.

        Raises:
            NotSentError: the server can't have seen it.
            CertificateError: the server's certificate doesn't verify.
            LostAnswerError: it may have been applied.
        """

    async def open(self, request: Request) -> Stream:
        """The answer's head, its body to be iterated; raises as `send` does."""

    async def aclose(self) -> None:
        """Close every connection; requests under way fail with LostAnswerError."""
