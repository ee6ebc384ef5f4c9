"""The server on a loopback socket, by aiohttp. Imported only where a socket is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import attrs
from aiohttp import web

from reconcilekit.errors import WireError
from reconcilekit.kube.transport import Request, Response, Stream
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.gate import Gate
from reconcilekit.testing.apiserver.access.impersonation import SEPARATOR
from reconcilekit.testing.apiserver.access.users import ADMIN, User
from reconcilekit.testing.apiserver.encoding.rendering import compress
from reconcilekit.testing.apiserver.faults import TruncatedAnswerError
from reconcilekit.testing.apiserver.origins import TOLD_BY, RequestAt
from reconcilekit.testing.apiserver.pacing import Steps, Turns
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.verbs.remote_commands import WORDS_END
from reconcilekit.testing.apiserver.wire.connections import Connection, Listener
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint
from reconcilekit.testing.apiserver.wire.limits import Limits, authority, cannot_listen, is_loopback
from reconcilekit.testing.apiserver.wire.targets import (
    expects_the_unknown,
    is_unreadable,
    path_of,
    query_of,
    version_problem,
    waits_for_leave,
)
from reconcilekit.testing.apiserver.wire.transport import Handler


@contextlib.asynccontextmanager
async def serve(
    server: Handler, *, gate: Gate, turns: Turns, host: str, port: int, tls: bool, limits: Limits
) -> AsyncIterator[Endpoint]:
    """Listen until the block ends; then every connection is closed at once.

    Raises:
        AddressError: it can't listen there.
    """
    bridge = _Bridge(server, limits, gate, turns)
    context = _tls(gate, host) if tls else None
    listener = Listener(bridge.answer, limits)
    runner = web.ServerRunner(listener, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        if not is_loopback(host):
            asks = "" if gate.asks_for_credentials else ", and asks nobody for credentials; TLS and RBAC change that"
            reach = "where others than this machine may reach it"
            print(f"warning: the API server listens on {host}, {reach}{asks}", file=sys.stderr)
        bound_port: int = runner.addresses[0][1]
        yield Endpoint(
            url=f"{'https' if tls else 'http'}://{authority(host, bound_port)}",
            certificate_authority=gate.keys.authority.certificate if tls else b"",
            credentials_of=gate.credentials.by_certificate if tls else gate.credentials.by_token,
            default_user=ADMIN if tls or gate.asks_for_credentials else None,
            is_authorizing=gate.is_authorizing,
        )
    finally:
        listener.is_over = True
        await bridge.end_streams()
        connections = [handler.transport for handler in listener.connections]
        await runner.cleanup()
        await bridge.cancel_handlers()
        for connection in filter(None, connections):
            # TLS would wait for its peer's goodbye.
            connection.abort()


def _tls(gate: Gate, host: str) -> ssl.SSLContext:
    # Most servers do without, and it takes a while to import.
    from reconcilekit.testing.apiserver.wire import tls

    return tls.server_context(gate.prove_itself(), host)


class _Bridge:
    """Between aiohttp's requests and the server's."""

    def __init__(self, server: Handler, limits: Limits, gate: Gate, turns: Turns) -> None:
        self._server = server
        self._gate = gate
        self._turns = turns
        self._limits = limits
        self._handlers: set[asyncio.Task[object]] = set()
        self._streams: set[Stream] = set()
        self._numbers = itertools.count(1)

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
        if isinstance(incoming.protocol, Connection):
            incoming.protocol.hear()
        if expects_the_unknown(incoming.headers.get("Expect", "")):
            return _last(Response(status=417, headers={}, body=b""), {})
        try:
            body = await self._body(incoming)
        except StatusError as error:
            return _last(error.response(), self._own_headers(incoming))
        except TimeoutError:
            return _last(status.timed_out(), self._own_headers(incoming))
        if refused := version_problem(*incoming.version):
            return _unread(*refused)
        if is_unreadable(incoming.raw_path):
            return _unread(400, "400 Bad Request")
        request = Request(
            method=incoming.method,
            path=path_of(incoming.raw_path, incoming.path),
            query=_parameters(incoming),
            body=body,
            headers=_joined(incoming),
        )
        if request.path.rstrip("/") in TOLD_BY:
            request = _located(incoming, request)
        try:
            answer = await self._server.handle(request, peer=self._peer(incoming))
        except TruncatedAnswerError as error:
            return await _break_in_body(incoming, error.response)
        except WireError:
            return _break(incoming)
        own = self._own_headers(incoming)
        if isinstance(answer, Response):
            if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
                return _switched(incoming, answer)
            packed = compress(answer, request.headers)
            return _whole(await packed.in_turns(self._turns) if isinstance(packed, Steps) else packed, own)
        self._streams.add(answer)
        try:
            return await _stream(incoming, answer, own)
        finally:
            self._streams.discard(answer)

    def _own_headers(self, incoming: web.BaseRequest) -> dict[str, str]:
        """What every answer has: no cache keeps it, and logs tell it by a number, of the client's or of ours."""
        number = _text(incoming.headers.get("Audit-Id", "")) or f"{next(self._numbers):08x}-0000-4000-8000-000000000000"
        return {"Audit-Id": number, "Cache-Control": "no-cache, private"}

    def _peer(self, incoming: web.BaseRequest) -> User | None:
        certificate: bytes | None = incoming.get_extra_info("peercert")
        return None if certificate is None else self._gate.peer_of(certificate)

    async def _body(self, incoming: web.BaseRequest) -> bytes | None:
        if not incoming.body_exists:
            return None
        is_told = incoming.version >= (1, 1) and waits_for_leave(incoming.headers.get("Expect", ""))
        if is_told and incoming.transport is not None:
            incoming.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if incoming.content.is_eof():
            # It came with the head, so there's nothing to wait for.
            body = incoming.content.read_nowait()
            if len(body) > self._limits.body_bytes:
                raise status.too_large_request(self._limits.body_bytes)
            return body
        parts, size = [], 0
        async with asyncio.timeout(self._limits.body_seconds):
            async for part in incoming.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > self._limits.body_bytes:
                    raise status.too_large_request(self._limits.body_bytes)
        return b"".join(parts)


