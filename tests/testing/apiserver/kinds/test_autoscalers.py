"""A HorizontalPodAutoscaler is one object in two versions: v1 keeps in annotations what it has no fields for."""

from __future__ import annotations

import json
from typing import Any

from tests.testing.apiserver.conftest import Caller

V2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
V1 = V2.replace("v2", "v1", 1)
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
ANNOTATION = "autoscaling.alpha.kubernetes.io"


def cpu(percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


MEMORY = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}


def autoscaler(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": TARGET, "maxReplicas": 3, **spec}}


def test_the_share_of_cpu_is_a_metric_of_the_other_version(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        created = await call("POST", V1, autoscaler(targetCPUUtilizationPercentage=50))
        assert created.body["apiVersion"] == "autoscaling/v1"
        assert created.body["spec"]["targetCPUUtilizationPercentage"] == 50
        assert created.body["status"] == {"currentReplicas": 0, "desiredReplicas": 0}

        found = await call("GET", f"{V2}/a")
        assert (found.body["spec"]["metrics"], found.body["spec"]["minReplicas"]) == ([cpu(50)], 1)

        patch = {"spec": {"targetCPUUtilizationPercentage": None}}
        patched = await call("PATCH", f"{V1}/a", patch, patch="merge")
        assert patched.body["spec"]["targetCPUUtilizationPercentage"] == 80

    on_server(scenario)


def test_what_the_old_version_has_no_field_for_survives_a_write_by_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        behavior = {"scaleUp": {"stabilizationWindowSeconds": 3}}
        made = await call("POST", V2, autoscaler(metrics=[MEMORY, cpu(40)], behavior=behavior))
        found = (await call("GET", f"{V1}/a")).body

        annotations = {
            name.partition("/")[2]: json.loads(text) for name, text in found["metadata"]["annotations"].items()
        }
        assert annotations["metrics"] == [
            {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}}
        ]
        assert annotations["behavior"]["ScaleUp"]["StabilizationWindowSeconds"] == 3
        found["spec"]["targetCPUUtilizationPercentage"] = 60
        assert (await call("PUT", f"{V1}/a", found)).status == 200

        again = (await call("GET", f"{V2}/a")).body
        assert again["spec"]["metrics"] == [MEMORY, cpu(60)]
        assert again["spec"]["behavior"] == made.body["spec"]["behavior"]
        assert "annotations" not in again["metadata"]

    on_server(scenario)


def test_its_status_is_told_in_both(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", V2, autoscaler())
        usage = {"averageUtilization": 33, "averageValue": "100m"}
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": usage}}]
        status = {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": current}
        await call("PATCH", f"{V2}/a/status", {"status": status}, patch="merge")

        found = (await call("GET", f"{V1}/a")).body

        assert found["status"] == {"currentReplicas": 2, "desiredReplicas": 3, "currentCPUUtilizationPercentage": 33}
        assert list(found["metadata"]["annotations"]) == [f"{ANNOTATION}/current-metrics"]

    on_server(scenario)


def test_watches_and_lists_of_each_version_show_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        stream = await call.watch(V1, timeoutSeconds="1")
        await call("POST", V2, autoscaler(metrics=[cpu(40)]))

        (event,) = await call.events(stream)
        (listed,) = (await call("GET", V1)).body["items"]

        assert event["object"]["spec"] == listed["spec"]
        assert listed["spec"]["targetCPUUtilizationPercentage"] == 40

    on_server(scenario)


def test_each_owns_what_it_wrote_by_the_names_of_its_version(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", V1, autoscaler(targetCPUUtilizationPercentage=50), fieldManager="one")
        await call("PATCH", f"{V2}/a", {"spec": {"metrics": [cpu(60)]}}, patch="merge", fieldManager="two")

        entries = (await call("GET", f"{V1}/a")).body["metadata"]["managedFields"]

        owned = {e["manager"]: (e["apiVersion"], sorted(e["fieldsV1"]["f:spec"])) for e in entries}
        assert owned == {
            "one": ("autoscaling/v1", ["f:maxReplicas", "f:minReplicas", "f:scaleTargetRef"]),
            "two": ("autoscaling/v2", ["f:metrics"]),
        }

    on_server(scenario)


def test_an_event_is_owned_in_the_group_that_it_was_written_in(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        event = {
            "metadata": {"name": "e"},
            "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "R",
            "note": "n",
            "type": "Normal",
            "action": "A",
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "example.com/c",
            "reportingInstance": "i",
        }
        created = await call("POST", path, event)
        (entry,) = created.body["metadata"]["managedFields"]
        assert (entry["apiVersion"], "f:note" in entry["fieldsV1"]) == ("events.k8s.io/v1", True)

        labels = {"metadata": {"labels": {"a": "b"}}}
        changed = await call("PATCH", "/api/v1/namespaces/default/events/e", labels, patch="merge")
        # What was owned in the other group is forgotten.
        assert [entry["apiVersion"] for entry in changed.body["metadata"]["managedFields"]] == ["v1"]

    on_server(scenario)
