"""Which writes change a custom object, and what of it is stored; as a real kube-apiserver answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller


async def _one(call: Caller, widgets: str, spec: dict[str, Any]) -> str:
    await call.define_widgets()
    obj = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec}
    created = await call("POST", widgets, obj)
    assert (created.status, created.body["metadata"]["generation"]) == (201, 1)
    return created.version


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (0, False), (False, 0), ([1], [True])])
def test_a_bool_is_no_number(on_server: Any, widgets: str, before: Any, after: Any) -> None:
    async def scenario(call: Caller) -> None:
        version = await _one(call, widgets, {"v": before})
        changed = await call("PATCH", f"{widgets}/a", {"spec": {"v": after}}, patch="merge")
        assert repr(changed.body["spec"]) == repr({"v": after})
        assert (changed.body["metadata"]["generation"], changed.version) != (1, version)

    on_server(scenario)


def test_a_bool_in_a_status_is_no_number(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await _one(call, widgets, {})
        for value in (1, True, 0, False):
            changed = await call("PATCH", f"{widgets}/a/status", {"status": {"v": value}}, patch="merge")
            assert repr(changed.body["status"]) == repr({"v": value})
            assert changed.body["metadata"]["generation"] == 1

    on_server(scenario)


@pytest.mark.parametrize(("there", "told"), [(0, False), (1, True), (3, 3.0), ({"a": 1}, {"a": True})])
def test_a_json_patch_tells_values_apart(on_server: Any, widgets: str, there: Any, told: Any) -> None:
    async def scenario(call: Caller) -> None:
        await _one(call, widgets, {"v": there})
        for value, code in ((told, 422), (there, 200)):
            test = [{"op": "test", "path": "/spec/v", "value": value}]
            assert (await call("PATCH", f"{widgets}/a", test, patch="json")).status == code

    on_server(scenario)


def test_a_whole_float_is_another_wish_and_no_other_content(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await _one(call, widgets, {"v": 5})
        wished = await call("PATCH", f"{widgets}/a", b'{"spec":{"v":5.0}}', patch="merge")
        assert (repr(wished.body["spec"]), wished.body["metadata"]["generation"]) == ("{'v': 5}", 2)
        told = await call("PATCH", f"{widgets}/a/status", b'{"status":{"v":5.0,"w":1e16}}', patch="merge")
        again = await call("PATCH", f"{widgets}/a/status", b'{"status":{"v":5.0}}', patch="merge")
        assert (repr(again.body["status"]), again.version) == (f"{{'v': 5, 'w': {10**16}}}", told.version)

    on_server(scenario)


def test_a_definitions_numbers_are_written_as_go_writes_them(on_server: Any) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    number = {"type": "number", "minimum": 1.0, "multipleOf": 0.5, "default": 5.0, "enum": [5.0, 6]}

    async def scenario(call: Caller) -> None:
        definition = await call.define_widgets()
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["number"] = number
        changed = await call("PUT", f"{path}/widgets.example.com", definition)
        found = changed.body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["number"]
        assert repr(found) == repr({**number, "minimum": 1, "default": 5, "enum": [5, 6]})

    on_server(scenario)