def _located(incoming: web.BaseRequest, request: Request) -> Request:
    """The request with where it was received, which nobody knows any more once the connection is lost."""
    name = incoming.get_extra_info("sockname")
    if name is None:
        return request
    host, port, *_ = name
    whole = attrs.asdict(request, recurse=False)
    return RequestAt(**whole, scheme=incoming.scheme, authority=authority(host, port))


def _last(answer: Response, own: Mapping[str, str]) -> web.Response:
    """An answer after which the connection closes: the request was not read to its end."""
    outgoing = _whole(answer, own)
    outgoing.force_close()
    return outgoing


def _parameters(incoming: web.BaseRequest) -> dict[str, str]:
    """The parameters; of those that come several times the first counts, but of a command all words."""
    query = query_of(incoming.raw_path, incoming.query)
    if "command" in query:
        query["command"] = WORDS_END.join(incoming.query.getall("command"))
    return query


def _unread(code: int, why: str) -> web.Response:
    return _last(Response(status=code, headers={"content-type": status.TEXT}, body=why.encode()), {})


_SINGLE = frozenset({"accept", "authorization", "content-type", "user-agent"})
"""Headers of which the first counts alone."""


def _joined(incoming: web.BaseRequest) -> dict[str, str]:
    """The headers, names in lower case; one that came several times is one with all its values."""
    headers: dict[str, str] = {}
    for name, raw in incoming.headers.items():
        value = _text(raw)
        key = name.lower()
        if key in _SINGLE and key in headers:
            continue
        between = SEPARATOR if key.startswith("impersonate-") else ", "
        headers[key] = f"{headers[key]}{between}{value}" if key in headers else value
    return headers


def _text(header: str) -> str:
    """A header's value as Go shows it: with U+FFFD for bytes that are no text."""
    return header if header.isascii() else header.encode(errors="surrogateescape").decode(errors="replace")


def _whole(answer: Response, own: Mapping[str, str]) -> web.Response:
    return web.Response(status=answer.status, headers={**own, **_headers(answer.headers)}, body=answer.body)


def _switched(incoming: web.BaseRequest, answer: Response) -> web.StreamResponse:
    """An answer in another protocol, with all that is said in it: aiohttp knows of no such."""
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(answer.headers).items())
    if incoming.transport is not None:
        incoming.transport.write(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n".encode() + answer.body)
    return _break(incoming)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}


async def _stream(incoming: web.BaseRequest, stream: Stream, own: Mapping[str, str]) -> web.StreamResponse:
    outgoing = web.StreamResponse(status=stream.status, headers={**own, **_headers(stream.headers)})
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
