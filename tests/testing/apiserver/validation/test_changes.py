"""What may not become of objects, as a real kube-apiserver v1.37.2 says it."""

from __future__ import annotations

import time
from typing import Any

import pytest

NAMESPACE = "/namespaces/default"
EVENTS = f"/apis/events.k8s.io/v1{NAMESPACE}/events"
CORE_EVENTS = f"/api/v1{NAMESPACE}/events"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
EVENT = {
    "metadata": {"name": "a"},
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingController": "a/b",
    "reportingInstance": "i",
    "action": "x",
    "reason": "r",
    "regarding": {"kind": "Pod", "namespace": "default", "name": "x"},
    "note": "n",
    "type": "Normal",
}
OTHER_POD = (
    '{"Kind":"Pod","Namespace":"default","Name":"y","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}'
)


@pytest.mark.parametrize(
    ("patch", "field", "shown"),
    [
        ({"reason": "z"}, "reason", '"z"'),
        ({"note": "z"}, "message", '"z"'),
        ({"type": "Warning"}, "type", '"Warning"'),
        ({"deprecatedCount": 9}, "count", "9"),
        ({"deprecatedSource": {"component": "c"}}, "source", '{"Component":"c","Host":""}'),
        ({"regarding": {"name": "y"}}, "involvedObject", OTHER_POD),
        ({"reportingController": "q/r"}, "reportingController", '"q/r"'),
        ({"eventTime": "2026-01-02T00:00:00.000000Z"}, "eventTime", '"2026-01-02T00:00:00.000000Z"'),
    ],
)
def test_events_of_the_newer_group_stay_as_they_are(on_server: Any, patch: Any, field: str, shown: str) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("POST", EVENTS, EVENT)).status == 201
        refused = await call("PATCH", f"{EVENTS}/a", patch, patch="merge")
        why = f'Event "a" is invalid: {field}: Invalid value: {shown}: field is immutable'
        assert (refused.status, refused.message) == (422, why)
        assert (await call("PATCH", f"{CORE_EVENTS}/a", {"reason": "z"}, patch="merge")).status == 200

    on_server(scenario)


def test_a_series_is_looked_at_where_it_changes(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        old = {"metadata": {"name": "a"}, "involvedObject": {"namespace": "default"}, "series": {"count": 1}}
        assert (await call("POST", CORE_EVENTS, old)).status == 201
        labels = {"metadata": {"labels": {"a": "b"}}}
        assert (await call("PATCH", f"{EVENTS}/a", labels, patch="merge")).status == 200
        refused = await call("PATCH", f"{EVENTS}/a", {"series": {"count": 0}}, patch="merge")
        assert refused.message == (
            'Event "a" is invalid: [series.count: Invalid value: "": should be at least 2, '
            "series.lastObservedTime: Required value]"
        )

    on_server(scenario)


@pytest.mark.parametrize(
    ("status", "causes"),
    [
        (
            {"replicas": 1, "readyReplicas": 3},
            "readyReplicas: Invalid value: 3: cannot be greater than status.replicas",
        ),
        ({"replicas": -1}, "replicas: Invalid value: -1: must be greater than or equal to 0"),
    ],
)
def test_a_replication_controller_counts_no_more_than_it_has(on_server: Any, status: Any, causes: str) -> None:
    async def scenario(call: Any) -> None:
        path = f"/api/v1{NAMESPACE}/replicationcontrollers"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"replicas": 0, "selector": {"a": "b"}, "template": template}
        assert (await call("POST", path, {"metadata": {"name": "a"}, "spec": spec})).status == 201
        refused = await call("PATCH", f"{path}/a/status", {"status": status}, patch="merge")
        assert refused.status == 422
        assert f"status.{causes}" in refused.message

    on_server(scenario)


def test_a_policy_without_ranges_knows_none(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        path = f"/apis/networking.k8s.io/v1{NAMESPACE}/networkpolicies"
        spec: dict[str, Any] = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
        assert (await call("POST", path, {"metadata": {"name": "a"}, "spec": spec})).status == 201
        block = {"cidr": "10.0.0.0/8", "except": [""]}
        changed = {"spec": {"ingress": [{"from": [{"ipBlock": block}]}]}}
        refused = await call("PATCH", f"{path}/a", changed, patch="merge")
        assert (refused.status, "must be a valid CIDR value" in refused.message) == (422, True)

    on_server(scenario)


def test_a_path_of_slashes_is_answered_soon(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        service = {"name": "a", "namespace": "b", "path": "/" * 500_000}
        hook = {"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"]}
        before = time.process_time()
        body = {"metadata": {"name": "a"}, "webhooks": [{**hook, "clientConfig": {"service": service}}]}
        assert (await call("POST", WEBHOOKS, body)).status == 422
        assert time.process_time() - before < 3

    on_server(scenario)


def test_scopes_of_a_quota_are_looked_at_soon(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        path = f"/api/v1{NAMESPACE}/resourcequotas"
        hard = {f"requests.hugepages-{i}Mi": "1" for i in range(300)}
        expressions = [{"scopeName": "PriorityClass", "operator": "Exists"}] * 300
        before = time.process_time()
        for spec in ({"scopes": ["Foo"] * 2000}, {"hard": hard, "scopeSelector": {"matchExpressions": expressions}}):
            refused = await call("POST", path, {"metadata": {"name": "a"}, "spec": spec})
            assert (refused.status, len(refused.body["details"]["causes"])) == (422, 1)
        assert time.process_time() - before < 3

    on_server(scenario)
