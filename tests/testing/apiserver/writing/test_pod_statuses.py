"""What a write to a Pod's status may leave out, and nothing is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

PODS = "/api/v1/namespaces/default/pods"


def condition(status: str, generation: int | None = None, kind: str = "Ready") -> dict[str, Any]:
    told = {} if generation is None else {"observedGeneration": generation}
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": None, **told}


async def put(call: Caller, status: dict[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"metadata": {"name": "p"}}
    if status is not None:
        body["status"] = status
    answer = await call("PUT", f"{PODS}/p/status", body)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body["status"]
    return found


@pytest.mark.parametrize("told", [None, {}, {"observedGeneration": 0}])
def test_quality_and_generation_are_kept(told: dict[str, Any] | None, on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
        assert await put(call, {"phase": "Running"}) == {"phase": "Running", "qosClass": "BestEffort"}
        await put(call, {"phase": "Running", "observedGeneration": 1})
        kept = await put(call, told)
        assert (kept["qosClass"], kept["observedGeneration"]) == ("BestEffort", 1)
        wrong = {"metadata": {"name": "p"}, "status": {"qosClass": "Burstable"}}
        assert "status.qosClass: Invalid value" in (await call("PUT", f"{PODS}/p/status", wrong)).message

    on_server(scenario)


def test_conditions_keep_their_generations_by_type_and_order(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
        await put(call, {"conditions": [condition("True", 1), condition("False", 2)]})
        told = [condition("True"), condition("True", 3), condition("True"), condition("True", kind="Other")]
        kept = await put(call, {"conditions": told})
        assert [one.get("observedGeneration") for one in kept["conditions"]] == [1, 3, None, None]

    on_server(scenario)
