"""Lists in pages: their order, and the tokens that they go on by."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual

MAPS = "/api/v1/configmaps"
TOO_OLD = "The resourceVersion for the provided list is too old."


async def ask(server: ApiServer, path: str, body: object = None, **query: str) -> Any:
    headers = {"content-type": "application/json"}
    encoded = None if body is None else msgspec.json.encode(body)
    method = "GET" if body is None else "POST"
    answer = await server.transport().send(
        Request(method=method, path=path, query=query, body=encoded, headers=headers)
    )
    return msgspec.json.decode(answer.body)


def placed(found: Any) -> list[tuple[str, str]]:
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in found["items"]]


async def filled(clock: VirtualClock, *namespaces: str) -> ApiServer:
    server = ApiServer(clock=clock)
    for namespace in namespaces:
        await ask(server, "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for name in ("b", "a"):
            await ask(server, f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": name}})
    return server


@pytest.mark.parametrize("limit", ["", "1", "2", "3", "5"])
def test_objects_are_listed_in_the_order_of_their_paths(limit: str) -> None:
    async def main(clock: VirtualClock) -> None:
        server = await filled(clock, "o", "o0", "o-b", "n")
        found, query, left = [], {"limit": limit} if limit else {}, 8
        while True:
            page = await ask(server, MAPS, **query)
            found += placed(page)
            left -= len(page["items"])
            assert page["metadata"].get("remainingItemCount", 0) == left
            if not left:
                break
            query["continue"] = page["metadata"]["continue"]
        expected = [(namespace, name) for namespace in ("n", "o-b", "o", "o0") for name in ("a", "b")]
        assert found == expected
        stream = await server.transport().open(
            Request(method="GET", path=MAPS, query={"watch": "1", "timeoutSeconds": "1"})
        )
        lines = [line async for chunk in stream for line in chunk.splitlines()]
        metadata = [msgspec.json.decode(line)["object"]["metadata"] for line in lines]
        assert [(told["namespace"], told["name"]) for told in metadata] == expected

    run_virtual(main)


def token_of(said: object) -> str:
    encoded = said if isinstance(said, bytes) else msgspec.json.encode(said)
    return base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def token(start: str, revision: int = -1) -> dict[str, object]:
    return {"v": "meta.k8s.io/v1", "rv": revision, "start": start}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (token("/a\0"), ["b"]),
        (token("a\0"), ["b"]),
        (token("/b"), ["b"]),
        (token("/a\0", revision=-5), ["b"]),
        (token(""), "encoded start key empty (version meta.k8s.io/v1)"),
        (token("/a\0", revision=0), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        (token("../b"), "../b"),
        (token("a//b"), "a//b"),
        (token("//b"), "//b"),
        (token("/b/"), "/b/"),
        ({"v": "v2", "rv": 5, "start": "a"}, "server does not recognize this encoded version v2"),
        (b"null", "server does not recognize this encoded version "),
        (b"7", "json: cannot unmarshal number into Go value of type storage.continueToken"),
        (b"{", "unexpected end of JSON input"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (
            {"v": "meta.k8s.io/v1", "rv": "5"},
            "json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
        ),
    ],
)
def test_tokens_are_read_as_the_real_server_reads_them(said: object, expected: str | list[str]) -> None:
    async def main(clock: VirtualClock) -> None:
        server = await filled(clock, "x")
        told = await ask(server, "/api/v1/namespaces/x/configmaps", **{"continue": token_of(said)})
        if isinstance(expected, list):
            assert [name for _, name in placed(told)] == expected
        else:
            assert told["message"] == f"invalid continue token: continue key is not valid: {expected}"

    run_virtual(main)


def test_the_past_has_an_end_and_the_future_none_yet() -> None:
    async def main(clock: VirtualClock) -> None:
        server = await filled(clock, "x")
        path, before = "/api/v1/namespaces/x/configmaps", str(server.revision)
        first = await ask(server, path, limit="1")
        await ask(server, path, {"metadata": {"name": "c"}})
        exact = await ask(server, path, resourceVersion=before, resourceVersionMatch="Exact")
        assert [name for _, name in placed(exact)] == ["a", "b"]
        server.compact()
        told = await ask(server, path, resourceVersion=before, resourceVersionMatch="Exact")
        assert (told["code"], told["message"]) == (410, TOO_OLD)
        told = await ask(server, path, **{"continue": first["metadata"]["continue"]})
        assert told["code"] == 410
        rest = await ask(server, path, **{"continue": told["metadata"]["continue"]})
        assert [name for _, name in placed(rest)] == ["b", "c"], "with the present state"
        told = await ask(server, path, **{"continue": token_of(token("/a\0", revision=server.revision + 1))})
        assert told["code"] == 504

    run_virtual(main)
