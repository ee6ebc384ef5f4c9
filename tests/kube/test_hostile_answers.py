"""Whatever a server, or what stands in its place, answers: an object, or an error that can be classified."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from reconcilekit.classification import classify
from reconcilekit.errors import ApiError, ReconcileError, WireError
from reconcilekit.kube.client import Client
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.kube.transport import Response
from reconcilekit.testing import VirtualClock, run_virtual
from tests.kube.scripted import CORE, GROUPS, ScriptedStream, serving

CONFIG_MAP = Resource("v1", "ConfigMap")
KEY = ObjectKey("ns", "a")
PATH = "/api/v1/namespaces/ns/configmaps"
OBJECT = {
    "kind": "ConfigMap",
    "metadata": {
        "name": "a",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "5",
        "labels": {"a": "b"},
        "finalizers": ["x"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "x", "name": "n", "uid": "u"}],
        "managedFields": [{"manager": "m", "operation": "Apply", "fieldsV1": {"f:a": {}}}],
    },
}
LIST = {"kind": "ConfigMapList", "metadata": {"resourceVersion": "7", "continue": ""}, "items": [OBJECT]}
CAUSES = {"name": "a", "causes": [{"reason": "r", "message": "m", "field": "f"}], "retryAfterSeconds": 1}
STATUS = {"kind": "Status", "status": "Failure", "reason": "Expired", "message": "m", "code": 410, "details": CAUSES}
LINES = (
    {"type": "MODIFIED", "object": OBJECT},
    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
    {"type": "ERROR", "object": STATUS},
)
JUNK: tuple[Any, ...] = (None, 0, -1, 1.5, 10**400, True, "", "x", "\u00b2", [], {}, [None], [{}], {"a": 1})
ENDLESS = (b"[" * 3000, b'{"metadata":' * 3000, b'{"x":' * 3000, b"\xff", b"")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from places(child, (*path, name))


@st.composite
def bodies(draw: st.DrawFn, document: Any) -> bytes:
    """The document, with something else in one place, perhaps cut off; or nothing like it."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ENDLESS))
    damaged = json.loads(json.dumps(document))
    *way, last = draw(st.sampled_from([path for path in places(document) if path]))
    inside = damaged
    for name in way:
        inside = inside[name]
    inside[last] = draw(st.sampled_from(JUNK))
    body = json.dumps(damaged).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@st.composite
def answers(draw: st.DrawFn, document: Any) -> Response:
    status = draw(st.sampled_from([200] * 8 + [301, 401, 404, 409, 410, 422, 429, 500, 503]))
    asked = draw(st.sampled_from(["", "1", "\u00b2", "-1", "9" * 400, "Fri, 99 Foo", "Fri, 31 Dec 1999 23:59:59 GMT"]))
    body = draw(bodies(document if status == 200 else STATUS))
    return Response(status=status, body=body, headers={"retry-after": asked})


async def watched(client: Client) -> None:
    async with client.watch(CONFIG_MAP, resource_version="1") as events:
        async for _ in events:
            pass


CALLS: dict[str, tuple[Callable[[Client], Awaitable[object]], str, Any]] = {
    "get": (lambda c: c.get(CONFIG_MAP, KEY), f"GET {PATH}/a", OBJECT),
    "list": (lambda c: c.list_page(CONFIG_MAP, namespace="ns"), f"GET {PATH}", LIST),
    "apply": (lambda c: c.apply(CONFIG_MAP, OBJECT), f"PATCH {PATH}/a", OBJECT),
    "delete": (lambda c: c.delete(CONFIG_MAP, KEY), f"DELETE {PATH}/a", OBJECT),
    "core": (lambda c: c.discovery.find(CONFIG_MAP), "GET /api", json.loads(CORE.body)),
    "groups": (lambda c: c.discovery.find(Resource("example.com/v1", "Widget")), "GET /apis", json.loads(GROUPS.body)),
}


async def rule_of_failure(call: Awaitable[object]) -> str | None:
    """The rule for the error that the call ended in, None for a success and for what is a verdict already."""
    try:
        await call
    except (ApiError, WireError, ReconcileError) as error:
        return classify(error).rule
    return None


@pytest.mark.parametrize("name", CALLS)
@hypothesis.given(data=st.data())
def test_a_call_gives_an_answer_or_an_error_with_a_verdict(name: str, data: st.DataObject) -> None:
    call, request, document = CALLS[name]
    answer = data.draw(answers(document))

    async def main(clock: VirtualClock) -> None:
        client = Client(serving().on(request, answer), clock=clock, field_manager="m")
        assert await rule_of_failure(call(client)) != "unknown"

    run_virtual(main)


@hypothesis.given(lines=st.lists(st.sampled_from(LINES).flatmap(bodies), max_size=3))
def test_a_watch_gives_events_or_an_error_with_a_verdict(lines: list[bytes]) -> None:
    async def main(clock: VirtualClock) -> None:
        stream = ScriptedStream([line + b"\n" for line in lines])
        client = Client(serving().on("GET /api/v1/configmaps", stream), clock=clock, field_manager="m")
        assert await rule_of_failure(watched(client)) in (None, "garbled-answer", "connection-lost")
        assert stream.closed == 1

    run_virtual(main)
