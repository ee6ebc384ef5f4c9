"""The aiohttp transport against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest

from reconcilekit._version import __version__
from reconcilekit.errors import LostAnswerError, NotSentError, WireError
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.http import HttpStream, HttpTransport, user_agent
from reconcilekit.kube.transport import Request
from reconcilekit.kube.wire_errors import wire_error
from tests.kube.raw_server import CHUNKED, Connection, Handler, RawServer, answer, answering, serve, silence
from tests.stepped_time import SteppedLoop, run_stepped

GET = Request(method="GET", path="/x")


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[tuple[HttpTransport, RawServer]]:
    async with serve(handler) as server:
        transport = HttpTransport(ConnectionConfig(server=server.url, authorization="Bearer t"), user_agent="me/1")
        async with aclosing(transport):
            yield transport, server


def writing(method: str, *, timeout: float = 50.0) -> Request:
    return Request(method=method, path="/x", body=b"{}", headers={"content-type": "a/b"}, timeout=timeout)


async def test_a_request_arrives_as_it_was_written() -> None:
    async with connected(answering(answer(b'{"a":1}', "201 Created", "X-Thing: Y"))) as (transport, server):
        request = Request(
            method="PATCH",
            path="/api/v1/a%3Fb:c",
            query={"labelSelector": "a in (b,c),d=é", "force": "true"},
            body=b"{}",
            headers={"content-type": "application/apply-patch+yaml", "accept": "application/json"},
        )
        response = await transport.send(request)

    assert (response.status, response.body, response.headers["x-thing"]) == (201, b'{"a":1}', "Y")
    [seen] = server.requests
    assert seen.method == "PATCH"
    assert seen.target == "/api/v1/a%3Fb:c?labelSelector=a+in+%28b%2Cc%29%2Cd%3D%C3%A9&force=true"
    assert seen.body == b"{}"
    wanted = {
        "content-type": "application/apply-patch+yaml",
        "accept": "application/json",
        "user-agent": "me/1",
        "authorization": "Bearer t",
    }
    assert wanted.items() <= seen.headers.items()


def test_the_user_agent_names_the_controller() -> None:
    assert user_agent("gateway", "1.2") == f"gateway/1.2 reconcilekit/{__version__}"
    assert user_agent("gateway") == f"gateway reconcilekit/{__version__}"


async def test_a_path_in_the_server_s_url_is_a_prefix() -> None:
    async with serve(answering(answer())) as server:
        transport = HttpTransport(ConnectionConfig(server=f"{server.url}/k8s/c1"), user_agent="me")
        async with aclosing(transport):
            await transport.send(GET)
    assert server.requests[0].target == "/k8s/c1/x"
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
async def test_a_request_on_a_reused_connection_that_closes_is_sent_exactly_once(method: str) -> None:
    async def answer_once_then_close(connection: Connection) -> None:
        await connection.read()
        await connection.send(answer())
        await connection.read()

    async with connected(answer_once_then_close) as (transport, server):
        await transport.send(GET)
        with pytest.raises(LostAnswerError):
            await transport.send(writing(method))

    assert [(each.method, each.connection) for each in server.requests] == [("GET", 1), (method, 1)]


async def read_and_close(connection: Connection) -> None:
    await connection.read()


async def half_a_head(connection: Connection) -> None:
    await connection.read()
    await connection.send(b"HTTP/1.1 200 OK\r\ncontent-le")


async def no_http(connection: Connection) -> None:
    await connection.read()
    await connection.send(b"SSH-2.0-OpenSSH\r\n\r\n")


async def half_a_body(connection: Connection) -> None:
    await connection.read()
    await connection.send(answer(b"x" * 100)[:-50])


async def half_a_chunked_body(connection: Connection) -> None:
    await connection.read()
    await connection.send(CHUNKED + b"5\r\n{")


@pytest.mark.parametrize(
    "handler", [read_and_close, half_a_head, no_http, half_a_body, half_a_chunked_body], ids=lambda each: each.__name__
)
async def test_a_connection_that_breaks_leaves_the_outcome_unknown(handler: Handler) -> None:
    async with connected(handler) as (transport, server):
        with pytest.raises(LostAnswerError, match=r"^PUT /x: the connection to http://127.0.0.1:.* broke: ") as caught:
            await transport.send(writing("PUT"))
    assert caught.value.__cause__ is not None
    assert len(server.requests) == 1


async def test_a_reset_leaves_the_outcome_unknown() -> None:
    async def reset(connection: Connection) -> None:
        await connection.read()
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with connected(reset) as (transport, _):
        with pytest.raises(LostAnswerError):
            await transport.send(writing("PUT"))


def test_no_answer_in_time_leaves_the_outcome_unknown() -> None:
    async def main(loop: SteppedLoop) -> None:
        async with connected(silence) as (transport, server):
            sending = asyncio.ensure_future(transport.send(writing("PUT", timeout=30)))
            await server.has_request.wait()
            loop.pass_time(31)
            with pytest.raises(LostAnswerError) as caught:
                await sending
        assert str(caught.value) == f"PUT /x: no answer from {server.url} within 30 s; it may have been applied"

    run_stepped(main)


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # and never listens
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        transport = HttpTransport(ConnectionConfig(server=url), user_agent="me")
        async with aclosing(transport):
            with pytest.raises(NotSentError, match=rf"^GET /x: no connection to {url}: "):
                await transport.send(GET)
            with pytest.raises(NotSentError):
                await transport.open(GET)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (aiohttp.ConnectionTimeoutError("Connection timeout to host"), NotSentError),
        (aiohttp.InvalidURL("nowhere"), NotSentError),
        (aiohttp.SocketTimeoutError("Timeout on reading data from socket"), LostAnswerError),
        (TimeoutError(), LostAnswerError),
        (aiohttp.ServerDisconnectedError(), LostAnswerError),
        (aiohttp.ClientPayloadError("short"), LostAnswerError),
        (aiohttp.ClientOSError(32, "Broken pipe"), LostAnswerError),
        (ConnectionResetError(), LostAnswerError),
    ],
)
def test_what_cannot_be_provoked_is_mapped_all_the_same(error: Exception, expected: type[WireError]) -> None:
    assert type(wire_error(error, GET, "http://s", patience=1.0)) is expected


async def test_a_redirect_is_not_followed() -> None:
    async with connected(answering(answer(b"", "307 Temporary Redirect", "location: /y"))) as (transport, server):
        response = await transport.send(writing("PUT"))
    assert response.status == 307
    assert len(server.requests) == 1


async def test_cookies_are_not_kept() -> None:
    async with serve(answering(answer(b"{}", "200 OK", "set-cookie: a=b; Path=/"))) as server:
        # By name, since aiohttp takes no cookies from bare addresses anyway.
        config = ConnectionConfig(server=server.url.replace("127.0.0.1", "localhost"))
        async with aclosing(HttpTransport(config, user_agent="me")) as transport:
            await transport.send(GET)
            await transport.send(GET)
    assert ["cookie" in each.headers for each in server.requests] == [False, False]


async def test_a_compressed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"items":[]}')
    async with connected(answering(answer(packed, "200 OK", "content-encoding: gzip"))) as (transport, server):
        response = await transport.send(GET)
    assert response.body == b'{"items":[]}'
    assert "gzip" in server.requests[0].headers["accept-encoding"]


async def test_a_large_body_is_sent_whole() -> None:
    body = b"x" * 1_500_000
    async with connected(answering(answer())) as (transport, server):
        await transport.send(Request(method="PUT", path="/x", body=body))
    assert server.requests[0].body == body


async def test_connections_are_reused() -> None:
    async with connected(answering(answer())) as (transport, server):
        for _ in range(3):
            await transport.send(writing("PUT"))
    assert server.connections == 1


def test_sockets_find_dead_peers() -> None:
    from reconcilekit.kube import http

    with http._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert not made.getblocking()


async def chunks_of(stream: HttpStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def until_lost(stream: HttpStream) -> tuple[bytes, LostAnswerError]:
    received = b""
    try:
        async for chunk in stream:
            received += chunk
    except LostAnswerError as error:
        return received, error
    finally:
        await stream.aclose()
    raise AssertionError(f"The stream ended as if nothing was wrong, after {received!r}")


async def test_a_stream_gives_its_chunks_as_they_come() -> None:
    go_on = asyncio.Event()

    async def two_lines(connection: Connection) -> None:
        await connection.read()
        await connection.send(CHUNKED)
        await connection.chunk(b"one\n")
        await go_on.wait()
        await connection.chunk(b"two\n")
        await connection.chunk(b"")

    async with connected(two_lines) as (transport, _):
        stream = await transport.open(GET)
        assert stream.status == 200
        assert stream.headers["content-type"] == "application/json"
        assert await anext(stream) == b"one\n"
        go_on.set()
        assert await chunks_of(stream) == b"two\n"
        await stream.aclose()
        await stream.aclose()


async def test_lines_above_aiohttp_s_limit_pass() -> None:
    line = b"x" * 1_400_000 + b"\n"

    async def one_line(connection: Connection) -> None:
        await connection.read()
        await connection.send(CHUNKED)
        await connection.chunk(line)
        await connection.chunk(b"")

    async with connected(one_line) as (transport, _):
        assert await chunks_of(await transport.open(GET)) == line


def test_a_silent_stream_is_a_lost_one_and_signs_of_life_keep_it() -> None:
    async def main(loop: SteppedLoop) -> None:
        due: asyncio.Queue[bytes] = asyncio.Queue()

        async def lines_then_silence(connection: Connection) -> None:
            await connection.read()
            await connection.send(CHUNKED)
            while True:
                await connection.chunk(await due.get())

        async with connected(lines_then_silence) as (transport, server):
            stream = await transport.open(Request(method="GET", path="/x", timeout=300))
            for _ in range(4):
                loop.pass_time(200)
                due.put_nowait(b"{}\n")
                assert await anext(stream) == b"{}\n"
            loop.pass_time(301)
            received, lost = await until_lost(stream)

        assert received == b""
        assert str(lost) == f"GET /x: no answer from {server.url} within 300 s"

    run_stepped(main)


async def test_a_stream_that_breaks_is_a_lost_one() -> None:
    async def break_off(connection: Connection) -> None:
        await connection.read()
        await connection.send(CHUNKED)
        await connection.chunk(b"one\n")
        await connection.send(b"5\r\ntw")

    async with connected(break_off) as (transport, _):
        stream = await transport.open(GET)
        received, lost = await until_lost(stream)
    assert received.startswith(b"one\n")
    assert str(lost).startswith("GET /x: the connection to http://127.0.0.1:")


async def test_many_streams_leave_room_for_a_write() -> None:
    async def stream_or_answer(connection: Connection) -> None:
        seen = await connection.read()
        if seen and seen.method == "GET":
            await connection.send(CHUNKED)
            await connection.reader.read()
        await connection.send(answer())

    async with connected(stream_or_answer) as (transport, server):
        streams = await asyncio.gather(*(transport.open(GET) for _ in range(110)))
        response = await transport.send(writing("PUT"))
        for stream in streams:
            await stream.aclose()

    assert response.status == 200
    assert server.connections == 111


async def test_closing_loses_what_is_under_way_and_refuses_what_follows() -> None:
    async with connected(silence) as (transport, server):
        under_way = asyncio.ensure_future(transport.send(writing("PUT")))
        await server.has_request.wait()
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(LostAnswerError):
            await under_way
        with pytest.raises(NotSentError) as refused:
            await transport.send(GET)
    assert str(refused.value) == f"<HttpTransport {server.url} closed>: nothing can be sent any more"


async def test_a_cancelled_request_drops_its_connection() -> None:
    async with connected(silence) as (transport, server):
        task = asyncio.ensure_future(transport.send(writing("PUT")))
        await server.has_request.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
