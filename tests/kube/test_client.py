"""Each verb is one request, and each way it can fail is one error."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconcilekit.classification import classify
from reconcilekit.errors import (
    ApiError,
    BugError,
    GarbledAnswerError,
    LostAnswerError,
    NotSentError,
    Operation,
    WireError,
)
from reconcilekit.kube.client import Client, ContinueExpiredError
from reconcilekit.kube.objects import RawObject, UndecodableObject, parse_object
from reconcilekit.kube.resource import ObjectKey, Resource, described
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.virtual_time import VirtualClock
from tests.kube.scripted import ScriptedTransport, aggregated, group, json_response, listed, serving, status_response

WIDGET = Resource("example.com/v1", "Widget")
NODE = Resource("v1", "Node")
CONFIG_MAP = Resource("v1", "ConfigMap")
KEY = ObjectKey("ns", "w")
PATH = "/apis/example.com/v1/namespaces/ns/widgets"
OWN = {"manager": "m", "operation": "Apply", "fieldsV1": {"f:spec": {}}}


def widget(**meta: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "ns"} | meta}


ANSWER = json_response(widget(resourceVersion="5", managedFields=[OWN]))


def client_of(transport: ScriptedTransport) -> Client:
    return Client(transport, clock=VirtualClock(), field_manager="m")


Call = Callable[[Client], Awaitable[object]]
CALLS: dict[str, tuple[Call, str, dict[str, str], str | None, Operation]] = {
    "get": (lambda c: c.get(WIDGET, KEY), f"GET {PATH}/w", {}, None, Operation(verb="get")),
    "create": (
        lambda c: c.create(WIDGET, widget()),
        f"POST {PATH}", {"fieldManager": "m"}, "application/json", Operation(verb="create"),
    ),
    "generate": (
        lambda c: c.create(WIDGET, {"metadata": {"generateName": "w-", "namespace": "ns"}}),
        f"POST {PATH}", {"fieldManager": "m"}, "application/json", Operation(verb="create", generate_name=True),
    ),
    "update": (
        lambda c: c.update(WIDGET, widget()),
        f"PUT {PATH}/w", {"fieldManager": "m"}, "application/json", Operation(verb="update"),
    ),
    "update_status": (
        lambda c: c.update_status(WIDGET, widget()),
        f"PUT {PATH}/w/status", {"fieldManager": "m"}, "application/json",
        Operation(verb="update", subresource="status"),
    ),
    "apply": (
        lambda c: c.apply(WIDGET, widget()),
        f"PATCH {PATH}/w", {"fieldManager": "m", "force": "true"}, "application/apply-patch+yaml",
        Operation(verb="apply"),
    ),
    "yielding apply": (
        lambda c: c.apply(WIDGET, widget(), force=False),
        f"PATCH {PATH}/w", {"fieldManager": "m", "force": "false"}, "application/apply-patch+yaml",
        Operation(verb="apply"),
    ),
    "apply_status": (
        lambda c: c.apply_status(WIDGET, widget()),
        f"PATCH {PATH}/w/status", {"fieldManager": "m", "force": "true"}, "application/apply-patch+yaml",
        Operation(verb="apply", subresource="status"),
    ),
    "merge_patch": (
        lambda c: c.merge_patch(WIDGET, KEY, {"spec": {"a": None}}),
        f"PATCH {PATH}/w", {"fieldManager": "m"}, "application/merge-patch+json", Operation(verb="patch"),
    ),
    "merge_patch status": (
        lambda c: c.merge_patch(WIDGET, KEY, {"status": {}}, subresource="status"),
        f"PATCH {PATH}/w/status", {"fieldManager": "m"}, "application/merge-patch+json",
        Operation(verb="patch", subresource="status"),
    ),
}  # fmt: skip
each_call = pytest.mark.parametrize(
    ("call", "request_line", "query", "content_type", "operation"), CALLS.values(), ids=CALLS
)


def operation_of(operation: Operation) -> Operation:
    return Operation(
        verb=operation.verb,
        subresource=operation.subresource,
        generate_name=operation.generate_name,
        api_group="example.com",
    )


@each_call
async def test_each_verb_is_one_request(
    call: Call, request_line: str, query: dict[str, str], content_type: str | None, operation: Operation
) -> None:
    transport = serving().on(request_line, ANSWER)

    answer = await call(client_of(transport))

    sent = transport.requests[2:]
    assert [str(each) for each in sent] == [request_line]
    assert sent[0].query == query
    assert sent[0].headers.get("content-type") == content_type
    assert isinstance(answer, RawObject)
    assert answer.key == KEY
    assert answer.meta.resource_version == "5"
    assert answer.owned_fields == b'{"f:spec": {}}'


@each_call
@pytest.mark.parametrize("failure", [NotSentError, LostAnswerError])
async def test_a_broken_wire_is_told_as_what_it_was(
    call: Call,
    request_line: str,
    query: dict[str, str],
    content_type: str | None,
    operation: Operation,
    failure: type[WireError],
) -> None:
    with pytest.raises(failure) as caught:
        await call(client_of(serving().on(request_line, failure("gone"))))
    assert caught.value.operation == operation_of(operation)


@each_call
async def test_a_refusal_carries_the_operation_and_says_only_the_status_message(
    call: Call, request_line: str, query: dict[str, str], content_type: str | None, operation: Operation
) -> None:
    with pytest.raises(ApiError) as caught:
        await call(client_of(serving().on(request_line, status_response(409, "Conflict", "modified"))))
    assert caught.value.operation == operation_of(operation)
    assert str(caught.value) == f"{request_line}: 409: modified"


@each_call
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "JSON is malformed: invalid character (byte 0)"),
        (b'{"metadata":{"name":"w"', "Input data was truncated"),
        (b'{"ok":true}', "metadata is missing"),
        (b"", "Input data was truncated"),
    ],
)
async def test_a_success_that_cannot_be_read_is_garbled(
    call: Call,
    request_line: str,
    query: dict[str, str],
    content_type: str | None,
    operation: Operation,
    body: bytes,
    problem: str,
) -> None:
    with pytest.raises(GarbledAnswerError) as caught:
        await call(client_of(serving().on(request_line, Response(status=200, body=body))))
    assert caught.value.operation == operation_of(operation)
    assert str(caught.value) == f"{request_line}: 200 with a body of {len(body)} bytes that can't be read: {problem}"


async def test_what_is_sent_has_a_type_and_is_otherwise_untouched() -> None:
    transport = serving().on(f"PUT {PATH}/w", ANSWER)
    await client_of(transport).update(
        WIDGET, {"metadata": {"name": "w", "namespace": "ns", "uid": "u"}, "spec": {"é": 1}}
    )
    assert json.loads(transport.requests[-1].body or b"") == widget(uid="u") | {"spec": {"é": 1}}


async def test_an_answer_without_a_type_gets_one() -> None:
    bare = {"metadata": {"name": "w", "namespace": "ns"}}
    found = await client_of(serving().on(f"GET {PATH}/w", json_response(bare))).get(WIDGET, KEY)
    assert found.decode() == widget()


async def test_delete_is_conditional_and_in_the_background() -> None:
    transport = serving().on(f"DELETE {PATH}/w", json_response({"kind": "Status", "status": "Success"}))
    await client_of(transport).delete(WIDGET, KEY, uid="u", resource_version="4")
    await client_of(transport).delete(WIDGET, KEY, propagation="Orphan")

    bodies = [json.loads(each.body or b"") for each in transport.requests if each.method == "DELETE"]
    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert bodies == [
        options | {"propagationPolicy": "Background", "preconditions": {"uid": "u", "resourceVersion": "4"}},
        options | {"propagationPolicy": "Orphan"},
    ]


@pytest.mark.parametrize("body", [b"<html>", b'{"details":' * 5000])
async def test_a_proxy_s_page_is_no_proof_of_a_delete(body: bytes) -> None:
    transport = serving().on(f"DELETE {PATH}/w", Response(status=200, body=body))
    with pytest.raises(GarbledAnswerError) as caught:
        await client_of(transport).delete(WIDGET, KEY)
    assert caught.value.operation == Operation(verb="delete", api_group="example.com")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.get(WIDGET, ObjectKey("", "w")),
            "Widget.example.com/v1 'w' has no namespace; objects of this kind live in one: name it",
        ),
        (
            lambda c: c.get(NODE, ObjectKey("ns", "n")),
            "Node.v1 'n' is cluster-scoped; leave out the namespace 'ns'",
        ),
        (
            lambda c: c.update(WIDGET, {"metadata": {"namespace": "ns"}}),
            "Widget.example.com/v1: the object has no metadata.name; only create can leave it to generateName",
        ),
        (
            lambda c: c.create(WIDGET, {"metadata": {"name": "w"}}),
            "Widget.example.com/v1 'w' has no namespace; objects of this kind live in one: name it",
        ),
    ],
)
async def test_a_request_that_names_no_object_is_not_sent(call: Call, message: str) -> None:
    transport = serving()
    with pytest.raises(BugError) as caught:
        await call(client_of(transport))
    assert str(caught.value) == message
    assert len(transport.requests) == 2


UNTYPED: Any = None


def wrongly(call: Callable[[Client, Any], Awaitable[object]], given: object) -> Call:
    return lambda client: call(client, given)


async def watched(client: Client, **told: Any) -> None:
    async with client.watch(WIDGET, **told):
        pass


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (wrongly(lambda c, x: c.get(WIDGET, x), "a"), "get: 'a' is no ObjectKey; pass ObjectKey(namespace, name)"),
        (
            wrongly(lambda c, x: c.get(WIDGET, x), ("ns", "a")),
            "get: ('ns', 'a') is no ObjectKey; pass ObjectKey('ns', 'a')",
        ),
        (
            wrongly(lambda c, x: c.delete(WIDGET, x), parse_object(b'{"metadata": {"name": "a"}}', field_manager=None)),
            "delete: a RawObject is no ObjectKey; pass its key",
        ),
        (wrongly(lambda c, x: c.get(WIDGET, x), ObjectKey("ns", UNTYPED)), "get: the name is None; pass a str"),
        (
            wrongly(lambda c, x: c.get(x, KEY), "widgets"),
            'get: \'widgets\' is no Resource; pass Resource("example.com/v1", "Kind")',
        ),
        (
            wrongly(lambda c, x: c.apply(x, widget()), widget()),
            'apply: a dict is no Resource; pass Resource("example.com/v1", "Widget")',
        ),
        (
            wrongly(lambda c, x: c.list_page(x), Resource),
            'list_page: the class Resource is no Resource; pass Resource("example.com/v1", "Kind")',
        ),
        (
            wrongly(lambda c, x: c.create(WIDGET, x), "x" * 200),
            f'create: \'{"x" * 79}... is no dict; pass a dict, as in {{"metadata": {{"name": ...}}}}',
        ),
        (
            wrongly(lambda c, x: c.update(WIDGET, x), parse_object(b'{"metadata": {"name": "a"}}', field_manager=None)),
            "update: a RawObject is no dict; pass its decode()",
        ),
        (
            wrongly(lambda c, x: c.update_status(WIDGET, {"metadata": x}), ["a"]),
            'update_status: the object\'s metadata is a list; pass a dict, as in {"metadata": {"name": ...}}',
        ),
        (
            wrongly(lambda c, x: c.apply_status(WIDGET, {"metadata": {"name": x}}), 3),
            "apply_status: the name is 3; pass '3'",
        ),
        (
            wrongly(lambda c, x: c.merge_patch(WIDGET, KEY, x), [{"op": "remove"}]),
            "merge_patch: patch is a list; pass a dict of what is to change",
        ),
        (
            wrongly(lambda c, x: c.create(WIDGET, widget() | {"spec": {"ports": [80, x]}}), object()),
            "create: spec.ports[1] is an object, which has no JSON; pass dicts, lists, str, numbers, bool and None",
        ),
        (
            wrongly(lambda c, x: c.list_page(WIDGET, label_selector=x), {"a": "b", "c": "d"}),
            "list_page: label_selector is a dict; pass 'a=b,c=d'",
        ),
        (wrongly(lambda c, x: watched(c, resource_version=x), 7), "watch: resource_version is 7; pass '7'"),
        (wrongly(lambda c, x: watched(c, resource_version=x), None), "watch: resource_version is None; pass a str"),
        (
            wrongly(lambda c, x: c.delete(WIDGET, KEY, resource_version=x), 7),
            "delete: resource_version is 7; pass '7'",
        ),
    ],
)
async def test_an_argument_of_another_type_is_told_with_what_to_pass(call: Call, message: str) -> None:
    transport = serving()
    with pytest.raises(TypeError) as caught:
        await call(client_of(transport))
    assert str(caught.value) == message
    assert "POST" not in str(transport.requests)


def test_an_error_about_an_argument_shows_nothing_of_an_object() -> None:
    assert described({"data": {"password": "secret"}}) == "a dict"
    assert described(("a", {"password": "secret"})) == "('a', a dict)"
    assert described(("a",)) == "('a',)"


def page(*items: object, version: str = "9", more: str = "") -> Response:
    meta = {"resourceVersion": version} | ({"continue": more} if more else {})
    return json_response({"kind": "WidgetList", "apiVersion": "example.com/v1", "metadata": meta, "items": list(items)})


async def test_a_list_page_says_where_to_go_on() -> None:
    transport = serving().on(f"GET {PATH}", page({"metadata": {"name": "w", "namespace": "ns"}}, more="token"))

    found = await client_of(transport).list_page(
        WIDGET, namespace="ns", label_selector="a=b", field_selector="metadata.name=w", limit=1, continue_token="t"
    )

    assert transport.requests[-1].query == {
        "labelSelector": "a=b", "fieldSelector": "metadata.name=w", "limit": "1", "continue": "t"
    }  # fmt: skip
    assert (found.resource_version, found.continue_token) == ("9", "token")
    item = found.items[0]
    assert isinstance(item, RawObject)
    assert item.decode() == widget()


async def test_a_list_of_all_namespaces_is_consistent_by_default() -> None:
    transport = serving().on("GET /apis/example.com/v1/widgets", page())
    client = client_of(transport)
    await client.list_page(WIDGET)
    await client.list_page(WIDGET, limit=0, resource_version="0")
    assert [each.query for each in transport.requests[2:]] == [{"limit": "500"}, {"resourceVersion": "0"}]


async def test_one_bad_item_does_not_fail_its_list() -> None:
    bad = {"metadata": {"name": "bad", "namespace": "ns", "labels": {"a": 1}}}
    found = await client_of(serving().on(f"GET {PATH}", page(widget(), bad, widget()))).list_page(
        WIDGET, namespace="ns"
    )

    assert [type(each) for each in found.items] == [RawObject, UndecodableObject, RawObject]
    assert [each.key for each in found.items] == [KEY, ObjectKey("ns", "bad"), KEY]


@pytest.mark.parametrize("body", [b'{"kind":"WidgetList","metadata":{}}', b"{}", b"[]", b'{"items":[{"met'])
async def test_what_lacks_items_is_not_an_empty_list(body: bytes) -> None:
    with pytest.raises(GarbledAnswerError):
        await client_of(serving().on(f"GET {PATH}", Response(status=200, body=body))).list_page(WIDGET, namespace="ns")


async def test_null_items_are_an_empty_list() -> None:
    null = json_response({"items": None, "metadata": {"resourceVersion": "3"}})
    found = await client_of(serving().on(f"GET {PATH}", null)).list_page(WIDGET, namespace="ns")
    assert (found.items, found.resource_version) == ((), "3")


async def test_an_expired_continue_token_is_told_apart() -> None:
    client = client_of(serving().on(f"GET {PATH}", status_response(410, "Expired", "too old")))

    with pytest.raises(ContinueExpiredError) as expired:
        await client.list_page(WIDGET, namespace="ns", continue_token="old")
    with pytest.raises(ApiError) as gone:
        await client.list_page(WIDGET, namespace="ns")

    assert str(expired.value) == f"GET {PATH}: 410: too old"
    assert expired.value.reason == "Expired"
    assert not isinstance(gone.value, ContinueExpiredError)


async def test_the_kind_is_discovered_once() -> None:
    transport = serving().on(f"GET {PATH}/w", ANSWER)
    client = client_of(transport)
    await client.get(WIDGET, KEY)
    await client.get(WIDGET, KEY)
    assert transport.count("GET /apis") == 1
    assert repr(client) == "<Client field_manager='m' <Discovery kinds=3 rounds=1>>"


@pytest.mark.parametrize(
    "unknown",
    [
        status_response(404, "NotFound", "the server could not find the requested resource", details={}),
        Response(status=404, body=b"404 page not found\n"),
    ],
)
async def test_a_kind_whose_path_is_unknown_is_discovered_anew(unknown: Response) -> None:
    transport = serving().on(f"GET {PATH}/w", unknown)
    client = client_of(transport)
    with pytest.raises(ApiError):
        await client.get(WIDGET, KEY)
    moved = PATH.replace("widgets", "gadgets")
    transport.on("GET /apis", aggregated(group("example.com", "v1", listed("gadgets", "Widget"))))
    transport.on(f"GET {moved}/w", ANSWER)

    assert (await client.get(WIDGET, KEY)).key == KEY
    assert (await client.get(WIDGET, KEY)).key == KEY

    assert (transport.count(f"GET {PATH}/w"), transport.count("GET /apis")) == (1, 2)


async def test_an_object_that_is_missing_casts_no_doubt_on_its_kind() -> None:
    missing = status_response(404, "NotFound", details={"name": "w", "kind": "widgets"})
    transport = serving().on(f"GET {PATH}/w", missing)
    client = client_of(transport)
    for _ in range(2):
        with pytest.raises(ApiError):
            await client.get(WIDGET, KEY)
    assert transport.count("GET /apis") == 1


async def test_a_credential_that_was_refused_for_good_is_for_somebody_to_mend() -> None:
    body = status_response(401, "Unauthorized").body
    verdicts = []
    for is_reloaded in (False, True):
        answer = Response(status=401, body=body, is_credential_reloaded=is_reloaded)
        with pytest.raises(ApiError) as caught:
            await client_of(serving().on(f"GET {PATH}/w", answer)).get(WIDGET, KEY)
        verdicts.append(classify(caught.value).rule)
    assert verdicts == ["unauthorized", "credential-refused"]


async def test_closing_the_client_closes_the_transport() -> None:
    transport = serving()
    await client_of(transport).aclose()
    assert transport.closed == 1


def test_a_request_says_what_it_is() -> None:
    assert str(Request(method="GET", path="/api")) == "GET /api"
