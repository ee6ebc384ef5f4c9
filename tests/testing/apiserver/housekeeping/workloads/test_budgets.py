"""PodDisruptionBudgets: counted, and kept to by evictions."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0))


async def deploy(call: Caller, replicas: int) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    assert (await call("POST", DEPLOYMENTS, {"metadata": {"name": "x"}, "spec": spec})).status == 201


async def budget(call: Caller, **spec: Any) -> None:
    body = {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"app": "x"}}, **spec}}
    assert (await call("POST", BUDGETS, body)).status == 201


async def status(call: Caller) -> dict[str, Any]:
    found: dict[str, Any] = (await call("GET", f"{BUDGETS}/x")).body["status"]
    return found


async def evict_one(call: Caller) -> int:
    pods = (await call("GET", PODS)).body["items"]
    name = next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return (await call("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": name}})).status


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 2, 2),
        ({"minAvailable": "60%"}, 3, 1),
        ({"maxUnavailable": 1}, 3, 1),
        ({"maxUnavailable": "30%"}, 2, 2),
        ({"maxUnavailable": 9}, 0, 4),
        ({"minAvailable": 9}, 9, 0),
    ],
)
def test_the_status_says_how_many_may_go(spec: dict[str, Any], desired: int, allowed: int, on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await budget(call, **spec)
        await call.clock.sleep(0.1)
        assert (await status(call))["disruptionsAllowed"] == 0
        await deploy(call, 4)
        await call.clock.sleep(3)
        told = await status(call)
        (condition,) = told.pop("conditions")
        assert told == {
            "currentHealthy": 4,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": 4,
            "observedGeneration": 1,
        }
        expected = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        assert (condition["type"], condition["status"], condition["reason"]) == ("DisruptionAllowed", *expected)

    on_server(scenario, housekeeping=PLAYED)


def test_evictions_keep_to_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await deploy(call, 3)
        await budget(call, minAvailable=2)
        await call.clock.sleep(3)
        assert [await evict_one(call), await evict_one(call)] == [201, 429]
        await call.clock.sleep(0.1)
        assert (await status(call))["disruptionsAllowed"] == 0
        await call.clock.sleep(3)
        assert (await status(call))["disruptionsAllowed"] == 1, "another Pod is there"
        assert "disruptedPods" not in await status(call)
        assert await evict_one(call) == 201

    on_server(scenario, housekeeping=PLAYED)


def test_nobody_tells_how_many_pods_there_ought_to_be(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await budget(call, maxUnavailable=1)
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "1", "controller": True}
        metadata = {"name": "p", "labels": {"app": "x"}, "ownerReferences": [owner]}
        spec = {"containers": [{"name": "c", "image": "i"}]}
        await call("POST", PODS, {"metadata": metadata, "spec": spec})
        await call.clock.sleep(0.1)
        (condition,) = (await status(call))["conditions"]
        assert (condition["reason"], condition["message"]) == ("SyncFailed", 'found no controllers for pod "p"')

    on_server(scenario, housekeeping=Housekeeping(workloads=Workloads(), garbage_collection=False))
