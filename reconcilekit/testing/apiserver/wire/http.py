"""The server on a loopback socket, by aiohttp. Imported only where a socket is wanted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import attrs
import msgspec
from aiohttp import web

from reconcilekit.errors import WireError
from reconcilekit.kube.transport import Request, Response, Stream
from reconcilekit.testing.apiserver.faults import TruncatedAnswerError
from reconcilekit.testing.apiserver.wire.transport import Handler


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        url: "http://127.0.0.1:41234".
    """

    url: str

    def kubeconfig(self, *, token: str = "", namespace: str = "default") -> dict[str, object]:
        """A kubeconfig for it; the token goes in unless it is ""."""
        context = {"cluster": "reconcilekit", "user": "reconcilekit", "namespace": namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "reconcilekit", "cluster": {"server": self.url}}],
            "users": [{"name": "reconcilekit", "user": {"token": token} if token else {}}],
            "contexts": [{"name": "reconcilekit", "context": context}],
            "current-context": "reconcilekit",
        }

    def write_kubeconfig(self, path: Path | str, *, token: str = "", namespace: str = "default") -> None:
        """Write it, as JSON, which is YAML too, and in one step: whoever waits for the file finds it whole."""
        target = Path(path)
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(msgspec.json.encode(self.kubeconfig(token=token, namespace=namespace)))
        part.chmod(0o600)
        part.replace(target)


@contextlib.asynccontextmanager
async def serve(server: Handler, *, host: str, port: int) -> AsyncIterator[Endpoint]:
    """Listen until the block ends; then every connection is closed at once."""
    bridge = _Bridge(server)
    runner = web.ServerRunner(
        web.Server(bridge.answer, access_log=None, handler_cancellation=True), shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_port: int = runner.addresses[0][1]
        yield Endpoint(url=f"http://{host}:{bound_port}")
    finally:
        await bridge.end_streams()
        await runner.cleanup()
        await bridge.cancel_handlers()


class _Bridge:
    """Between aiohttp's requests and the server's."""

    def __init__(self, server: Handler) -> None:
        self._server = server
        self._handlers: set[asyncio.Task[object]] = set()
        self._streams: set[Stream] = set()

    async def answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        """One request's answer."""
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        try:
            return await self._answer(incoming)
        finally:
            self._handlers.discard(handler)

    async def end_streams(self) -> None:
        """End every watch, so that nobody waits for one that has hours left."""
        for stream in list(self._streams):
            await stream.aclose()

    async def cancel_handlers(self) -> None:
        """Give up the requests that are still being answered, and wait until they are gone."""
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        body = await incoming.content.read() if incoming.body_exists else None
        request = Request(
            method=incoming.method,
            path=incoming.path,
            query=dict(incoming.query),
            body=body,
            headers={name.lower(): value for name, value in incoming.headers.items()},
        )
        try:
            answer = await self._server.handle(request)
        except TruncatedAnswerError as error:
            return await _break_in_body(incoming, error.response)
        except WireError:
            return _break(incoming)
        if isinstance(answer, Response):
            return _whole(answer)
        self._streams.add(answer)
        try:
            return await _stream(incoming, answer)
        finally:
            self._streams.discard(answer)


def _whole(answer: Response) -> web.Response:
    return web.Response(status=answer.status, headers=_headers(answer.headers), body=answer.body)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}


async def _stream(incoming: web.BaseRequest, stream: Stream) -> web.StreamResponse:
    outgoing = web.StreamResponse(status=stream.status, headers=_headers(stream.headers))
    outgoing.enable_chunked_encoding()
    try:
        await outgoing.prepare(incoming)
        async for chunk in stream:
            await outgoing.write(chunk)
        await outgoing.write_eof()
    except WireError:
        return _break(incoming)
    except ConnectionError:
        # The client hung up: the ordinary end of a watch.
        return outgoing
    finally:
        await stream.aclose()
    return outgoing


async def _break_in_body(incoming: web.BaseRequest, answer: Response) -> web.StreamResponse:
    headers = {**_headers(answer.headers), "Content-Length": str(len(answer.body))}
    outgoing = web.StreamResponse(status=answer.status, headers=headers)
    await outgoing.prepare(incoming)
    await outgoing.write(answer.body[: len(answer.body) // 2])
    return _break(incoming)


def _break(incoming: web.BaseRequest) -> web.StreamResponse:
    if incoming.transport is not None:
        incoming.transport.close()
    return web.Response()
