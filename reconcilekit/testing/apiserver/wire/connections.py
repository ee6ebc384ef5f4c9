"""The connections of a listening server: those that dawdle are closed, what isn't HTTP is told so by a Status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.wire.limits import Limits

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


class Listener(web.Server):
    """Makes connections.

    Args:
        answer: what requests are given to.
        limits: what is put up with.

    Attributes:
        is_over: no connection is taken any more, not even one whose handshake had begun.
    """

    def __init__(self, answer: Answer, limits: Limits) -> None:
        super().__init__(answer, access_log=None, handler_cancellation=True)
        self._limits = limits
        self.is_over = False

    def __call__(self) -> Connection:
        """A connection."""
        return Connection(self, self._limits)


class Connection(web.RequestHandler):
    """One connection.

    Args:
        manager: the listener.
        limits: what is put up with.
    """

    __slots__ = ("_head_timer", "_limits", "_listener")

    def __init__(self, manager: Listener, limits: Limits) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's own Server passes it on
            max_line_size=limits.head_bytes,
            max_field_size=limits.head_bytes,
            auto_decompress=False,
            lingering_time=limits.linger_seconds,
        )
        self._listener = manager
        self._limits = limits
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request's head."""
        super().connection_made(transport)
        if self._listener.is_over and isinstance(transport, asyncio.Transport):
            transport.abort()
            return
        self._head_timer = asyncio.get_running_loop().call_later(self._limits.head_seconds, transport.close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It's over, whoever closed it."""
        self.hear()
        super().connection_lost(exc)

    def hear(self) -> None:
        """A request's head is there."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Tell of what isn't HTTP, or too long, by a Status; the connection closes after it."""
        del request
        answer = _unreadable(status, exc, message or "")
        outgoing = web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
        outgoing.force_close()
        return outgoing


def _unreadable(code: int, exc: BaseException | None, message: str) -> Response:
    if isinstance(exc, LineTooLong):
        return status.StatusError(431, "Request Header Fields Too Large").response()
    if code < 500:
        return status.bad_request(f"the request isn't HTTP: {message.strip()}").response()
    _log.error("a request broke the server", exc_info=exc)
    return status.internal_error(str(exc)).response()
