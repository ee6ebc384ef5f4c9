"""StatefulSets, DaemonSets and Jobs."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from reconcilekit.testing.apiserver.housekeeping.workloads.indexes import ranges
from tests.testing.apiserver.conftest import Caller

APPS = "/apis/apps/v1/namespaces/default"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0, completes_after=5.0))


def template(image: str = "nginx:1", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": image}], **spec}}


def workload(**spec: Any) -> dict[str, Any]:
    body = {"selector": {"matchLabels": {"app": "x"}}, "template": template(), **spec}
    return {"metadata": {"name": "x"}, "spec": body}


async def pods(call: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await call("GET", PODS)).body["items"]
    return found


async def names(call: Caller) -> list[str]:
    return [pod["metadata"]["name"] for pod in await pods(call)]


def test_a_stateful_set_goes_in_order(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/statefulsets", workload(replicas=3, serviceName="x"))
        counted = []
        for _ in range(3):
            await call.clock.sleep(1.1)
            counted.append(await names(call))
        assert counted == [["x-0", "x-1"], ["x-0", "x-1", "x-2"], ["x-0", "x-1", "x-2"]]
        await call.clock.sleep(2)
        status = (await call("GET", f"{APPS}/statefulsets/x")).body["status"]
        assert (status["readyReplicas"], status["updatedReplicas"], status["collisionCount"]) == (3, 3, 0)
        first = (await pods(call))[0]["metadata"]["labels"]
        assert first["statefulset.kubernetes.io/pod-name"] == "x-0"
        assert first["controller-revision-hash"] == status["updateRevision"] == status["currentRevision"]

        await call("PATCH", f"{APPS}/statefulsets/x", {"spec": {"replicas": 1}}, patch="merge")
        await call.clock.sleep(3)
        assert await names(call) == ["x-0"]

    on_server(scenario, housekeeping=PLAYED)


def test_a_stateful_set_is_renewed_from_its_end(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/statefulsets", workload(replicas=2, serviceName="x"))
        await call.clock.sleep(5)
        await call("PATCH", f"{APPS}/statefulsets/x", {"spec": {"template": template("nginx:2")}}, patch="merge")
        await call.clock.sleep(1.7)
        images = [pod["spec"]["containers"][0]["image"] for pod in await pods(call)]
        assert images == ["nginx:1", "nginx:2"]
        await call.clock.sleep(5)
        images = [pod["spec"]["containers"][0]["image"] for pod in await pods(call)]
        assert images == ["nginx:2", "nginx:2"]
        status = (await call("GET", f"{APPS}/statefulsets/x")).body["status"]
        assert status["currentRevision"] == status["updateRevision"]

    on_server(scenario, housekeeping=PLAYED)


def test_a_stateful_sets_volume_claims_outlive_its_pods(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        claims = "/api/v1/namespaces/default/persistentvolumeclaims"
        storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        body = workload(replicas=2, serviceName="x")
        body["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": storage}]
        body["spec"]["template"]["spec"]["volumes"] = [
            {"name": "data", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
        ]
        assert (await call("POST", f"{APPS}/statefulsets", body)).status == 201
        await call.clock.sleep(3)
        first = (await pods(call))[0]["spec"]["volumes"]
        assert first == [
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-x-0"}},
            {"name": "tmp", "emptyDir": {}},
        ]
        found = (await call("GET", claims)).body["items"]
        assert [claim["metadata"]["name"] for claim in found] == ["data-x-0", "data-x-1"]
        assert found[0]["metadata"]["labels"] == {"app": "x"}
        await call("DELETE", f"{APPS}/statefulsets/x")
        await call.clock.sleep(3)
        assert await names(call) == []
        assert len((await call("GET", claims)).body["items"]) == 2

    on_server(scenario, housekeeping=PLAYED)


def test_a_daemon_set_has_a_pod_on_every_node(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/daemonsets", workload())
        await call.clock.sleep(3)
        status = (await call("GET", f"{APPS}/daemonsets/x")).body["status"]
        assert (status["desiredNumberScheduled"], status["numberReady"], status["updatedNumberScheduled"]) == (1, 1, 1)
        await call("DELETE", "/api/v1/nodes/node-1")
        await call.clock.sleep(3)
        assert await names(call) == []

    on_server(scenario, housekeeping=PLAYED)


def test_a_job_completes(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        spec = {"completions": 3, "parallelism": 2, "template": template(restartPolicy="Never")}
        await call("POST", JOBS, {"metadata": {"name": "j"}, "spec": spec | {"ttlSecondsAfterFinished": 60}})
        await call.clock.sleep(3)
        status = (await call("GET", f"{JOBS}/j")).body["status"]
        assert (status["active"], status["ready"]) == (2, 2)
        await call.clock.sleep(10)
        status = (await call("GET", f"{JOBS}/j")).body["status"]
        assert (status["succeeded"], status["completionTime"]) == (3, "2025-01-01T00:00:10Z")
        assert [(c["type"], c["reason"]) for c in status["conditions"]] == [
            ("SuccessCriteriaMet", "CompletionsReached"),
            ("Complete", "CompletionsReached"),
        ]
        assert {pod["status"]["phase"] for pod in await pods(call)} == {"Succeeded"}
        await call.clock.sleep(60)
        assert (await call("GET", f"{JOBS}/j")).status == 404
        assert await names(call) == []

    on_server(scenario, housekeeping=PLAYED)


def test_nothing_is_at_work_once_everything_has_settled(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/statefulsets", workload(replicas=2, serviceName="x"))
        await call.clock.sleep(60)
        before = call.server.revision
        await call.clock.sleep(86400)
        assert call.server.revision == before

    on_server(scenario, housekeeping=Housekeeping(workloads=Workloads(), event_ttl=None))


INDEX = "batch.kubernetes.io/job-completion-index"


def test_an_indexed_job_has_a_pod_for_each_index(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        spec: dict[str, Any] = {"completions": 4, "parallelism": 2, "completionMode": "Indexed"}
        spec["template"] = template(restartPolicy="Never")
        await call("POST", JOBS, {"metadata": {"name": "j"}, "spec": spec})
        await call.clock.sleep(3)
        first, second = await pods(call)
        for index, pod in enumerate((first, second)):
            metadata = pod["metadata"]
            assert metadata["name"].startswith(f"j-{index}-")
            assert metadata["labels"][INDEX] == metadata["annotations"][INDEX] == str(index)
            assert pod["spec"]["hostname"] == f"j-{index}"
            (variable,) = pod["spec"]["containers"][0]["env"]
            field = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
            assert variable == {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}}
        path = f"{PODS}/{first['metadata']['name']}/status"
        await call("PATCH", path, {"status": {"phase": "Failed"}}, patch="merge")
        await call.clock.sleep(3)
        status = (await call("GET", f"{JOBS}/j")).body["status"]
        assert (status["succeeded"], status["failed"], status["completedIndexes"]) == (1, 1, "1")
        await call.clock.sleep(20)
        status = (await call("GET", f"{JOBS}/j")).body["status"]
        assert (status["succeeded"], status["completedIndexes"]) == (4, "0-3")
        indexes = sorted(pod["metadata"]["annotations"][INDEX] for pod in await pods(call))
        assert indexes == ["0", "0", "1", "2", "3"]

    on_server(scenario, housekeeping=PLAYED)


def test_an_indexed_job_costs_what_it_runs_and_not_what_it_is_to_run(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
        spec = {"completions": 2_000_000_000, "parallelism": 2, "completionMode": "Indexed", "template": {"spec": pod}}
        assert (await call("POST", JOBS, {"metadata": {"name": "j"}, "spec": spec})).status == 201

        await call.clock.sleep(8)

        assert (await call("GET", f"{JOBS}/j")).body["status"]["completedIndexes"] == "0,1"
        indexes = [
            pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] for pod in await pods(call)
        ]
        assert sorted(indexes) == ["0", "1", "2", "3"]

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize("index", ["²", "9" * 5000, "-1", ""])
def test_a_pod_whose_index_is_none_is_for_none(on_server: Any, index: str) -> None:
    async def scenario(call: Caller) -> None:
        pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
        spec = {"completions": 1, "completionMode": "Indexed", "template": {"spec": pod}}
        await call("POST", JOBS, {"metadata": {"name": "j"}, "spec": spec})
        await call.clock.sleep(1)
        (made,) = await names(call)
        told = {"metadata": {"annotations": {"batch.kubernetes.io/job-completion-index": index}}}

        assert (await call("PATCH", f"{PODS}/{made}", told, patch="merge")).status == 200

        await call.clock.sleep(20)
        assert (await call("GET", f"{JOBS}/j")).body["status"]["completedIndexes"] == "0"

    on_server(scenario, housekeeping=PLAYED)


@pytest.mark.parametrize(
    ("found", "told"), [([], ""), ([3], "3"), ([0, 1], "0,1"), ([0, 1, 2], "0-2"), ([5, 1, 3, 4, 7, 8], "1,3-5,7,8")]
)
def test_indexes_are_told_in_ranges(found: list[int], told: str) -> None:
    assert ranges(found) == told
