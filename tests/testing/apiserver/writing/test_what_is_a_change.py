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
