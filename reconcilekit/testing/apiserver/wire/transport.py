"""The straight way to a server in the same process: no socket, so it runs on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from reconcilekit.clock import Clock
from reconcilekit.errors import LostAnswerError, NotSentError
from reconcilekit.kube.transport import Request, Response, Stream
from reconcilekit.testing.apiserver.access.users import User, check_user


class Handler(Protocol):
    """What answers requests: the server."""

    async def handle(self, request: Request, *, peer: User | None = None) -> Response | Stream:
        """One answer, or one that goes on; `peer` is whom a client certificate names."""

    def begin(self, request: Request, *, peer: User | None = None) -> Response | Stream | Awaitable[Response | Stream]:
        """The same in one step, or what waits for it."""


class DirectTransport:
    """A `Transport` that calls the server.

    Args:
        server: what answers.
        clock: for time-outs and latency.
        user_agent: sent with each request; its first word names the field manager where a request names none.
        token: sent as bearer token unless "".
        user: who sends the requests, known to the server as by a client certificate; None for whom the token tells.
        latency: seconds for a request and its answer together, half of them before the effect; None for none.

    Raises:
        TypeError: the user is no `User`.
    """

    def __init__(
        self,
        server: Handler,
        *,
        clock: Clock,
        user_agent: str = "",
        token: str = "",
        user: User | None = None,
        latency: Callable[[], float] | None = None,
    ) -> None:
        check_user(user)
        self._server = server
        self._clock = clock
        self._latency = latency
        self._user = user
        self._headers = {"user-agent": user_agent} if user_agent else {}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._streams: set[DirectStream] = set()
        self._is_closed = False

    async def send(self, request: Request) -> Response:
        """The whole answer; see `Transport.send`."""
        answer = await self._call(request)
        if isinstance(answer, Response):
            return answer
        return await _read_whole(answer)

    async def open(self, request: Request) -> Stream:
        """The answer's head; see `Transport.open`."""
        answer = await self._call(request)
        inner = _WholeBody(answer) if isinstance(answer, Response) else answer
        stream = DirectStream(inner, request=request, clock=self._clock, on_close=self._streams.discard)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Break every stream; later requests fail."""
        self._is_closed = True
        for stream in list(self._streams):
            await stream.lose()

    async def _call(self, request: Request) -> Response | Stream:
        if self._is_closed:
            raise NotSentError(f"{request}: the transport is closed, so nothing can be sent any more")
        request = self._with_headers(request)
        if self._latency is None:
            # Others have their turn, as they have while a socket is written to.
            await self._clock.sleep(0)
            answer = self._server.begin(request, peer=self._user)
            if isinstance(answer, Response) or not isinstance(answer, Awaitable):
                return answer
            return await self._in_time(request, answer)
        return await self._in_time(request, self._call_slowly(request, self._latency()))

    async def _call_slowly(self, request: Request, latency: float) -> Response | Stream:
        await self._clock.sleep(latency / 2)
        answer = await self._server.handle(request, peer=self._user)
        if latency:
            try:
                await self._clock.sleep(latency / 2)
            except BaseException:
                if not isinstance(answer, Response):
                    await answer.aclose()
                raise
        return answer

    async def _in_time(self, request: Request, answer: Awaitable[Response | Stream]) -> Response | Stream:
        try:
            async with self._clock.timeout(request.timeout):
                return await answer
        except TimeoutError as error:
            raise LostAnswerError(f"{request}: no answer within {request.timeout} s") from error

    def _with_headers(self, request: Request) -> Request:
        if not self._headers:
            return request
        # Written out because attrs.evolve takes three times as long, and this is on the way of every request.
        return Request(
            method=request.method,
            path=request.path,
            query=request.query,
            body=request.body,
            headers={**self._headers, **request.headers},
            timeout=request.timeout,
        )


class DirectStream:
    """A stream that distrusts silence as a socket's does: past the request's timeout it is lost."""

    def __init__(
        self, inner: Stream, *, request: Request, clock: Clock, on_close: Callable[[DirectStream], None]
    ) -> None:
        self._inner = inner
        self._request = request
        self._clock = clock
        self._on_close = on_close
        self._is_lost = False

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._inner.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        return self._inner.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        while True:
            try:
                async with self._clock.timeout(self._request.timeout):
                    chunk = await anext(chunks, None)
            except TimeoutError as error:
                await self.aclose()
                raise LostAnswerError(f"{self._request}: silent for {self._request.timeout} s") from error
            if self._is_lost:
                raise LostAnswerError(f"{self._request}: the transport was closed")
            if chunk is None:
                return
            yield chunk

    async def lose(self) -> None:
        """Hang up, and have whoever reads it find the connection broken."""
        self._is_lost = True
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up."""
        self._on_close(self)
        await self._inner.aclose()


class _WholeBody:
    """A whole answer, read as a stream."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._response.body:
            yield self._response.body

    async def aclose(self) -> None:
        """Nothing is open."""


async def _read_whole(stream: Stream) -> Response:
    chunks = [chunk async for chunk in stream]
    return Response(status=stream.status, headers=stream.headers, body=b"".join(chunks))
