"""Quotas bind the controllers, too: what they may not make is told, and made as soon as there is room."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

APPS = "/apis/apps/v1/namespaces/default"
BATCH = "/apis/batch/v1/namespaces/default"
CORE = "/api/v1/namespaces/default"
QUOTA = f"{CORE}/resourcequotas/q"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0))
CONTAINERS = [{"name": "c", "image": "i"}]
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": CONTAINERS}}
WORKLOAD = {"selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}


async def make(call: Caller, path: str, **spec: Any) -> None:
    assert (await call("POST", path, {"metadata": {"name": "x"}, "spec": spec})).status == 201
    await call.clock.sleep(3)


async def limit(call: Caller, **hard: str) -> None:
    body = {
        "metadata": {"name": "q"},
        "spec": {"hard": {name.replace("__", "/"): count for name, count in hard.items()}},
    }
    assert (await call("POST", f"{CORE}/resourcequotas", body)).status == 201


async def widen(call: Caller, name: str, count: str) -> None:
    assert (await call("PATCH", QUOTA, {"spec": {"hard": {name: count}}}, patch="merge")).status == 200
    await call.clock.sleep(3)


async def items(call: Caller, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await call("GET", path)).body["items"]
    return found


async def pods(call: Caller) -> int:
    return len(await items(call, f"{CORE}/pods"))


async def warnings(call: Caller) -> list[tuple[str, str, str]]:
    """What each is about, its reason, and its message up to the first name that is made up."""
    events = [event for event in await items(call, f"{CORE}/events") if event["type"] == "Warning"]
    return [(event["involvedObject"]["kind"], event["reason"], event["message"]) for event in events]


async def failure(call: Caller, path: str, kind: str = "ReplicaFailure") -> dict[str, Any] | None:
    (found,) = await items(call, path)
    conditions = found["status"].get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), None)


def test_a_replica_set_makes_no_more_pods_than_it_may(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, pods="1")
        await make(call, f"{APPS}/deployments", replicas=3, **WORKLOAD)
        assert await pods(call) == 1
        assert (await call("GET", QUOTA)).body["status"] == {"hard": {"pods": "1"}, "used": {"pods": "1"}}
        ((kind, reason, message),) = await warnings(call)
        assert (kind, reason) == ("ReplicaSet", "FailedCreate")
        assert message.startswith('Error creating: pods "x-')
        assert message.endswith("is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1")
        of_set = await failure(call, f"{APPS}/replicasets")
        of_deployment = await failure(call, f"{APPS}/deployments")
        assert of_set is not None
        assert (of_set["status"], of_set["reason"]) == ("True", "FailedCreate")
        assert f"Error creating: {of_set['message']}" == message
        assert of_deployment == {**of_set, "lastUpdateTime": of_set["lastTransitionTime"]}

        await widen(call, "pods", "2")
        assert await pods(call) == 2
        await call("DELETE", QUOTA)
        await call.clock.sleep(3)
        assert await pods(call) == 3
        assert await failure(call, f"{APPS}/replicasets") is None
        assert await failure(call, f"{APPS}/deployments") is None

    on_server(scenario, housekeeping=PLAYED)


def test_room_that_others_make_is_used(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, pods="2")
        other = {"metadata": {"name": "other"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        await call("POST", f"{CORE}/pods", other)
        await make(call, f"{APPS}/replicasets", replicas=2, **WORKLOAD)
        assert await pods(call) == 2
        await call("DELETE", f"{CORE}/pods/other")
        await call.clock.sleep(3)
        assert sorted(pod["metadata"]["name"][:2] for pod in await items(call, f"{CORE}/pods")) == ["x-", "x-"]
        assert await failure(call, f"{APPS}/replicasets") is None

    on_server(scenario, housekeeping=PLAYED)


def test_nothing_happens_while_there_is_no_room(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, pods="1")
        await make(call, f"{APPS}/deployments", replicas=3, **WORKLOAD)
        await call.clock.sleep(60)
        before = (await call("GET", f"{CORE}/pods")).version
        await call.clock.sleep(500)
        assert (await call("GET", f"{CORE}/pods")).version == before

    on_server(scenario, housekeeping=PLAYED)


def test_a_deployment_may_have_no_replica_set(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, **{"count__replicasets.apps": "0"})
        await make(call, f"{APPS}/deployments", replicas=1, **WORKLOAD)
        ((kind, reason, message),) = await warnings(call)
        assert (kind, reason) == ("Deployment", "ReplicaSetCreateError")
        assert message.startswith('Failed to create new replica set "x-')
        assert "is forbidden: exceeded quota: q, requested: count/replicasets.apps=1" in message
        condition = await failure(call, f"{APPS}/deployments", "Progressing")
        assert condition is not None
        told = (condition["status"], condition["reason"], condition["message"])
        assert told == ("False", "ReplicaSetCreateError", message)
        await widen(call, "count/replicasets.apps", "1")
        assert await pods(call) == 1
        condition = await failure(call, f"{APPS}/deployments", "Progressing")
        assert condition is not None
        assert condition["reason"] == "NewReplicaSetAvailable"

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize(
    ("path", "spec", "kind", "message"),
    [
        (f"{BATCH}/jobs", {"completions": 3, "parallelism": 3}, "Job", 'Error creating: pods "x-'),
        (
            f"{APPS}/statefulsets",
            {"replicas": 2, "serviceName": "x"},
            "StatefulSet",
            "Create Pod x-1 in StatefulSet x failed",
        ),
    ],
)
def test_other_workloads_wait_for_room_too(
    path: str, spec: dict[str, Any], kind: str, message: str, on_server: Any
) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, count__pods="1")
        template = {**TEMPLATE, "spec": {"containers": CONTAINERS, "restartPolicy": "Never"}}
        await make(call, path, **{**({"template": template} if kind == "Job" else WORKLOAD), **spec})
        assert await pods(call) == 1
        ((about, reason, said),) = await warnings(call)
        assert (about, reason) == (kind, "FailedCreate")
        assert said.startswith(message)
        await widen(call, "count/pods", "5")
        assert await pods(call) == spec.get("parallelism", spec.get("replicas"))

    on_server(scenario, housekeeping=PLAYED)


def test_a_stateful_sets_pod_waits_for_its_claim(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, persistentvolumeclaims="0")
        storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claims = [{"metadata": {"name": "data"}, "spec": storage}]
        await make(call, f"{APPS}/statefulsets", replicas=1, serviceName="x", volumeClaimTemplates=claims, **WORKLOAD)
        assert await pods(call) == 0
        said = [message for _, _, message in await warnings(call)]
        assert any(
            message.startswith("Create Claim data-x-0 for Pod x-0 in StatefulSet x failed error: ") for message in said
        )
        assert any(message.startswith("Create Pod x-0 in StatefulSet x failed error: ") for message in said)
        await call.clock.sleep(60)
        assert len(await warnings(call)) == 2
        await widen(call, "persistentvolumeclaims", "1")
        assert await pods(call) == 1

    on_server(scenario, housekeeping=PLAYED)


def test_a_cron_job_may_have_no_job(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, **{"count__jobs.batch": "0"})
        template = {"spec": {"containers": CONTAINERS, "restartPolicy": "Never"}}
        await make(call, f"{BATCH}/cronjobs", schedule="* * * * *", jobTemplate={"spec": {"template": template}})
        await call.clock.sleep(60)
        ((kind, reason, message),) = await warnings(call)
        assert (kind, reason) == ("CronJob", "FailedCreate")
        assert message.startswith('Error creating job: jobs.batch "x-')
        await widen(call, "count/jobs.batch", "1")
        assert len(await items(call, f"{BATCH}/jobs")) == 1

    on_server(scenario, housekeeping=PLAYED)


def test_a_namespace_that_goes_is_no_refusal(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        path = "/apis/apps/v1/namespaces/n/deployments"
        body = {"metadata": {"name": "x", "finalizers": ["a/b"]}, "spec": {"replicas": 1, **WORKLOAD}}
        assert (await call("POST", path, body)).status == 201
        await call.clock.sleep(3)
        await call("DELETE", "/api/v1/namespaces/n")
        await call("PATCH", f"{path}/x", {"metadata": {"labels": {"a": "b"}}}, patch="merge")
        await call.clock.sleep(30)
        assert await items(call, "/api/v1/namespaces/n/events") == []

    on_server(scenario, housekeeping=PLAYED)
