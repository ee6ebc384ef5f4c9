"""One watch request, from its bytes to its events."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Literal, Self

import attrs
import msgspec

from reconcilekit.errors import ApiError, GarbledAnswerError, LostAnswerError, Operation, WireError
from reconcilekit.kube.framing import LineFramer, LineTooLongError
from reconcilekit.kube.objects import RawObject, UndecodableObject, UndecodableObjectError
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Stream, Transport

SERVER_TIMEOUT = 290
"""Seconds after which the server ends a watch: under the five minutes at which load balancers cut idle connections."""

IDLE_MARGIN = 5.0
"""Seconds beyond the server's end after which a silent watch counts as dead: a half-open socket would stall for ever
(kopf #585, #614, #957). Bookmarks, about one a minute, count as signs of life."""

_ERROR_BODY_LIMIT = 1024 * 1024
"""Bytes of a failed watch's body that are read; a Status has a few hundred."""

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]


class Status(msgspec.Struct, frozen=True):
    """The Status of an ERROR event."""

    code: int = 0
    reason: str = ""
    message: str = ""


@attrs.frozen(kw_only=True)
class WatchEvent:
    """One event.

    Attributes:
        type: what happened.
        object: the object's new state, for DELETED its last; None for BOOKMARK and ERROR, and where it can't be read.
        undecodable: what can't be read, in place of `object`.
        status: of an ERROR.
        error: an ERROR as what a request with this answer would have raised.
        resource_version: how far the watch has come with this event; "" for ERROR.
    """

    type: EventType
    object: RawObject | None = None
    undecodable: UndecodableObject | None = None
    status: Status | None = None
    error: ApiError | None = None
    resource_version: str = ""


class Watch:
    """A watch under way: an async context manager and, inside, an async iterator of events.

    The iteration ends where the server ends the watch between two events. It raises LostAnswerError where the
    connection breaks, falls silent, or ends in the middle of a line, and GarbledAnswerError for a line that isn't an
    event; an object that can't be read is an event like any other. An ERROR event is handed out, not raised.

    Args:
        transport: the way to the API server.
        request: makes the request; awaited on entry, since the path may have to be discovered.
        resource: its apiVersion and kind are added to objects that have none.
        parse: reads an object.
    """

    def __init__(
        self,
        transport: Transport,
        request: Callable[[], Awaitable[Request]],
        *,
        resource: Resource,
        parse: Callable[[msgspec.Raw, Resource], RawObject],
    ) -> None:
        self._transport = transport
        self._make_request = request
        self._resource = resource
        self._parse = parse
        self._operation = Operation(verb="watch", api_group=resource.group)
        self._framer = LineFramer()
        self._lines: deque[bytes] = deque()
        self._stream: Stream | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._request = ""

    def __repr__(self) -> str:
        state = "open" if self._chunks is not None else "closed"
        return f"<Watch {self._resource} {state} lines={len(self._lines)} {self._framer!r}>"

    async def __aenter__(self) -> Self:
        request = await self._make_request()
        self._request = f"WATCH {request.path}"
        try:
            stream = await self._transport.open(request)
        except WireError as error:
            error.operation = self._operation
            raise
        if stream.status != 200:
            try:
                refusal = await self._refusal(stream)
            finally:
                await stream.aclose()
            raise refusal
        self._stream = stream
        self._chunks = aiter(stream)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stream, self._stream, self._chunks = self._stream, None, None
        self._lines.clear()
        if stream is not None:
            await stream.aclose()

    def __aiter__(self) -> AsyncIterator[WatchEvent]:
        return self

    async def __anext__(self) -> WatchEvent:
        try:
            while not self._lines:
                await self._read_chunk()
            return self._event(self._lines.popleft())
        except WireError as error:
            error.operation = self._operation
            raise

    async def _read_chunk(self) -> None:
        if self._chunks is None:
            raise RuntimeError(f"{self!r}: iterate inside its `async with` block")
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if self._framer.pending:
                raise LostAnswerError(f"{self._request}: ended in the middle of an event") from None
            raise
        try:
            self._lines.extend(self._framer.feed(chunk))
        except LineTooLongError as error:
            raise GarbledAnswerError(f"{self._request}: {error}") from error

    def _event(self, line: bytes) -> WatchEvent:
        try:
            envelope = _decode_envelope(line)
            if envelope.type == "BOOKMARK":
                version = _decode_bookmark(envelope.object).metadata.resource_version
                return WatchEvent(type="BOOKMARK", resource_version=version)
            if envelope.type == "ERROR":
                return self._error_event(bytes(envelope.object))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise GarbledAnswerError(f"{self._request}: a line of {len(line)} bytes is no event: {error}") from error
        try:
            found = self._parse(envelope.object, self._resource)
        except UndecodableObjectError as error:
            hidden = error.undecodable
            return WatchEvent(type=envelope.type, undecodable=hidden, resource_version=hidden.resource_version)
        return WatchEvent(type=envelope.type, object=found, resource_version=found.meta.resource_version)

    def _error_event(self, raw: bytes) -> WatchEvent:
        status = _decode_status(raw)
        error = ApiError(status.code or 500, body=raw, operation=self._operation, request=self._request)
        return WatchEvent(type="ERROR", status=status, error=error)

    async def _refusal(self, stream: Stream) -> ApiError:
        body = b""
        # The status is known already: a body that breaks off only costs the message.
        with contextlib.suppress(WireError):
            async for chunk in stream:
                body += chunk
                if len(body) > _ERROR_BODY_LIMIT:
                    break
        return ApiError(
            stream.status, body=body, headers=stream.headers, operation=self._operation, request=self._request
        )


class _Envelope(msgspec.Struct, frozen=True):
    type: EventType
    object: msgspec.Raw


class _BookmarkMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str


class _Bookmark(msgspec.Struct, frozen=True):
    metadata: _BookmarkMeta


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_bookmark = msgspec.json.Decoder(_Bookmark).decode
_decode_status = msgspec.json.Decoder(Status).decode
