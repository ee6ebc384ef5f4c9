"""Clients that mean harm, or are broken: each is told so by a Status, and nobody else notices."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.transport import Response
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.encoding.rendering import compress
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.wire.limits import Limits
from tests.stepped_time import SteppedLoop, run_stepped

MAPS = "/api/v1/namespaces/default/configmaps"
JSON = {"content-type": "application/json"}


SHORT = 0.3
"""Seconds that the server waits for what a test never sends."""


@pytest.fixture
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    server = ApiServer(clock=SystemClock())
    limits = Limits(**{"head_bytes": 16_384, **getattr(request, "param", {})})
    async with server.serve(limits=limits) as endpoint:
        yield endpoint.url
        async with aiohttp.ClientSession() as session:
            made = await session.post(endpoint.url + MAPS, json={"metadata": {"name": "last"}})
            assert made.status == 201, await made.text()


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=50)) as session:
        yield session


async def raw(url: str, *parts: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(50):
        answer = await reader.read()
    writer.close()
    return answer


DEEP = b'{"metadata":{"name":"deep"},"x":' + b"[" * 10_001 + b"]" * 10_001 + b"}"
BODIES = {
    "deep lists": (DEEP, 400, "exceeded max depth"),
    "deep objects": (b'{"a":' * 10_001 + b"1" + b"}" * 10_001, 400, "exceeded max depth"),
    "truncated": (b'{"metadata":{"name":"a"', 400, "unexpected end of JSON input"),
    "gzip": (gzip.compress(b'{"metadata":{"name":"a"}}'), 400, "invalid character '\\x1f' looking for beginning"),
    "truncated gzip": (gzip.compress(b"x" * 1000)[:20], 400, "invalid character '\\x1f' looking for beginning"),
    "control character": (b'{"metadata":{"name":"a\x01"}}', 400, "invalid character '\\x01' in string literal"),
    "huge number": (b'{"metadata":{"name":"a","generation":' + b"9" * 400 + b"}}", 400, "cannot unmarshal number"),
    "huge exponent": (b'{"metadata":{"name":"a","generation":1e400}}', 400, "cannot unmarshal number"),
    "no object": (b'"text"', 400, "cannot unmarshal string into Go value"),
    "two objects": (b'{"metadata":{"name":"a"}}{}', 400, "invalid character '{' after top-level value"),
    "comment": (b"{/*", 400, "invalid character '/' looking for beginning of object key string"),
    "too much": (b'{"metadata":{"name":"a"},"x":"' + b"x" * 3_200_000 + b'"}', 413, "limit is 3145728"),
}  # fmt: skip


@pytest.mark.parametrize("url", [{"linger_seconds": 50.0}], indirect=True)
@pytest.mark.parametrize("case", BODIES)
async def test_a_hostile_body_gets_a_status(case: str, http: aiohttp.ClientSession) -> None:
    body, code, said = BODIES[case]
    headers = {**JSON, "content-encoding": "gzip"} if "gzip" in case else JSON
    async with http.post(MAPS, data=io.BytesIO(body), headers=headers) as answer:
        found = await answer.json()
    assert (answer.status, found["kind"], found["code"]) == (code, "Status", code)
    assert said in found["message"]


async def test_broken_utf8_is_replaced_and_not_refused(http: aiohttp.ClientSession) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"a":"\xff","b":"\\ud800"}}'
    async with http.post(MAPS, data=body, headers=JSON) as answer:
        assert (await answer.json())["data"] == {"a": "\ufffd", "b": "\ufffd"}


async def test_a_users_name_that_is_no_text_is_replaced(url: str) -> None:
    head = b"POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    answer = await raw(url, head + b"Impersonate-User: \xff\r\nContent-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 201 ")
    told = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
    assert told["status"]["userInfo"]["username"] == "\ufffd"


async def test_an_alias_bomb_is_refused(http: aiohttp.ClientSession) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    for text, why in (("\n".join(lines), "excessive aliasing"), ("a: &a [*a]", "anchor 'a' value contains itself")):
        async with http.post(MAPS, data=text.encode(), headers={"content-type": "application/yaml"}) as answer:
            assert answer.status == 400
            assert why in (await answer.json())["message"]


async def test_duplicate_fields_are_told_of_or_refused(http: aiohttp.ClientSession) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"a":"1","a":"2"}}'
    async with http.post(MAPS, data=body, headers=JSON, params={"fieldValidation": "Strict"}) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (400, "BadRequest")
    async with http.post(MAPS, data=body, headers=JSON) as answer:
        assert answer.status == 201
        assert answer.headers["warning"] == '299 - "duplicate field \\"data.a\\""'
        assert (await answer.json())["data"] == {"a": "2"}


@pytest.mark.parametrize("url", [{"head_seconds": SHORT}], indirect=True)
async def test_a_slow_head_is_cut_off(url: str) -> None:
    assert await raw(url, b"GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ") == b""


@pytest.mark.parametrize("url", [{"body_seconds": SHORT}], indirect=True)
async def test_a_slow_body_is_answered_with_a_timeout(url: str) -> None:
    head = f"POST {MAPS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    answer = await raw(url, head.encode(), b'{"metadata":')
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b'"reason":"Timeout"' in answer


def test_a_connection_that_says_nothing_after_a_request_stays() -> None:
    async def main(loop: SteppedLoop) -> None:
        limits = Limits(head_seconds=20.0)
        async with ApiServer(clock=SystemClock()).serve(limits=limits) as endpoint:
            host, port = urlsplit(endpoint.url).hostname, urlsplit(endpoint.url).port
            reader, writer = await asyncio.open_connection(host, port)
            for _ in range(2):
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                assert await reader.readexactly(2) == b"ok"
                loop.pass_time(25)
            writer.close()

    run_stepped(main)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET /version HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"not http at all\r\n\r\n", 400),
        (b"GET /version HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
    ],
)
async def test_a_head_that_cant_be_read_gets_a_status(head: bytes, code: int, url: str) -> None:
    answer = await raw(url, head)
    assert answer.startswith((f"HTTP/1.1 {code} ".encode(), f"HTTP/1.0 {code} ".encode())), answer
    assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["code"] == code


async def test_large_answers_are_compressed_for_who_takes_it(http: aiohttp.ClientSession) -> None:
    await (await http.post(MAPS, json={"metadata": {"name": "a"}, "data": {"a": "x" * 200_000}})).read()
    async with http.get(f"{MAPS}/a", headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert len((await answer.json())["data"]["a"]) == 200_000
    async with http.get(f"{MAPS}/a", headers={"accept-encoding": "identity"}) as answer:
        assert "content-encoding" not in answer.headers
    async with http.get("/api/v1/namespaces/default", headers={"accept-encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("deflate, gzip", True),
        ("gzip, gzip;q=0", True),
        ("gzip;q=0", False),
        ("gzip;q=1", False),
        ("x-gzip", False),
        ("GZIP", False),
        ("*", False),
    ],
)
def test_only_the_bare_word_is_heeded(accepted: str, is_packed: bool) -> None:
    answer = Response(status=200, body=b"x" * 200_000)

    assert isinstance(compress(answer, {"accept-encoding": accepted}), Steps) is is_packed


async def test_it_says_so_where_others_can_reach_it(capfd: pytest.CaptureFixture[str]) -> None:
    async with ApiServer(clock=SystemClock()).serve():
        assert capfd.readouterr().err == ""
    async with ApiServer(clock=SystemClock()).serve(host="0.0.0.0") as endpoint:
        assert capfd.readouterr().err == (
            "warning: the API server listens on 0.0.0.0, where others than this machine may reach it, and asks nobody "
            "for credentials; TLS and RBAC change that\n"
        )
        assert endpoint.url.startswith("http://127.0.0.1:"), "0.0.0.0 is no address to connect to"
    async with ApiServer(clock=SystemClock(), authorization="RBAC").serve(host="0.0.0.0", tls=True):
        assert capfd.readouterr().err.endswith("may reach it\n")


async def test_it_can_be_reached_by_ipv6() -> None:
    async with ApiServer(clock=SystemClock()).serve(host="::1") as endpoint, aiohttp.ClientSession() as session:
        assert endpoint.url.startswith("http://[::1]:")
        async with session.get(f"{endpoint.url}/version") as answer:
            assert answer.status == 200
