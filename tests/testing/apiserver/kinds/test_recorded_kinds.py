"""What was recorded of a real kube-apiserver is served as it was, and the tables made of it say the same."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.kinds.resources import built_in_types
from reconcilekit.testing.apiserver.schema.definitions import definition
from reconcilekit.testing.apiserver.schema.shapes import built_in_shape

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def told_resources() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for body in recorded.discovery().aggregated.values():
        for group in msgspec.json.decode(body)["items"]:
            for version in group["versions"]:
                for resource in version["resources"]:
                    yield group["metadata"].get("name", ""), version["version"], resource


def test_the_table_of_kinds_says_what_discovery_says() -> None:
    told = {(group, version, resource["resource"]): resource for group, version, resource in told_resources()}

    assert list(built_in_types()) == list(told)
    for key, served in built_in_types().items():
        resource = told[key]
        assert (served.kind, served.singular) == (resource["responseKind"]["kind"], resource["singularResource"])
        assert served.is_namespaced == (resource["scope"] == "Namespaced")
        assert list(served.verbs) == resource["verbs"]
        assert list(served.short_names) == resource.get("shortNames", [])
        assert [(s.name, list(s.verbs)) for s in served.subresources] == [
            (s["subresource"], s["verbs"]) for s in resource.get("subresources", ())
        ]


@pytest.mark.parametrize("document", ["api.v1", "apis.apps.v1", "apis.apiextensions.k8s.io.v1"])
def test_the_table_of_schemas_says_what_openapi_says(document: str) -> None:
    told = msgspec.json.decode(recorded.read(f"openapi-v3/{document}.json"))["components"]["schemas"]
    structs = {name: schema for name, schema in told.items() if name in recorded.schemas() and "properties" in schema}
    assert structs

    for name, schema in structs.items():
        fields = definition(name).fields
        assert fields.keys() == schema["properties"].keys(), name
        for field, property_schema in schema["properties"].items():
            assert fields[field].marks.get("list") == property_schema.get("x-kubernetes-list-type"), (name, field)
            assert fields[field].marks.get("keys") == property_schema.get("x-kubernetes-list-map-keys")
            assert (fields[field].type.form == "list") == (property_schema.get("type") == "array"), (
                name,
                field,
            )


def test_shapes_know_keyed_lists_sets_and_embedded_structs() -> None:
    spec = built_in_shape("io.k8s.api.apps.v1.Deployment").field("spec")
    ports = spec.field("template").field("spec").field("containers").item.field("ports")

    assert (ports.lists, ports.keys) == ("map", ("containerPort", "protocol"))
    assert ports.key_defaults["protocol"] == "TCP"
    assert spec.field("selector").is_atomic
    assert spec.field("strategy").is_struct
    assert not spec.field("strategy").field("rollingUpdate").is_struct
    metadata = built_in_shape("io.k8s.api.core.v1.Pod").field("metadata")
    assert (metadata.field("finalizers").lists, metadata.field("ownerReferences").keys) == ("set", ("uid",))


def test_discovery_is_served_as_it_was_recorded(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        for path, body in recorded.discovery().legacy.items():
            assert (await call("GET", path)).body == msgspec.json.decode(body), path
        for path, body in recorded.discovery().aggregated.items():
            answer = await call("GET", path, accept=AGGREGATED)
            assert answer.body == msgspec.json.decode(body)
            assert answer.headers["etag"]

    on_server(scenario)


def test_openapi_v3_is_kept_for_ever_by_its_hash(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        paths = (await text_of(call, "/openapi/v3"))["paths"]
        path, _, told = paths["apis/apps/v1"]["serverRelativeURL"].partition("?hash=")
        kept = await call("GET", path, hash=told)
        assert kept.status == 200
        assert kept.headers["cache-control"] == "public, immutable"
        assert "io.k8s.api.apps.v1.Deployment" in kept.body["components"]["schemas"]
        moved = await call("GET", path, hash="0")
        assert (moved.status, moved.headers["location"]) == (301, f"{path}?hash={told}")
        assert (await call("GET", "/openapi/v3/apis/nope/v1")).status == 404

    on_server(scenario)


async def text_of(call: Any, path: str) -> Any:
    answer = await call("GET", path)
    return msgspec.json.decode(answer.body) if isinstance(answer.body, str) else answer.body


async def raw(call: Any, path: str, **headers: str) -> Any:
    from reconcilekit.kube.transport import Request

    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call.server.transport("tester/1.0").send(Request(method="GET", path=path, headers=names))


def test_openapi_v2_is_served_as_json_and_protobuf_and_told_by_its_etag(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        plain = await raw(call, "/openapi/v2")
        assert plain.body == recorded.read("openapi-v2.json")
        unchanged = await raw(call, "/openapi/v2", if_none_match=plain.headers["etag"])
        assert (unchanged.status, unchanged.body) == (304, b"")
        packed = await raw(call, "/openapi/v2", accept_encoding="gzip")
        assert (packed.headers["content-encoding"], gzip.decompress(packed.body)) == ("gzip", plain.body)
        binary = await raw(call, "/openapi/v2", accept=PROTOBUF)
        assert binary.body == recorded.read("openapi-v2.pb")
        assert binary.headers["content-type"].endswith("+protobuf")
        assert (await raw(call, "/openapi/v2", accept="image/png")).status == 406

    on_server(scenario)


def test_definitions_add_their_kinds_to_openapi(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        before = (await text_of(call, "/openapi/v3"))["paths"]
        await call.define_widgets()
        after = (await text_of(call, "/openapi/v3"))["paths"]
        assert after.keys() - before.keys() == {"apis/example.com/v1"}
        path, _, told = after["apis/example.com/v1"]["serverRelativeURL"].partition("?hash=")
        document = (await call("GET", path, hash=told)).body
        widget = document["components"]["schemas"]["com.example.v1.Widget"]
        assert widget["x-kubernetes-group-version-kind"] == [
            {"group": "example.com", "kind": "Widget", "version": "v1"}
        ]
        assert {"apiVersion", "kind", "metadata", "status"} <= widget["properties"].keys()
        conditions = widget["properties"]["status"]["properties"]["conditions"]
        assert conditions["x-kubernetes-list-map-keys"] == ["type"]
        assert "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}/status" in document["paths"]
        assert not [path for path in document["paths"] if path.endswith("/scale")]
        assert "lace" not in str([name for name in document["components"]["schemas"] if "lace" in name])
        v2 = (await call("GET", "/openapi/v2")).body
        assert "com.example.v1.Widget" in v2["definitions"]
        assert "io.k8s.api.apps.v1.Deployment" in v2["definitions"]

    on_server(scenario)


def test_reviews_can_only_be_created(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert (await call("GET", path)).status == 405
        assert (await call("DELETE", path)).status == 405

    on_server(scenario)


def test_a_server_starts_without_reading_openapi(monkeypatch: pytest.MonkeyPatch, on_server: Any) -> None:
    names: list[str] = []
    read = recorded.read

    def noting(name: str) -> bytes:
        names.append(name)
        return read(name)

    monkeypatch.setattr(recorded, "read", noting)

    async def scenario(call: Any) -> None:
        assert isinstance(call.server, ApiServer)

    on_server(scenario)
    assert not [name for name in names if name.startswith("openapi")]
