"""What is asked for, byte by byte: paths, parameters and headers that Go reads in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.testing import ApiServer

SPACES = "/api/v1/namespaces"
MAPS = f"{SPACES}/default/configmaps"
NO_PAGE = b"404 page not found\n"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = ApiServer(clock=SystemClock())
    async with server.serve() as endpoint:
        yield endpoint.url


async def asked(url: str, line: str, *headers: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """The answer's status, headers and body."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port)
    told = [f"{line} HTTP/1.1", "Host: x", "Connection: close", *headers, f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*told, "", ""]).encode() + body)
    async with asyncio.timeout(100):
        answer = await reader.read()
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, content


@pytest.mark.parametrize("path", [f"{SPACES}/%zz", f"{SPACES}/%", "/%4", f"{SPACES}/a%2"])
async def test_an_escape_that_is_none_is_no_path(url: str, path: str) -> None:
    code, headers, body = await asked(url, f"GET {path}")
    assert (code, headers["content-type"], body) == (400, "text/plain; charset=utf-8", b"400 Bad Request")


@pytest.mark.parametrize("query", ["limit=%zz", "limit=1;a=b", "limit=x%", "a=1;b&limit=1", "%zz=1"])
async def test_a_parameter_that_go_cant_read_isnt_there(url: str, query: str) -> None:
    code, _, _ = await asked(url, f"GET {SPACES}?{query}")
    assert code == 200


async def test_the_other_parameters_count(url: str) -> None:
    code, _, body = await asked(url, f"GET {SPACES}?limit=x&a=%zz&labelSelector=a%3Db")
    assert code == 400
    assert b'parsing \\"x\\"' in body
    code, _, body = await asked(url, f"GET {SPACES}?a=1;b&fieldSelector=metadata.name%3Ddefault")
    assert (code, body.count(b'"uid"')) == (200, 1)


@pytest.mark.parametrize(("value", "code"), [("nope", 417), ("100-continue", 200), ("x, 100-Continue", 200)])
async def test_what_nobody_can_expect(url: str, value: str, code: int) -> None:
    found, _, body = await asked(url, f"GET {SPACES}", f"Expect: {value}")
    # Whoever waits is told to go on first.
    assert (code if found == 100 else found, bool(body)) == (code, code != 417)


@pytest.mark.parametrize("framing", ["Content-Length: 25", "Transfer-Encoding: chunked"])
async def test_whoever_waits_before_the_body_is_told_to_go_on(url: str, framing: str) -> None:
    body = b'{"metadata":{"name":"a"}}'
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    head = [f"POST {MAPS} HTTP/1.1", "Host: x", "Connection: close", "Expect: 100-continue", framing, "", ""]
    writer.write("\r\n".join(head).encode())
    async with asyncio.timeout(100):
        leave = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "chunked" in framing else body)
        answer = await reader.read()
    writer.close()

    assert leave == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")


@pytest.mark.parametrize("path", ["/openapi/v2/", "/nope", "//api/v1/namespaces", "//", "/apis//apps/v1"])
async def test_paths_without_a_page(url: str, path: str) -> None:
    code, headers, body = await asked(url, f"GET {path}")
    assert (code, headers["x-content-type-options"], body) == (404, "nosniff", NO_PAGE)


@pytest.mark.parametrize("path", ["/openapi/v3/", "/openapi/v3/api/v1/", "/openapi/v3/nope"])
async def test_paths_without_a_document(url: str, path: str) -> None:
    code, _, body = await asked(url, f"GET {path}")
    assert (code, body) == (404, b"")


@pytest.mark.parametrize("path", ["/api/v1//namespaces", f"{SPACES}/default//configmaps"])
async def test_paths_with_a_part_that_is_empty(url: str, path: str) -> None:
    code, _, body = await asked(url, f"GET {path}")
    assert code == 404
    assert b"the server could not find the requested resource" in body


@pytest.mark.parametrize("path", ["/version", "/api", "/api/v1", "/apis/apps/v1", "/openid/v1/jwks"])
async def test_documents_that_are_only_got(url: str, path: str) -> None:
    assert (await asked(url, f"HEAD {path}"))[0] == 405
    assert (await asked(url, f"GET {path}"))[0] == 200


@pytest.mark.parametrize("path", ["/", "/apis", "/apis/apps"])
async def test_documents_that_are_told_whatever_the_method(url: str, path: str) -> None:
    assert (await asked(url, f"HEAD {path}"))[0] == 200
    assert (await asked(url, f"OPTIONS {path}"))[0] == 200


@pytest.mark.parametrize("path", [MAPS, SPACES, "/apis/apps/v1/deployments"])
async def test_a_list_offers_streams(url: str, path: str) -> None:
    code, _, body = await asked(url, f"GET {path}", "Accept: text/html")
    assert code == 406
    assert b"application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch" in body
    assert b"stream" not in (await asked(url, f"GET {path}/x", "Accept: text/html"))[2]


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/apis/apps/v1"])
async def test_discovery_is_routed_by_what_is_accepted(url: str, path: str) -> None:
    code, _, body = await asked(url, f"GET {path}", "Accept: text/html")
    assert code == 406
    assert b"406: Not Acceptable" in body


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("application/json;a", 415),
        ("application/json;a=b c", 415),
        ("application/json;;", 415),
        ("application/json;a=b;a=c", 415),
        ("application/json; charset=", 415),
        (";a=b", 415),
        ('application/json;a="b', 415),
        ("application/json;", 201),
        ("application/json; charset=utf-8", 201),
        ('application/json; a="b c"; d = e;', 201),
    ],
)
async def test_a_content_type_is_read_to_its_end(url: str, told: str, code: int) -> None:
    body = b'{"metadata": {"name": "a"}}'
    assert (await asked(url, f"POST {MAPS}", f"Content-Type: {told}", body=body))[0] == code


@pytest.mark.parametrize("name", ["a%25b", "%25", "a%252Fb"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_a_name_with_a_percent_sign(url: str, method: str, name: str) -> None:
    headers = ("Content-Type: application/merge-patch+json",) if method == "PATCH" else ()
    code, _, body = await asked(url, f"{method} {MAPS}/{name}", *headers, body=b"{}" if method == "PATCH" else b"")
    assert (code, b"may not contain '%'" in body) == (400, True)


async def test_a_fragment_is_a_part_of_the_path(url: str) -> None:
    assert (await asked(url, f"GET {SPACES}#frag"))[0] == 404


@pytest.mark.parametrize(("target", "code"), [(SPACES, 405), ("h:80", 404)])
async def test_nobody_is_connected_to_others(url: str, target: str, code: int) -> None:
    assert (await asked(url, f"CONNECT {target}"))[0] == code


async def test_the_first_header_counts(url: str) -> None:
    assert (await asked(url, f"GET {SPACES}", "Accept: a/b", "Accept: application/json"))[0] == 406


@pytest.mark.parametrize(("line", "code"), [(f"GET {SPACES} HTTP/2.0", 505), (f"GET {SPACES}", 400)])
async def test_versions_that_it_doesnt_speak(url: str, line: str, code: int) -> None:
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    writer.write(f"{line}\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(100):
        answer = await reader.read()
    writer.close()
    assert int(answer.split()[1]) == code


async def test_a_header_of_100_kb(url: str) -> None:
    assert (await asked(url, f"GET {SPACES}", f"X: {'a' * 100_000}"))[0] == 200
