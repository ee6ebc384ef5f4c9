"""Requests and answers in protobuf, as recorded from a real kube-apiserver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.encoding.protobuf import decode_protobuf, encode_protobuf
from reconcilekit.testing.apiserver.encoding.protobuf.encoding import numbers, tagged

PROTOBUF = "application/vnd.kubernetes.protobuf"
PARTIAL = "as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
MAPS = "/api/v1/namespaces/default/configmaps"


def envelope(message: bytes, *, api_version: str = "v1", kind: str = "ConfigMap") -> bytes:
    meta = tagged(1, api_version.encode()) + tagged(2, kind.encode())
    return b"k8s\0" + tagged(1, meta) + tagged(2, message)


KNOWN = tagged(1, tagged(1, b"a")) + tagged(2, tagged(1, b"k") + tagged(2, b"v"))
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "
MISFIT = 'in version "v1" cannot be handled as a ConfigMap: '
SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'


async def send(
    call: Any, method: str, path: str, body: bytes | None = None, *, accept: str = "", **query: str
) -> Response:
    headers = {"content-type": PROTOBUF} | ({"accept": accept} if accept else {})
    request = Request(method=method, path=path, body=body, headers=headers, query=query)
    answer: Response = await call.server.transport("tester/1.0").send(request)
    return answer


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (envelope(KNOWN)[:-1], UNRECOGNIZED + "unexpected EOF (" + envelope(KNOWN)[:30].hex() + " ...)"),
        (envelope(KNOWN + b"\x12\x09a"), f"ConfigMap {MISFIT}unexpected EOF"),
        (envelope(b"\x08\x01"), f"ConfigMap {MISFIT}proto: wrong wireType = 0 for field ObjectMeta"),
        (
            envelope(KNOWN, kind="Secret"),
            f"Secret {MISFIT}converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
        (envelope(KNOWN, kind="Wrong"), f'Wrong {MISFIT}no kind "Wrong" is registered for version "v1" {SCHEME}'),
        (b"k8s\0", UNRECOGNIZED + "empty body (6b387300)"),
        (b"", UNRECOGNIZED + "empty data (<empty>)"),
        (
            b'{"kind":"ConfigMap","apiVersion":"v1"}',
            UNRECOGNIZED + "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] "
            '({"kind":"ConfigMap","apiVersio ...)',
        ),
    ],
)
def test_what_cant_be_read_is_a_bad_request(body: bytes, message: str, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        answer = await send(call, "POST", MAPS, body)
        said = msgspec.json.decode(answer.body)
        assert (answer.status, said["reason"], said["message"]) == (400, "BadRequest", message)

    on_server(scenario)


def test_an_object_goes_in_and_out(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        made = await send(call, "POST", MAPS, envelope(KNOWN), accept=PROTOBUF)
        assert (made.status, made.headers["content-type"]) == (201, PROTOBUF)
        in_json = (await call("GET", f"{MAPS}/a")).body
        assert decode_protobuf(made.body) == in_json
        assert in_json["data"] == {"k": "v"}
        changed = encode_protobuf({**in_json, "data": {"k": "w"}})
        assert (await send(call, "PUT", f"{MAPS}/a", changed)).status == 200
        assert (await send(call, "PUT", f"{MAPS}/a", changed)).status == 409
        options = envelope(tagged(2, tagged(1, b"other")), kind="DeleteOptions")
        assert (await send(call, "DELETE", f"{MAPS}/a", options)).status == 409
        broken = await send(call, "DELETE", f"{MAPS}/a", envelope(b"\x08", kind="DeleteOptions"))
        assert (broken.status, msgspec.json.decode(broken.body)["message"]) == (400, "unexpected EOF")
        assert (await send(call, "DELETE", f"{MAPS}/a", envelope(b"", kind="DeleteOptions"))).status == 200

    on_server(scenario)


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        (PROTOBUF, PROTOBUF),
        (f"{PROTOBUF},application/json", PROTOBUF),
        (f"{PROTOBUF}, */*", PROTOBUF),
        (f"application/json,{PROTOBUF}", "application/json"),
        (f"application/json;q=0.1,{PROTOBUF};q=0.9", PROTOBUF),
        ("*/*", "application/json"),
        (f"{PROTOBUF};stream=watch", PROTOBUF),
        (f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json", "application/json"),
        (f"{PROTOBUF};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", PROTOBUF),
    ],
)
def test_the_first_that_is_known_of_what_is_accepted_is_answered(accept: str, found: str, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await send(call, "POST", MAPS, envelope(KNOWN))
        answer = await send(call, "GET", MAPS, accept=accept, limit="1")
        assert (answer.status, answer.headers["content-type"]) == (200, found)
        listed = decode_protobuf(answer.body) if found == PROTOBUF else msgspec.json.decode(answer.body)
        assert listed["items"][0]["metadata"]["name"] == "a"
        assert listed["metadata"]["resourceVersion"]

    on_server(scenario)


def test_failures_and_discovery_are_told_in_protobuf_too(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        missing = await send(call, "GET", f"{MAPS}/nope", accept=PROTOBUF)
        assert (missing.status, missing.headers["content-type"]) == (404, PROTOBUF)
        assert decode_protobuf(missing.body)["details"] == {"name": "nope", "kind": "configmaps"}
        groups = await send(call, "GET", "/apis", accept=PROTOBUF)
        assert "apps" in {group["name"] for group in decode_protobuf(groups.body)["groups"]}
        resources = await send(call, "GET", "/api/v1", accept=PROTOBUF)
        assert "pods" in {resource["name"] for resource in decode_protobuf(resources.body)["resources"]}
        table = await send(call, "GET", MAPS, accept=f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io")
        assert table.status == 406

    on_server(scenario)


def frames(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    while data:
        length = int.from_bytes(data[:4], "big")
        event = dict(numbers(data[4 : 4 + length]))
        inner = dict(numbers(bytes(event[2])))[1]
        yield bytes(event[1]).decode(), decode_protobuf(bytes(inner))
        data = data[4 + length :]


@pytest.mark.parametrize(
    ("accept", "kind"), [(PROTOBUF, "ConfigMap"), (f"{PROTOBUF};{PARTIAL}", "PartialObjectMetadata")]
)
def test_a_watch_comes_in_frames(accept: str, kind: str, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await send(call, "POST", MAPS, envelope(KNOWN))
        asked = {
            "watch": "1",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "timeoutSeconds": "5",
        }
        query = {**asked, "allowWatchBookmarks": "true"}
        request = Request(method="GET", path=MAPS, headers={"accept": accept}, query=query, timeout=35)
        stream = await call.server.transport("tester/1.0").open(request)
        assert stream.headers["content-type"] == f"{PROTOBUF};stream=watch"
        await call("DELETE", f"{MAPS}/a")
        events = list(frames(b"".join([chunk async for chunk in stream])))
        assert [event[0] for event in events][:3] == ["ADDED", "BOOKMARK", "DELETED"]
        assert {event[1]["kind"] for event in events} == {kind}
        assert events[0][1]["metadata"]["name"] == "a"
        assert events[1][1]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    on_server(scenario)


def test_custom_kinds_have_protobuf_of_their_metadata_alone(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
        assert (await call("POST", widgets, widget)).status == 201
        assert (await send(call, "GET", f"{widgets}/w", accept=PROTOBUF)).status == 406
        fallback = await send(call, "GET", f"{widgets}/w", accept=f"{PROTOBUF},application/json")
        assert fallback.headers["content-type"] == "application/json"
        partial = await send(call, "GET", f"{widgets}/w", accept=f"{PROTOBUF};{PARTIAL}")
        assert decode_protobuf(partial.body)["metadata"]["name"] == "w"
        with pytest.raises(LostAnswerError):
            await send(call, "POST", widgets, envelope(b"", api_version="example.com/v1", kind="Widget"))

    on_server(scenario)


def test_refusals_and_reviews_come_in_what_is_accepted(on_server: Any) -> None:
    reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    review = encode_protobuf({}, api_version="authentication.k8s.io/v1", kind="SelfSubjectReview")

    async def scenario(call: Any) -> None:
        refused = await send(call, "GET", "/api/v1/secrets", accept=PROTOBUF)
        assert (refused.status, refused.headers["content-type"]) == (403, PROTOBUF)
        assert decode_protobuf(refused.body)["reason"] == "Forbidden"
        in_yaml = await send(call, "GET", "/api/v1/secrets", accept="application/yaml")
        assert (in_yaml.status, in_yaml.headers["content-type"]) == (403, "application/yaml")
        unreadable = await send(call, "GET", "/api/v1/secrets", accept="text/html")
        assert (unreadable.status, unreadable.headers["content-type"]) == (403, "application/json")
        request = Request(
            method="POST", path=reviews, body=review, headers={"content-type": PROTOBUF, "accept": PROTOBUF}
        )
        answer = await call.server.transport("tester/1.0", user=User("jane")).send(request)
        assert decode_protobuf(answer.body)["status"]["userInfo"]["username"] == "jane"

    on_server(scenario, authorization="RBAC")
