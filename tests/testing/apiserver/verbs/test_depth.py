"""How deep an object may nest: as deep as everything that is done to it can follow."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver.json_values import MAX_DEPTH
from tests.testing.apiserver.conftest import Caller

WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition() -> dict[str, Any]:
    names = {"plural": "widgets", "kind": "Widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": OPEN}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "widgets.example.com"}, "spec": spec}


def nested(levels: int, *, lists: bool) -> Any:
    value: Any = [] if lists else {}
    for _ in range(levels - 1):
        value = [value] if lists else {"a": value}
    return value


def widget(levels: int, *, lists: bool) -> dict[str, Any]:
    """An object of so many levels, its own among them."""
    head = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    return {**head, "spec": nested(levels - 1, lists=lists)}


@pytest.mark.parametrize("lists", [False, True])
def test_the_deepest_object_can_be_read_and_written_in_all_ways(on_server: Any, lists: bool) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
        await call.clock.sleep(5)
        assert (await call("POST", WIDGETS, widget(MAX_DEPTH, lists=lists))).status == 201

        as_yaml = Request(method="GET", path=f"{WIDGETS}/w", headers={"accept": "application/yaml"})
        assert (await call.server.transport().send(as_yaml)).status == 200
        whole = {"spec": widget(MAX_DEPTH, lists=lists)["spec"]}
        assert (await call("PATCH", f"{WIDGETS}/w", whole, patch="merge")).status == 200
        labels = {"metadata": {"labels": {"a": "b"}}}
        assert (await call("PATCH", f"{WIDGETS}/w", labels, patch="merge")).status == 200
        add = [{"op": "add", "path": "/metadata/labels/c", "value": "d"}]
        assert (await call("PATCH", f"{WIDGETS}/w", add, patch="json")).status == 200
        applied = {**widget(2, lists=lists), **labels}
        del applied["spec"]
        assert (await call("PATCH", f"{WIDGETS}/w", applied, patch="apply", fieldManager="me")).status == 200
        known = (await call("GET", f"{WIDGETS}/w")).body
        assert known["metadata"]["labels"] == {"a": "b", "c": "d"}
        assert known["metadata"]["managedFields"]
        assert (await call("PUT", f"{WIDGETS}/w", known)).status == 200
        assert (await call("DELETE", f"{WIDGETS}/w")).status == 200

    on_server(scenario)


@pytest.mark.parametrize("levels", [1_500, 9_000])
def test_what_no_stack_holds_is_refused_alike(on_server: Any, levels: int) -> None:
    nest = b'{"a":' * levels + b"1" + b"}" * levels
    body = b'{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":%s}' % nest

    async def scenario(call: Caller) -> None:
        await call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
        await call.clock.sleep(5)
        assert (await call("POST", WIDGETS, body)).status == 400
        assert (await call("PATCH", f"{WIDGETS}/a", body, patch="apply", fieldManager="m")).status == 400

    on_server(scenario)


@pytest.mark.parametrize("lists", [False, True])
def test_no_way_leads_deeper(on_server: Any, lists: bool) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
        await call.clock.sleep(5)
        deep = widget(MAX_DEPTH + 1, lists=lists)
        refused = await call("POST", WIDGETS, deep)
        assert refused.status == 400
        assert "exceeded max depth" in refused.message
        await call("POST", WIDGETS, {**deep, "spec": {}})

        assert (await call("PATCH", f"{WIDGETS}/w", {"spec": deep["spec"]}, patch="merge")).status == 400
        assert (await call("PATCH", f"{WIDGETS}/w", deep, patch="apply", fieldManager="me")).status == 400
        wrap = [{"op": "add", "path": "/spec", "value": {"a": nested(MAX_DEPTH // 2, lists=lists)}}]
        half = nested(MAX_DEPTH // 2, lists=False)
        wrap += [{"op": "add", "path": "/other", "value": half}]
        below = "/other" + "/a" * (MAX_DEPTH // 2 - 1) + "/a"
        assert (await call("PATCH", f"{WIDGETS}/w", wrap, patch="json")).status == 200
        moved = await call("PATCH", f"{WIDGETS}/w", [{"op": "move", "from": "/spec", "path": below}], patch="json")
        assert (moved.status, moved.message) == (400, "the object provided is unrecognized: exceeded max depth")

    on_server(scenario)
