from __future__ import annotations

import itertools
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def config_map(name: str = "a", /, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(containers: Any = ({"name": "a", "image": "1"},), **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": list(containers)}}
    spec = {"selector": {"matchLabels": {"app": "d"}}, "template": template} | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def test_an_object_is_created_read_replaced_and_deleted(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"))
        assert created.status == 201
        metadata = created.body["metadata"]
        assert metadata["creationTimestamp"] == "2025-01-01T00:00:00Z"
        assert metadata["namespace"] == "default"

        replaced = await call("PUT", f"{MAPS}/a", config_map(a="2"))
        assert replaced.status == 200
        assert int(replaced.version) > int(created.version)
        assert (await call("GET", f"{MAPS}/a")).body == replaced.body
        assert replaced.body["metadata"]["uid"] == metadata["uid"]

        deleted = await call("DELETE", f"{MAPS}/a")
        assert deleted.body["details"] == {"name": "a", "kind": "configmaps", "uid": metadata["uid"]}
        assert "resourceVersion" not in deleted.body["metadata"]
        assert (await call("GET", f"{MAPS}/a")).status == 404

    on_server(scenario)


@pytest.mark.parametrize(
    ("method", "body", "patch"),
    [
        ("PUT", config_map(a="1"), ""),
        ("PATCH", {"data": {"a": "1"}}, "merge"),
        ("PATCH", [{"op": "replace", "path": "/data/a", "value": "1"}], "json"),
        ("PATCH", {"data": {"a": "1"}}, "strategic"),
    ],
)
def test_a_write_that_changes_nothing_keeps_the_version_and_sends_no_event(
    method: str, body: Any, patch: str, on_server: Any
) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"))
        call.user_agent = "somebody-else/1"
        assert (await call(method, f"{MAPS}/a", body, patch=patch)).version == created.version
        assert call.server.revision == int(created.version)

    on_server(scenario)


def test_a_stale_version_is_refused_even_for_a_no_op(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"))
        await call("PUT", f"{MAPS}/a", config_map(a="2"))
        stale = {"resourceVersion": created.version}
        for body, patch in (({"data": {"a": "2"}}, "merge"), (config_map(a="2"), "apply")):
            body["metadata"] = {"name": "a", **stale}
            answer = await call("PATCH", f"{MAPS}/a", body, patch=patch, fieldManager="tester")
            assert (answer.status, answer.body["reason"]) == (409, "Conflict")
        options = {"preconditions": stale}
        assert (await call("DELETE", f"{MAPS}/a", options)).status == 409

    on_server(scenario)


def test_generation_counts_the_spec_and_status_has_its_own_endpoint(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        body = deployment(replicas=1) | {"status": {"replicas": 9}}
        created = (await call("POST", DEPLOYMENTS, body)).body
        assert created["metadata"]["generation"] == 1
        assert created["status"] == {}

        body = deployment(replicas=7) | {"status": {"replicas": 1}}
        body["metadata"]["labels"] = {"ignored": "here"}
        after_status = (await call("PUT", f"{DEPLOYMENTS}/d/status", body)).body
        assert after_status["status"] == {"replicas": 1}
        assert after_status["spec"] == created["spec"]
        assert "labels" not in after_status["metadata"]
        assert after_status["metadata"]["generation"] == 1

        body = deployment(replicas=2) | {"status": {"replicas": 5}}
        after_spec = (await call("PUT", f"{DEPLOYMENTS}/d", body)).body
        assert after_spec["status"] == {"replicas": 1}
        assert after_spec["metadata"]["generation"] == 2

        labelled = await call("PATCH", f"{DEPLOYMENTS}/d", {"metadata": {"labels": {"a": "b"}}}, patch="merge")
        assert labelled.body["metadata"]["generation"] == 2

    on_server(scenario)


def test_finalizers_keep_an_object_until_they_are_gone(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        body = config_map(a="1")
        body["metadata"]["finalizers"] = ["example.com/hold"]
        created = await call("POST", MAPS, body)
        await call.clock.sleep(60)
        terminating = await call("DELETE", f"{MAPS}/a")
        assert terminating.body["metadata"]["deletionTimestamp"] == "2025-01-01T00:01:00Z"
        assert int(terminating.version) > int(created.version)
        assert (await call("DELETE", f"{MAPS}/a")).version == terminating.version

        more = {"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}}
        refused = await call("PATCH", f"{MAPS}/a", more, patch="merge")
        assert refused.status == 422
        assert 'found new finalizers []string{"example.com/late"}' in refused.message

        last = await call("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, patch="merge")
        assert (last.status, last.version) == (200, terminating.version)
        assert (await call("GET", f"{MAPS}/a")).status == 404

    on_server(scenario)


def test_generated_names_and_uids_come_from_the_seed(on_server: Any) -> None:
    async def scenario(call: Any) -> tuple[str, str]:
        created = await call("POST", MAPS, {"metadata": {"generateName": "run-"}})
        return created.body["metadata"]["name"], created.body["metadata"]["uid"]

    name, uid = on_server(scenario, seed=1)
    assert name.startswith("run-")
    assert len(name) == len("run-") + 5
    assert uid[14] == "4"
    assert on_server(scenario, seed=1) == (name, uid)
    assert on_server(scenario, seed=2) != (name, uid)


def test_a_dry_run_answers_and_changes_nothing(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map(a="1"))
        revision = call.server.revision
        assert (await call("POST", MAPS, config_map("b"), dryRun="All")).status == 201
        changed = await call("PUT", f"{MAPS}/a", config_map(a="2"), dryRun="All")
        assert changed.body["data"] == {"a": "2"}
        assert (await call("DELETE", f"{MAPS}/a", dryRun="All")).status == 200
        assert call.server.revision == revision
        assert (await call("GET", f"{MAPS}/a")).body["data"] == {"a": "1"}

    on_server(scenario)


def test_loopback_endpoints_are_refused_unless_switched_on(on_server: Any) -> None:
    body = {"metadata": {"name": "s"}, "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}]}

    async def scenario(call: Any) -> Any:
        return await call("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", body)

    refused = on_server(scenario)
    assert refused.status == 422
    assert refused.body["details"]["causes"][0]["field"] == "endpoints[0].addresses[0]"
    assert on_server(scenario, accept_loopback_endpoints=True).status == 201


def test_the_switch_is_for_endpoints_of_the_core_group_too(on_server: Any) -> None:
    endpoints = {"metadata": {"name": "a"}, "subsets": [{"addresses": [{"ip": "127.0.0.1"}]}]}

    async def scenario(call: Caller) -> Any:
        return await call("POST", "/api/v1/namespaces/default/endpoints", endpoints)

    assert on_server(scenario).status == 422
    assert on_server(scenario, accept_loopback_endpoints=True).status == 201


def test_a_secrets_plain_data_is_encoded(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        body = {"metadata": {"name": "s"}, "stringData": {"token": "x"}, "data": {"other": "eQ=="}}
        created = (await call("POST", "/api/v1/namespaces/default/secrets", body)).body
        assert created["data"] == {"other": "eQ==", "token": "eA=="}
        assert created["type"] == "Opaque"
        assert "stringData" not in created

    on_server(scenario)


def test_a_namespace_takes_its_content_along(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        held = config_map("held")
        held["metadata"]["finalizers"] = ["example.com/hold"]
        maps = "/api/v1/namespaces/n/configmaps"
        await call("POST", maps, config_map("free"))
        await call("POST", maps, held)
        assert (await call("DELETE", "/api/v1/namespaces/n")).body["status"]["phase"] == "Terminating"
        assert [item["metadata"]["name"] for item in (await call("GET", maps)).body["items"]] == ["held"]
        await call("PATCH", f"{maps}/held", {"metadata": {"finalizers": []}}, patch="merge")
        assert (await call("GET", "/api/v1/namespaces/n")).status == 404

    on_server(scenario)


def test_custom_kinds_need_a_version_for_an_update(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
        created = await call("POST", widgets, widget)
        assert created.body["metadata"]["generation"] == 1
        refused = await call("PUT", f"{widgets}/w", widget)
        assert (refused.status, refused.body["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")
        assert refused.message.startswith('widgets.example.com "w" is invalid')
        widget["metadata"] = {"name": "w", "resourceVersion": created.version}
        assert (await call("PUT", f"{widgets}/w", widget)).version == created.version
        widget["spec"] = {"size": 2}
        assert (await call("PUT", f"{widgets}/w", widget)).body["metadata"]["generation"] == 2

    on_server(scenario)


def test_deleting_a_definition_deletes_its_objects_and_its_kind(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("GET", widgets)).status == 404
        definition = await call.define_widgets()
        assert {c["type"]: c["status"] for c in definition["status"]["conditions"]} == {
            "NamesAccepted": "True",
            "Established": "True",
        }
        await call("POST", widgets, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
        watch = await call.watch(widgets, resourceVersion="", timeoutSeconds="1")
        await call("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com")
        assert (await call("GET", widgets)).status == 404
        assert [event["type"] for event in await call.events(watch)] == ["ADDED", "DELETED"]
        await call.define_widgets()
        assert (await call("GET", widgets)).body["items"] == []

    on_server(scenario)


def test_a_collection_is_deleted_by_selector(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        for name in ("a", "b", "c"):
            body = config_map(name)
            body["metadata"]["labels"] = {"keep": "yes" if name == "b" else "no"}
            await call("POST", MAPS, body)
        assert (await call("DELETE", MAPS, labelSelector="keep=no")).status == 200
        assert [item["metadata"]["name"] for item in (await call("GET", MAPS)).body["items"]] == ["b"]

    on_server(scenario)


def test_nulls_remove_in_a_patch_and_mean_nothing_in_an_object(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        body = config_map(a="1", b="2")
        body["metadata"]["labels"] = None
        assert "labels" not in (await call("POST", MAPS, body)).body["metadata"]
        patch = {"kind": "ConfigMap", "data": {"a": None}}
        assert (await call("PATCH", f"{MAPS}/a", patch, patch="merge")).body["data"] == {"b": "2"}
        replaced = await call("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "data": None})
        assert "data" not in replaced.body

    on_server(scenario)


def test_a_strategic_patch_merges_keyed_lists_of_built_in_kinds_only(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        containers = [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]
        await call("POST", DEPLOYMENTS, deployment(containers))
        change = [{"name": "b", "image": "2"}, {"name": "a", "$patch": "delete"}]
        patch = {"spec": {"template": {"spec": {"containers": change}}}}
        after = await call("PATCH", f"{DEPLOYMENTS}/d", patch, patch="strategic")
        left = after.body["spec"]["template"]["spec"]["containers"]
        assert [(container["name"], container["image"]) for container in left] == [("b", "2")]
        await call.define_widgets()
        assert (await call("PATCH", f"{widgets}/w", {}, patch="strategic")).status == 415

    on_server(scenario)


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SECRETS = "/api/v1/namespaces/default/secrets"
SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
NAMES = {"plural": "as", "kind": "A"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (MAPS, {"metadata": "x"}),
        (MAPS, {"metadata": {"name": 1}}),
        (MAPS, {"metadata": {"name": "a", "labels": {"a": 1}}}),
        (MAPS, {"metadata": {"name": "a", "finalizers": "x"}}),
        (MAPS, {"metadata": {"name": "a"}, "data": [1]}),
        (SERVICES, {"metadata": {"name": "a"}, "spec": {"clusterIPs": 1}}),
        (MAPS, {"metadata": {"name": "a"}, "binaryData": {"a": 1}}),
        (MAPS, {"metadata": {"name": "a", "managedFields": [{"operation": {}}]}}),
        (SECRETS, {"metadata": {"name": "a"}, "stringData": {"a": [1]}}),
        (SLICES, {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [1]}),
        (SLICES, {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": 1}]}),
        (DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": []}),
        (
            CRDS,
            {"metadata": {"name": "a.b"}, "spec": {"group": "b", "names": NAMES | {"shortNames": 1}, "versions": []}},
        ),
        (MAPS, b"[" * 5000),
        (MAPS, []),
        (MAPS, b""),
    ],
)
def test_what_cant_be_decoded_is_a_bad_request(path: str, body: Any, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        revision = call.server.revision
        answer = await call("POST", path, body)
        assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
        assert call.server.revision == revision

    on_server(scenario)


FIELDS = (
    "metadata", "name", "labels", "finalizers", "managedFields", "fieldsV1", "data", "stringData", "spec", "clusterIPs",
    "endpoints", "addresses", "versions", "names", "status", "conditions", "preconditions",
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "a.b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


WRITES = (
    ("POST", "application/json"),
    ("PUT", "application/json"),
    ("PATCH", "application/merge-patch+json"),
    ("PATCH", "application/apply-patch+yaml"),
    ("DELETE", "application/json"),
)


@hypothesis.given(bodies=st.lists(st.dictionaries(st.sampled_from(FIELDS), values, max_size=4), min_size=1, max_size=3))
def test_whatever_a_body_holds_it_is_answered(bodies: list[dict[str, Any]]) -> None:
    async def main(clock: VirtualClock) -> None:
        transport = ApiServer(clock=clock).transport("tester/1.0")
        for body, path, (method, content_type) in itertools.product(
            bodies, (MAPS, SECRETS, SERVICES, SLICES, CRDS), WRITES
        ):
            metadata = body.get("metadata") or {}
            named = body | {"metadata": {"name": "a"} | metadata} if isinstance(metadata, dict) else body
            request = Request(
                method=method,
                path=path if method == "POST" else f"{path}/a",
                query={"fieldManager": "m"},
                body=msgspec.json.encode(named),
                headers={"content-type": content_type},
            )
            assert 200 <= (await transport.send(request)).status < 500

    run_virtual(main)


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "copy", "path": [1], "from": "/data"}],
        {"op": "remove"},
        b"[[[",
    ],
)
def test_what_is_no_json_patch_is_a_bad_request(operations: Any, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map("a"))
        assert (await call("PATCH", f"{MAPS}/a", operations, patch="json")).status == 400

    on_server(scenario)


@pytest.mark.parametrize("options", [{"preconditions": 1}, {"preconditions": {"uid": 1}}, {"dryRun": "All"}, [], b"{"])
def test_what_are_no_delete_options_are_a_bad_request(options: Any, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map("a"))
        assert (await call("DELETE", f"{MAPS}/a", options)).status == 400

    on_server(scenario)


def test_a_json_patch_copies_values_and_moves_nothing_into_itself(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map("a", one="1"))
        labels = {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}
        copied = {"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"}
        only_there = {"op": "add", "path": "/metadata/annotations/z", "value": "z"}
        answer = await call("PATCH", f"{MAPS}/a", [labels, copied, only_there], patch="json")
        assert answer.body["metadata"]["labels"] == {"x": "y"}
        assert answer.body["metadata"]["annotations"] == {"x": "y", "z": "z"}
        into_itself = {"op": "move", "from": "/metadata", "path": "/metadata/labels"}
        assert (await call("PATCH", f"{MAPS}/a", [into_itself], patch="json")).status == 422

    on_server(scenario)


@pytest.mark.parametrize("query", [{"limit": "x"}, {"watch": "1", "timeoutSeconds": "1.5"}])
def test_numbers_must_be_numbers(query: dict[str, str], on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("GET", MAPS, **query)).status == 400

    on_server(scenario)


def test_the_body_must_name_what_the_url_names(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map("a"))
        other_name = await call("PUT", f"{MAPS}/a", config_map("b"))
        expected = "the name of the object (b) does not match the name on the URL (a)"
        assert (other_name.status, other_name.message) == (400, expected)
        elsewhere = config_map("c")
        elsewhere["metadata"]["namespace"] = "kube-system"
        refused = await call("POST", MAPS, elsewhere)
        assert refused.status == 400
        assert "does not match the namespace sent on the request" in refused.message

    on_server(scenario)
