"""Pods that their one Node doesn't take wait, and say why."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

CORE = "/api/v1/namespaces/default"
NODE = "/api/v1/nodes/node-1"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0))
NO_HELP = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
CORDONED = f"0/1 nodes are available: 1 node(s) were unschedulable. {NO_HELP}"
TAINTED = f"0/1 nodes are available: 1 node(s) had untolerated taint(s). {NO_HELP}"
UNMATCHED = f"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. {NO_HELP}"
TAINT = {"key": "a", "value": "b", "effect": "NoSchedule"}


def requires(*terms: dict[str, Any]) -> dict[str, Any]:
    needed = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": needed}}


def label(operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "disk", "operator": operator, "values": list(values)}]}


async def pod(call: Caller, **spec: Any) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
    assert (await call("POST", f"{CORE}/pods", body)).status == 201
    await call.clock.sleep(2)


async def node(call: Caller, spec: dict[str, Any] | None = None, **metadata: Any) -> None:
    body = {"metadata": metadata, "spec": spec or {}}
    assert (await call("PATCH", NODE, body, patch="merge")).status == 200
    await call.clock.sleep(2)


async def seen(call: Caller) -> tuple[str, dict[str, Any]]:
    """Its phase, and its condition PodScheduled without times."""
    status = (await call("GET", f"{CORE}/pods/p")).body["status"]
    conditions = (c for c in status.get("conditions") or () if c["type"] == "PodScheduled")
    told = dict(next(conditions, {}))
    for name in ("type", "lastProbeTime", "lastTransitionTime"):
        told.pop(name, None)
    return status["phase"], told


async def warnings(call: Caller) -> list[tuple[str, str]]:
    events = (await call("GET", f"{CORE}/events")).body["items"]
    return [(event["reason"], event["message"]) for event in events if event["type"] == "Warning"]


def waits(message: str) -> tuple[str, dict[str, Any]]:
    told = {"status": "False", "reason": "Unschedulable", "message": message, "observedGeneration": 1}
    return "Pending", told


RUNS = ("Running", {"status": "True"})


def test_the_node_is_ready_for_everything(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        assert "taints" not in (await call("GET", NODE)).body["spec"]
        await pod(call)
        assert await seen(call) == RUNS
        assert await warnings(call) == []

    on_server(scenario, housekeeping=PLAYED)


def test_it_waits_until_the_node_is_uncordoned(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await node(call, {"unschedulable": True})
        await pod(call)
        assert await seen(call) == waits(CORDONED)
        assert await warnings(call) == [("FailedScheduling", CORDONED)]
        await node(call, labels={"any": "thing"})
        assert await warnings(call) == [("FailedScheduling", CORDONED)], "it is said once"
        await node(call, {"unschedulable": None})
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


def test_it_waits_for_the_node_itself(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        found = (await call("GET", NODE)).body
        await call("DELETE", NODE)
        await pod(call)
        assert await seen(call) == waits("no nodes available to schedule pods")
        metadata = {"name": "node-1", "labels": found["metadata"]["labels"]}
        await call("POST", "/api/v1/nodes", {"metadata": metadata, "status": found["status"]})
        await call.clock.sleep(2)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd"}),
        (requires(label("In", "ssd", "nvme")), {"disk": "nvme"}),
        (requires(label("Exists")), {"disk": ""}),
        (requires(label("Gt", "3")), {"disk": "4"}),
        (requires(label("In", "a"), label("In", "b")), {"disk": "b"}),
    ],
)
def test_it_waits_for_the_labels_that_it_selects(spec: dict[str, Any], labels: dict[str, str], on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await pod(call, **spec)
        assert await seen(call) == waits(UNMATCHED)
        await node(call, labels=labels)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize(
    "spec",
    [
        requires(label("NotIn", "ssd")),
        requires(label("DoesNotExist")),
        requires({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}),
        {"nodeSelector": {"kubernetes.io/os": "linux"}},
    ],
)
def test_it_runs_where_the_node_is_what_it_selects(spec: dict[str, Any], on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await pod(call, **spec)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], waits(TAINTED)),
        ([{"key": "a", "value": "other"}], waits(TAINTED)),
        ([{"key": "a", "value": "b", "effect": "NoExecute"}], waits(TAINTED)),
        ([{"key": "a", "value": "b"}], RUNS),
        ([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}], RUNS),
        ([{"operator": "Exists"}], RUNS),
    ],
)
def test_it_tolerates_taints_or_not(
    tolerations: list[dict[str, str]], expected: tuple[str, dict[str, Any]], on_server: Any
) -> None:
    async def scenario(call: Caller) -> None:
        await node(call, {"taints": [TAINT, {"key": "soft", "effect": "PreferNoSchedule"}]})
        await pod(call, tolerations=tolerations)
        assert await seen(call) == expected

    on_server(scenario, housekeeping=PLAYED)


def test_it_is_looked_at_again_when_it_changes(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await node(call, {"unschedulable": True, "taints": [TAINT]})
        await pod(call)
        tolerations = (await call("GET", f"{CORE}/pods/p")).body["spec"]["tolerations"]
        body = {"spec": {"tolerations": [*tolerations, {"operator": "Exists"}]}}
        assert (await call("PATCH", f"{CORE}/pods/p", body, patch="merge")).status == 200
        await call.clock.sleep(2)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


def test_it_waits_for_its_gates(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await pod(call, schedulingGates=[{"name": "one"}, {"name": "two"}])
        message = "Scheduling is blocked due to non-empty scheduling gates"
        gated = ("Pending", {"status": "False", "reason": "SchedulingGated", "message": message})
        assert await seen(call) == gated
        assert await warnings(call) == []
        body: dict[str, Any] = {"spec": {"schedulingGates": [{"name": "three"}]}}
        answer = await call("PATCH", f"{CORE}/pods/p", body, patch="merge")
        assert "only deletion is allowed, but found new scheduling gate 'three'" in answer.message
        binding = {"metadata": {"name": "p"}, "target": {"name": "node-1"}}
        assert (await call("POST", f"{CORE}/pods/p/binding", binding)).status == 409
        body["spec"]["schedulingGates"] = [{"name": "two"}]
        await call("PATCH", f"{CORE}/pods/p", body, patch="merge")
        await call.clock.sleep(2)
        assert await seen(call) == gated
        body["spec"]["schedulingGates"] = []
        await call("PATCH", f"{CORE}/pods/p", body, patch="merge")
        await call.clock.sleep(2)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


def test_it_waits_for_its_claim(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await pod(call, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])
        missing = f'0/1 nodes are available: persistentvolumeclaim "data" not found. {NO_HELP}'
        assert await seen(call) == waits(missing)
        storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        await call("POST", f"{CORE}/persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": storage})
        await call.clock.sleep(2)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


def test_another_scheduler_has_its_own_pods(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await pod(call, schedulerName="mine")
        assert await seen(call) == ("Pending", {})
        await call("POST", f"{CORE}/pods/p/binding", {"metadata": {"name": "p"}, "target": {"name": "node-1"}})
        await call.clock.sleep(2)
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)


def test_a_daemon_set_runs_on_a_cordoned_node(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await node(call, {"unschedulable": True})
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        await call("POST", "/apis/apps/v1/namespaces/default/daemonsets", {"metadata": {"name": "d"}, "spec": spec})
        await call.clock.sleep(2)
        (made,) = (await call("GET", f"{CORE}/pods")).body["items"]
        assert made["status"]["phase"] == "Running"
        tolerated = {(told["key"], told["effect"]) for told in made["spec"]["tolerations"]}
        assert ("node.kubernetes.io/unschedulable", "NoSchedule") in tolerated
        assert len(made["spec"]["tolerations"]) == 6

    on_server(scenario, housekeeping=PLAYED)


def test_pods_that_wait_are_looked_at_after_a_restore(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await node(call, {"unschedulable": True})
        await pod(call)
        snapshot = call.server.snapshot()
        await node(call, {"unschedulable": None})
        assert await seen(call) == RUNS
        call.server.restore(snapshot)
        await call.clock.sleep(2)
        assert await seen(call) == waits(CORDONED)
        await node(call, {"unschedulable": None})
        assert await seen(call) == RUNS

    on_server(scenario, housekeeping=PLAYED)
