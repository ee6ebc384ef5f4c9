"""What managedFields become: their order and times, what clients say of them, and what goes over into them."""

from __future__ import annotations

import json
from typing import Any

import pytest

MAPS = "/api/v1/namespaces/default/configmaps"
A = f"{MAPS}/a"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def entries(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.body["metadata"].get("managedFields", [])
    return found


def managers(answer: Any) -> list[str]:
    return [f"{entry['manager']}/{entry['operation']}" for entry in entries(answer)]


def test_appliers_come_first_then_the_older_then_by_name(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(a="1"), fieldManager="u")
        await call.clock.sleep(1)
        await call("PATCH", A, {"data": {"b": "1"}}, patch="merge", fieldManager="t")
        await call("PATCH", A, config_map(c="1"), patch="apply", fieldManager="n")
        await call.clock.sleep(1)
        last = await call("PATCH", A, config_map(d="1"), patch="apply", fieldManager="m")
        assert managers(last) == ["n/Apply", "m/Apply", "u/Update", "t/Update"]
        assert [entry["time"][-3:] for entry in entries(last)] == ["01Z", "02Z", "00Z", "01Z"]

    on_server(scenario)


def test_a_time_is_that_of_the_latest_change(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(a="1"), fieldManager="u")
        await call.clock.sleep(5)
        same = await call("PATCH", A, {"data": {"a": "1"}}, patch="merge", fieldManager="u")
        assert entries(same)[0]["time"].endswith(":00Z")
        more = await call("PATCH", A, {"data": {"b": "1"}}, patch="merge", fieldManager="u")
        assert [entry["time"][-4:] for entry in entries(more)] == [":05Z"]
        assert entries(more)[0]["fieldsV1"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}}}

    on_server(scenario)


def test_who_applies_what_is_there_already_owns_it_without_a_time(on_server: Any) -> None:
    """The real server sets a time where an apply changes the object, and nowhere else."""

    async def scenario(call: Any) -> None:
        await call("PATCH", A, config_map(a="1"), patch="apply", fieldManager="m")
        shared = await call("PATCH", A, config_map(a="1"), patch="apply", fieldManager="n")
        assert managers(shared) == ["n/Apply", "m/Apply"]
        assert "time" not in entries(shared)[0]

    on_server(scenario)


def test_the_oldest_updates_are_put_together(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(k00="1"), fieldManager="u0")
        for number in range(1, 13):
            await call.clock.sleep(1)
            key = f"k{number:02}"
            answer = await call("PATCH", A, {"data": {key: "1"}}, patch="merge", fieldManager=f"u{number}")
        assert managers(answer) == ["ancient-changes/Update", *(f"u{number}/Update" for number in range(4, 13))]
        ancient: dict[str, Any] = {".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}, "f:k03": {}}
        assert entries(answer)[0]["fieldsV1"] == {"f:data": ancient}

    on_server(scenario)


@pytest.mark.parametrize("told", [[], [{}]])
def test_an_empty_list_forgets_who_owned_what(on_server: Any, told: list[Any]) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(a="1"))
        forgotten = await call("PATCH", A, {"metadata": {"managedFields": told}}, patch="merge")
        assert entries(forgotten) == []
        untracked = await call("PATCH", A, {"data": {"b": "1"}}, patch="merge")
        assert entries(untracked) == []
        first = await call("PATCH", A, config_map(c="1"), patch="apply", fieldManager="m")
        assert managers(first) == ["m/Apply", "before-first-apply/Update"]
        assert entries(first)[1]["fieldsV1"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}}}

    on_server(scenario)


@pytest.mark.parametrize(
    "told",
    [
        [{"manager": "x"}],
        [{"manager": "x", "operation": "Update"}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1"}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2"}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"x": {}}}],
    ],
)
def test_entries_that_are_none_are_as_good_as_unsaid(on_server: Any, told: list[Any]) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"))
        after = await call("PATCH", A, {"metadata": {"managedFields": told}}, patch="merge")
        assert entries(after) == entries(created)

    on_server(scenario)


