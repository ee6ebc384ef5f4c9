"""Scheduling gates: what hold Pods back, in the words of a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

PODS = "/api/v1/namespaces/default/pods"


def pod(*gates: str, **spec: Any) -> dict[str, Any]:
    told = {"containers": [{"name": "c", "image": "i"}], "schedulingGates": [{"name": name} for name in gates]}
    return {"metadata": {"name": "p"}, "spec": {**told, **spec}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (pod("one", "one"), 'spec.schedulingGates[1]: Duplicate value: "one"'),
        (
            pod("one", nodeName="n"),
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
        (pod("A_"), 'spec.schedulingGates[0]: Invalid value: "A_": name part must consist of alphanumeric characters'),
        (pod(""), 'spec.schedulingGates[0]: Invalid value: "": name part must be non-empty'),
    ],
)
def test_wrong_gates_are_refused(body: dict[str, Any], expected: str, on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", PODS, body)
        assert answer.status == 422
        assert expected in answer.message

    on_server(scenario)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"schedulingGates": [{"name": "two"}]}, ""),
        ({"schedulingGates": []}, ""),
        ({"schedulingGates": [{"name": "three"}]}, "only deletion is allowed, but found new scheduling gate 'three'"),
        ({"schedulingGates": [{}]}, "only deletion is allowed, but found new scheduling gate ''"),
        ({"nodeSelector": {"a": "b", "c": "d"}}, ""),
        ({"nodeSelector": {"a": "c"}}, 'Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed'),
        ({"nodeSelector": None}, "Invalid value: null: only additions to spec.nodeSelector are allowed"),
    ],
)
def test_a_gated_pod_may_be_told_where_to_run(change: dict[str, Any], expected: str, on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, pod("one", "two", nodeSelector={"a": "b"}))
        answer = await call("PATCH", f"{PODS}/p", {"spec": change}, patch="merge")
        assert answer.status == (422 if expected else 200)
        assert expected in answer.body.get("message", "")

    on_server(scenario)


def test_a_pod_without_gates_keeps_its_selector(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, pod())
        answer = await call("PATCH", f"{PODS}/p", {"spec": {"nodeSelector": {"a": "b"}}}, patch="merge")
        assert answer.status == 422
        assert "pod updates may not change fields other than" in answer.message

    on_server(scenario)
