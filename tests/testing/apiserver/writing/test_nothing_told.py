"""Nulls, empty maps, missing names and versions that are none: what a real kube-apiserver makes of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit.testing import Housekeeping

CORE = "/api/v1/namespaces/default"
MAPS, SECRETS, SERVICES = f"{CORE}/configmaps", f"{CORE}/secrets", f"{CORE}/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def _deployment(labels: Any, container: Any, selector: Any = None) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"a": "b"}, **(selector or {})}, "template": template}
    return {"metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(("field", "is_frozen"), [("data", False), ("binaryData", True)])
def test_immutable_maps_mind_an_empty_one(on_server: Callable[..., Any], field: str, is_frozen: bool) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("POST", MAPS, {"metadata": {"name": "a"}, "immutable": True})).status == 201
        for kind in ("merge", "strategic"):
            assert (await call("PATCH", f"{MAPS}/a", {field: {}}, patch=kind)).status == (422 if is_frozen else 200)
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, field: {}}
        applied = await call("PATCH", f"{MAPS}/a", config, patch="apply", fieldManager="m")
        assert applied.status == (422 if is_frozen else 200)

    on_server(scenario)


def test_immutable_secrets_mind_an_empty_map(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("POST", SECRETS, {"metadata": {"name": "a"}, "immutable": True})).status == 201
        refused = await call("PATCH", f"{SECRETS}/a", {"data": {}}, patch="merge")
        assert refused.message == ('Secret "a" is invalid: data: Forbidden: field is immutable when `immutable` is set')
        body = {"metadata": {"name": "a"}, "immutable": True, "data": None}
        assert (await call("PUT", f"{SECRETS}/a", body)).status == 200

    on_server(scenario)


@pytest.mark.parametrize(("labels", "shown"), [({}, "{}"), (None, "null")])
def test_labels_are_quoted_as_they_were_told(on_server: Callable[..., Any], labels: Any, shown: str) -> None:
    async def scenario(call: Any) -> None:
        refused = await call("POST", DEPLOYMENTS, _deployment(labels, {"name": "c", "image": "i"}))
        assert f"Invalid value: {shown}: `selector` does not match" in refused.message

    on_server(scenario)


def test_structs_are_quoted_in_gos_order(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        selector = {"matchExpressions": [{"operator": "Bogus", "key": "k"}], "matchLabels": {"a": "b"}}
        refused = await call("POST", DEPLOYMENTS, _deployment({"a": "b"}, {"name": "c", "image": "i"}, selector))
        shown = '{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"Bogus"}]}'
        assert f"spec.selector: Invalid value: {shown}: invalid label selector" in refused.message

    on_server(scenario)


def test_a_null_in_a_list_is_an_empty_item(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        refused = await call("POST", DEPLOYMENTS, _deployment({"a": "b"}, None))
        fields = [cause["field"] for cause in refused.body["details"]["causes"]]
        assert fields == [f"spec.template.spec.containers[0].{name}" for name in ("name", "image")]
        container = {"name": "c", "image": "i", "command": [None, "x"]}
        made = await call("POST", DEPLOYMENTS, _deployment({"a": "b"}, container))
        assert made.body["spec"]["template"]["spec"]["containers"][0]["command"] == ["", "x"]

    on_server(scenario)


def test_a_service_without_a_name_gets_no_address(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        refused = await call("POST", SERVICES, {"spec": {"clusterIP": "10.0.0.7"}})
        assert refused.message == (
            'Service "" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.7"]: failed to allocate IP 10.0.0.7: '
            'IPAddress.networking.k8s.io "10.0.0.7" is invalid: spec.parentRef.name: Required value'
        )
        refused = await call("POST", SERVICES, {})
        assert 'Invalid value: [""]: failed to allocate IP: IPAddress.networking.k8s.io "10.0.0.' in refused.message
        tried = await call("POST", SERVICES, {}, dryRun="All")
        assert [cause["field"] for cause in tried.body["details"]["causes"]] == ["metadata.name", "spec.ports"]

    on_server(scenario)


def test_a_version_that_is_none(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        metadata = {"name": "a", "resourceVersion": "x"}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        unread = 'strconv.ParseUint: parsing "x": invalid syntax'
        for query in ({"fieldManager": "m"}, {"fieldManager": "m", "force": "true"}):
            put = await call("PUT", f"{SERVICES}/a", service)
            applied = await call("PATCH", f"{SERVICES}/a", service, patch="apply", **query)
            assert [(answer.status, answer.message) for answer in (put, applied)] == [(500, unread), (500, unread)]
            # Of a new object nobody minds it.
            assert (await call("POST", SERVICES, service)).status in (201, 409)

    on_server(scenario)


def test_bytes_that_are_null_are_owned_and_written_anew(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        body: dict[str, Any] = {"metadata": {"name": "a"}, "data": {"a": ""}}
        first = await call("POST", SECRETS, body, fieldManager="m")
        body["data"]["a"] = None
        second = await call("PUT", f"{SECRETS}/a", body, fieldManager="x")
        assert second.body["data"] == {"a": ""}
        entries = second.body["metadata"]["managedFields"]
        owned = {entry["manager"]: entry["fieldsV1"].get("f:data") for entry in entries}
        assert owned == {"m": {}, "x": {"f:a": {}}}
        # They are stored in another way than empty ones, to which the next write makes them.
        versions = [first.version, second.version]
        versions += [(await call("PATCH", f"{SECRETS}/a", {}, patch="merge")).version for _ in range(2)]
        assert len(set(versions)) == 3
        assert versions[-1] == versions[-2]

    on_server(scenario)


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ([1, None], "merge", "AQA="),
        ([], "merge", ""),
        ([300], "strategic", "LA=="),
        ([1, "x"], "merge", "json: cannot unmarshal string into Go struct field ConfigMap.binaryData of type uint8"),
        ([300], "merge", "json: cannot unmarshal number 300 into Go struct field ConfigMap.binaryData of type uint8"),
        (["x"], "strategic", "unrecognized type: uint8"),
        (3, "merge", "json: cannot unmarshal number into Go struct field ConfigMap.binaryData of type []uint8"),
    ],
)
def test_bytes_may_be_a_list(on_server: Callable[..., Any], value: Any, kind: str, told: str) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("POST", MAPS, {"metadata": {"name": "a"}})).status == 201
        answer = await call("PATCH", f"{MAPS}/a", {"binaryData": {"b": value}}, patch=kind)
        if answer.status == 200:
            assert answer.body["binaryData"] == {"b": told}
        else:
            assert answer.message.endswith(f": {told}")

    on_server(scenario)


def test_a_health_check_gets_another_port_than_its_service(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]}
        made = await call("POST", SERVICES, {"metadata": {"name": "a"}, "spec": spec})
        assert made.body["spec"]["healthCheckNodePort"] != made.body["spec"]["ports"][0]["nodePort"]

    on_server(scenario, housekeeping=Housekeeping(node_ports=(30000, 30001)))


def test_a_deletion_that_takes_finalizers_away_first(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        made = await call("POST", MAPS, {"metadata": {"name": "a", "finalizers": ["orphan"]}})
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        tried = await call("DELETE", f"{MAPS}/a", {**options, "dryRun": ["All"]})
        assert tried.body == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}
        refused = await call("DELETE", f"{MAPS}/a", {**options, "preconditions": {"resourceVersion": made.version}})
        assert refused.message == (
            'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, '
            "Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
            f"ResourceVersion in precondition: , ResourceVersion in object meta: {made.version}"
        )
        assert (await call("DELETE", f"{MAPS}/a", options)).body["status"] == "Success"

    on_server(scenario)


def test_a_link_to_itself_counts_as_a_change_until_it_is_stored(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a"
        lease: dict[str, Any] = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}
        versions = []
        further: list[dict[str, Any]] = [{}, {"spec": {}}, {"spec": {}, "metadata": {"name": "a", "selfLink": "/x"}}]
        for more in further:
            answer = await call("PATCH", path, {**lease, **more}, patch="apply", fieldManager="m")
            versions.append(answer.version)
        assert len(set(versions)) == 3
        assert "selfLink" not in answer.body["metadata"]
        assert "time" in answer.body["metadata"]["managedFields"][0]

    on_server(scenario)