def test_what_a_client_moves_to_another_manager_is_that_ones(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"), fieldManager="u")
        told = [{**entries(created)[0], "manager": "other", "operation": "Apply"}]
        moved = await call("PATCH", A, {"metadata": {"managedFields": told}}, patch="merge")
        assert managers(moved) == ["other/Apply"]
        pruned = await call("PATCH", A, config_map(b="1"), patch="apply", fieldManager="other")
        assert pruned.body["data"] == {"b": "1"}

    on_server(scenario)


def test_defaults_belong_to_who_created_and_not_to_who_applied(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", DEPLOYMENTS, deployment())
        assert {"f:replicas", "f:strategy", "f:revisionHistoryLimit"} < entries(created)[0]["fieldsV1"]["f:spec"].keys()
        body = {**deployment(), "metadata": {"name": "e"}}
        applied = await call("PATCH", f"{DEPLOYMENTS}/e", body, patch="apply", fieldManager="m")
        assert applied.body["spec"]["replicas"] == 1
        assert entries(applied)[0]["fieldsV1"]["f:spec"].keys() == {"f:selector", "f:template"}

    on_server(scenario)


def test_fields_of_a_version_that_is_no_more_are_nobodys(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"), fieldManager="u")
        told = [*entries(created), {**entries(created)[0], "manager": "old", "apiVersion": "v0"}]
        await call("PATCH", A, {"metadata": {"managedFields": told}}, patch="merge")
        after = await call("PATCH", A, {"data": {"b": "1"}}, patch="merge", fieldManager="u")
        assert managers(after) == ["u/Update"]

    on_server(scenario)


def test_kubectl_takes_over_what_it_applied_on_the_clients_side(on_server: Any) -> None:
    annotation = "kubectl.kubernetes.io/last-applied-configuration"

    async def scenario(call: Any) -> None:
        body = config_map(a="1")
        body["metadata"]["annotations"] = {annotation: json.dumps(config_map(a="1"))}
        await call("POST", MAPS, body, fieldManager="kubectl-client-side-apply")
        await call("PATCH", A, {"data": {"z": "1"}}, patch="merge", fieldManager="other")
        stranger = await call("PATCH", A, config_map(a="2"), patch="apply", fieldManager="m")
        assert stranger.status == 409
        mine = await call("PATCH", A, config_map(a="2"), patch="apply", fieldManager="kubectl")
        assert (mine.status, mine.body["data"]) == (200, {"a": "2", "z": "1"})
        assert json.loads(mine.body["metadata"]["annotations"][annotation])["data"] == {"a": "2"}
        theirs = await call("PATCH", A, config_map(z="2"), patch="apply", fieldManager="kubectl")
        assert theirs.message == 'Apply failed with 1 conflict: conflict with "other" using v1: .data.z'

    on_server(scenario)


def test_a_scale_has_the_replicas_owner(on_server: Any) -> None:
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d", "namespace": "default"}}
    path = f"{DEPLOYMENTS}/d"

    async def scenario(call: Any) -> None:
        await call("PATCH", path, deployment(replicas=1), patch="apply", fieldManager="m")
        body = {**scale, "spec": {"replicas": 3}}
        refused = await call("PATCH", f"{path}/scale", body, patch="apply", fieldManager="n")
        assert refused.message == 'Apply failed with 1 conflict: conflict with "m": .spec.replicas'
        await call("PATCH", f"{path}/scale", body, patch="apply", fieldManager="n", force="true")
        after = await call("GET", path)
        owners = {entry["manager"]: entry for entry in entries(after)}
        assert "f:replicas" not in owners["m"]["fieldsV1"]["f:spec"]
        assert owners["n"]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        assert (owners["n"]["apiVersion"], owners["n"]["subresource"]) == ("apps/v1", "scale")

    on_server(scenario)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"data": {"a": 1}}, ".data.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"data": "x"}, ".data: expected map, got &{x}"),
        ({"immutable": "x"}, ".immutable: expected boolean, got &{x}"),
        ({"unknown": 1}, ".unknown: field not declared in schema"),
        (
            {"unknown": 1, "immutable": "x", "other": 1},
            (
                "errors:\n  .unknown: field not declared in schema\n  .immutable: expected boolean, got &{x}\n"
                "  .other: field not declared in schema"
            ),
        ),
        (
            {"data": {"a": True}, "binaryData": {"b": {}}},
            (
                "errors:\n  .data.a: expected string, got &value.valueUnstructured{Value:true}\n"
                "  .binaryData.b: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}"
            ),
        ),
    ],
)
def test_what_doesnt_fit_the_kind_isnt_applied(on_server: Any, config: dict[str, Any], problem: str) -> None:
    async def scenario(call: Any) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, **config}
        answer = await call("PATCH", A, body, patch="apply", fieldManager="m")
        assert answer.status == 500
        assert answer.message == f"failed to create typed patch object (/a; /v1, Kind=ConfigMap): {problem}"

    on_server(scenario)


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ([{"port": 80}, {"port": 80}], '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]'),
        ([None], ".spec.ports: element 0: associative list with keys may not have a null element"),
        (["x"], ".spec.ports: element 0: associative list with keys may not have non-map elements"),
        ([{"port": "80"}], '.spec.ports[port="80",protocol="TCP"].port: expected numeric (int or float), got string'),
    ],
)
def test_items_are_told_apart_by_their_keys(on_server: Any, ports: list[Any], problem: str) -> None:
    async def scenario(call: Any) -> None:
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports}}
        path = "/api/v1/namespaces/default/services/s"
        answer = await call("PATCH", path, body, patch="apply", fieldManager="m")
        assert answer.message == f"failed to create typed patch object (/s; /v1, Kind=Service): {problem}"

    on_server(scenario)


def test_defaults_of_a_definition_are_owned(on_server: Any) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    schema = {"openAPIV3Schema": {"type": "object"}}
    service = {"name": "s", "namespace": "default"}
    webhook = {"clientConfig": {"service": service}, "conversionReviewVersions": ["v1"]}

    async def scenario(call: Any) -> None:
        spec = {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        }
        made = await call("POST", path, {"metadata": {"name": "widgets.example.com"}, "spec": spec}, fieldManager="u")
        names: dict[str, Any] = {"f:kind": {}, "f:listKind": {}, "f:plural": {}, "f:singular": {}}
        conversion: dict[str, Any] = {".": {}, "f:strategy": {}}
        owned = {"f:group": {}, "f:scope": {}, "f:versions": {}, "f:conversion": conversion, "f:names": names}
        assert entries(made)[0]["fieldsV1"] == {"f:spec": owned}

        told = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}, "names": {"singular": None}}}
        patched = await call("PATCH", f"{path}/widgets.example.com", told, patch="merge", fieldManager="p")
        fields = next(entry for entry in entries(patched) if entry["manager"] == "p")["fieldsV1"]["f:spec"]
        to: dict[str, Any] = {".": {}, "f:service": {".": {}, "f:name": {}, "f:namespace": {}, "f:port": {}}}
        called = {".": {}, "f:clientConfig": to, "f:conversionReviewVersions": {}}
        assert fields == {"f:conversion": {"f:strategy": {}, "f:webhook": called}}

    on_server(scenario)
