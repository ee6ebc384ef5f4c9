"""Server-side apply and who owns what, against the behaviour seen on a real server."""

from __future__ import annotations

from typing import Any

MAPS = "/api/v1/namespaces/default/configmaps"
A = f"{MAPS}/a"


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def owned_by(answer: Any) -> dict[tuple[str, str], Any]:
    entries = answer.body["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_an_apply_creates_owns_its_leaves_and_is_a_no_op_when_repeated(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("PATCH", A, config_map(a="1"), patch="apply", fieldManager="m")
        assert created.status == 201
        assert owned_by(created) == {("m", "Apply"): {"f:data": {"f:a": {}}}}
        await call.clock.sleep(100)
        again = await call("PATCH", A, config_map(a="1"), patch="apply", fieldManager="m")
        assert (again.status, again.body) == (200, created.body)

    on_server(scenario)


def test_what_an_applier_no_longer_names_is_removed_and_what_others_own_stays(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("PATCH", A, config_map(a="1", b="1"), patch="apply", fieldManager="m")
        await call("PATCH", A, config_map(b="1", c="1"), patch="apply", fieldManager="n")
        await call("PATCH", A, {"data": {"d": "1"}}, patch="merge")
        after = await call("PATCH", A, config_map(), patch="apply", fieldManager="m")
        assert after.body["data"] == {"b": "1", "c": "1", "d": "1"}

    on_server(scenario)


def test_create_and_apply_by_one_manager_are_two_owners(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1", b="1"), fieldManager="m")
        assert owned_by(created) == {("m", "Update"): {"f:data": {".": {}, "f:a": {}, "f:b": {}}}}
        conflict = await call("PATCH", A, config_map(a="2"), patch="apply", fieldManager="m")
        assert conflict.status == 409
        assert conflict.message == 'Apply failed with 1 conflict: conflict with "m" using v1: .data.a'
        forced = await call("PATCH", A, config_map(a="2"), patch="apply", fieldManager="m", force="true")
        assert forced.body["data"] == {"a": "2", "b": "1"}
        assert owned_by(forced)["m", "Update"] == {"f:data": {".": {}, "f:b": {}}}

    on_server(scenario)


def test_ownership_is_mended_by_a_json_patch_of_the_entry(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(a="1", b="1"), fieldManager="m")
        mend = [{"op": "replace", "path": "/metadata/managedFields/0/operation", "value": "Apply"}]
        mended = await call("PATCH", A, mend, patch="json")
        assert owned_by(mended) == {("m", "Apply"): {"f:data": {".": {}, "f:a": {}, "f:b": {}}}}
        after = await call("PATCH", A, config_map(a="2"), patch="apply", fieldManager="m")
        assert (after.status, after.body["data"]) == (200, {"a": "2"})

    on_server(scenario)


def test_an_update_takes_ownership_of_what_it_changes_and_of_what_it_removes(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("PATCH", A, config_map(a="1", b="1", c="1"), patch="apply", fieldManager="m")
        after = await call("PUT", A, config_map(a="2", c="1"), fieldManager="u")
        assert owned_by(after) == {("m", "Apply"): {"f:data": {"f:c": {}}}, ("u", "Update"): {"f:data": {"f:a": {}}}}

    on_server(scenario)


def test_embedded_structs_are_nobodys_and_maps_are_somebodys(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
        body = {"metadata": {"name": "d", "labels": {"a": "b"}}, "spec": {"holderIdentity": "h"}, "rules": [rule]}
        lease = await call("POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", body)
        assert owned_by(lease) == {
            ("tester", "Update"): {
                "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
                "f:spec": {"f:holderIdentity": {}},
            }
        }
        role = await call("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", body)
        assert owned_by(role)["tester", "Update"]["f:rules"] == {}

    on_server(scenario)


def test_an_item_goes_with_its_owner_whoever_else_owns_fields_in_it(on_server: Any) -> None:
    path = "/api/v1/namespaces/default/services/s"

    async def scenario(call: Any) -> None:
        ports = [{"port": 80, "name": "web"}, {"port": 81, "name": "other"}]
        head = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
        body = {**head, "spec": {"ports": ports}}
        await call("PATCH", path, body, patch="apply", fieldManager="m")
        await call("PATCH", path, [{"op": "add", "path": "/spec/ports/1/appProtocol", "value": "http"}], patch="json")
        body = {**head, "spec": {"ports": ports[:1]}}
        after = await call("PATCH", path, body, patch="apply", fieldManager="m")
        assert [port["port"] for port in after.body["spec"]["ports"]] == [80]
        assert set(owned_by(after)) == {("m", "Apply")}

    on_server(scenario)


def test_several_conflicts_are_listed_by_manager(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("PATCH", A, config_map(a="1", b="1"), patch="apply", fieldManager="m")
        answer = await call("PATCH", A, config_map(a="2", b="2"), patch="apply", fieldManager="n")
        assert answer.message == 'Apply failed with 2 conflicts: conflicts with "m":\n- .data.a\n- .data.b'
        assert [cause["field"] for cause in answer.body["details"]["causes"]] == [".data.a", ".data.b"]

    on_server(scenario)


def test_preconditions_of_an_apply(on_server: Any) -> None:
    def named(**metadata: str) -> dict[str, Any]:
        return config_map(a="1") | {"metadata": {"name": "a", **metadata}}

    async def scenario(call: Any) -> None:
        async def apply(body: Any) -> Any:
            return await call("PATCH", A, body, patch="apply", fieldManager="m", force="true")

        nothing_there = await apply(named(uid="0000"))
        assert nothing_there.status == 409
        assert nothing_there.message.endswith(
            "uid mismatch: the provided object specified uid 0000, and no existing object was found"
        )
        created = await apply(named(resourceVersion="1"))
        assert created.status == 201
        assert (await apply(named(resourceVersion="1"))).status == 409
        assert (await apply(named(uid="0000"))).status == 422
        uid = created.body["metadata"]["uid"]
        assert (await apply(named(uid=uid, resourceVersion=created.version))).version == created.version

    on_server(scenario)


def test_keyed_lists_merge_item_by_item(on_server: Any) -> None:
    path = "/api/v1/namespaces/default/services/s"

    def service(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": list(ports)}}

    async def scenario(call: Any) -> None:
        await call("PATCH", path, service({"port": 80, "name": "web"}), patch="apply", fieldManager="m")
        both = await call("PATCH", path, service({"port": 443, "name": "tls"}), patch="apply", fieldManager="n")
        assert [port["port"] for port in both.body["spec"]["ports"]] == [80, 443]
        assert owned_by(both)["n", "Apply"] == {
            "f:spec": {"f:ports": {'k:{"port":443,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}}}
        }
        other = await call("PATCH", path, service({"port": 80, "name": "x"}), patch="apply", fieldManager="n")
        assert other.message.endswith('conflict with "m": .spec.ports[port=80,protocol="TCP"].name')
        less = await call("PATCH", path, service(), patch="apply", fieldManager="n")
        assert [port["port"] for port in less.body["spec"]["ports"]] == [80]

    on_server(scenario)


def test_the_status_endpoint_owns_apart_and_applies_only_status(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        base = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
        body = base | {"spec": {"size": 1}, "status": {"a": 1}}
        created = await call("PATCH", f"{widgets}/w", body, patch="apply", fieldManager="m")
        assert "status" not in created.body
        assert owned_by(created) == {("m", "Apply"): {"f:spec": {"f:size": {}}}}
        conditions = [{"type": "Ready", "status": "True"}]
        body = base | {"spec": {"size": 5}, "status": {"conditions": conditions}}
        after = await call("PATCH", f"{widgets}/w/status", body, patch="apply", fieldManager="m")
        assert after.body["spec"] == {"size": 1}
        assert after.body["status"] == {"conditions": conditions}
        assert after.body["metadata"]["generation"] == 1
        entries = {e.get("subresource", ""): e["fieldsV1"] for e in after.body["metadata"]["managedFields"]}
        ready = 'k:{"type":"Ready"}'
        assert entries["status"] == {"f:status": {"f:conditions": {ready: {".": {}, "f:status": {}, "f:type": {}}}}}

    on_server(scenario)


def test_a_configuration_may_be_yaml(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: '1'\n"
        created = await call("PATCH", A, body, patch="apply", fieldManager="m")
        assert (created.status, created.body["data"]) == (201, {"a": "1"})
        # A date is a string to the real server, and so is a key that looks like a number.
        dated = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {day: 2025-01-01, 7: x}\n"
        applied = await call("PATCH", A, dated, patch="apply", fieldManager="m")
        assert (applied.status, applied.body["data"]) == (200, {"day": "2025-01-01", "7": "x"})
        again = await call("PATCH", A, dated, patch="apply", fieldManager="m")
        assert again.version == applied.version
        assert (await call("PATCH", A, b"{a: !!set {}", patch="apply", fieldManager="m")).status == 400

    on_server(scenario)
