"""What a bad patch is told: which mistake, and the object that it made, as a real kube-apiserver has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

MAPS = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
SERVICES = "/api/v1/namespaces/default/services"


def _refusal(on_server: Callable[..., Any], obj: Mapping[str, Any], patch: Any, kind: str, **query: str) -> str:
    collection = SERVICES if "ports" in obj.get("spec", {}) else MAPS

    async def scenario(call: Any) -> str:
        assert (await call("POST", collection, {"metadata": {"name": "a"}, **obj})).status == 201
        answer = await call("PATCH", f"{collection}/a", patch, patch=kind, **query)
        assert answer.status == 422
        message: str = answer.body["details"]["causes"][0]["message"]
        return message

    found: str = on_server(scenario)
    return found


def _quoted(message: str) -> str:
    return message.removeprefix('Invalid value: "').rpartition('": ')[0].replace('\\"', '"')


def test_maps_that_a_merge_patch_goes_into_are_sorted(on_server: Callable[..., Any]) -> None:
    obj = {"spec": {"ports": [{"port": 80, "name": "x"}], "type": "ClusterIP"}}
    shown = _quoted(_refusal(on_server, obj, {"metadata": {"labels": {"b": 3, "a": "x"}}}, "merge"))
    assert shown.startswith('{"apiVersion":"v1","kind":"Service","metadata":{"creationTimestamp":')
    assert '"labels":{"a":"x","b":3}' in shown
    assert '"spec":{"ports":[{"name":"x","protocol":"TCP","port":80,"targetPort":80}],"clusterIP":' in shown


def test_values_of_a_json_patch_stay_as_they_were_written(on_server: Callable[..., Any]) -> None:
    operation = {"op": "add", "path": "/data", "value": {"z": 1, "a": "<&>"}}
    shown = _quoted(_refusal(on_server, {}, [operation], "json"))
    assert '"data":{"z":1,"a":"\\\\u003c\\\\u0026\\\\u003e"}' in shown


def test_the_mistake_that_comes_first_in_the_document_is_told(on_server: Callable[..., Any]) -> None:
    patch = {"metadata": {"finalizers": [3]}, "data": {"a": 1}}
    message = _refusal(on_server, {}, patch, "merge")
    assert message.endswith("json: cannot unmarshal number into Go struct field ConfigMap.data of type string")


def test_a_time_that_cant_be_read_is_told_before_all_else(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        body = {"metadata": {"name": "a", "generation": "x"}, "spec": {"renewTime": "2024-01-01T00:00:01.5Z"}}
        answer = await call("POST", LEASES, body)
        assert answer.message == (
            'Lease in version "v1" cannot be handled as a Lease: parsing time "2024-01-01T00:00:01.5Z" as '
            '"2006-01-02T15:04:05.000000Z07:00": cannot parse ".5Z" as ".000000"'
        )

    on_server(scenario)


@pytest.mark.parametrize(
    ("patch", "shown"),
    [
        (
            {"metadata": {"annotations": {"note": 1}}, "spec": {"selector": {"$patch": "replace"}}},
            "map[metadata:map[annotations:map[note:1]] spec:map[selector:map[]]]",
        ),
        (
            {"metadata": {"labels": {"note": None, "x": 1}}},
            "map[metadata:map[labels:map[x:1]]]",
        ),
    ],
)
def test_a_strategic_patch_is_quoted_without_what_was_done(
    on_server: Callable[..., Any], patch: Any, shown: str
) -> None:
    obj = {"spec": {"ports": [{"port": 80}], "selector": {"app": "a"}}}
    message = _refusal(on_server, obj, patch, "strategic")
    assert message == f'Invalid value: "{shown}": cannot convert int64 to string'


def test_what_a_patch_made_is_read_before_its_name_is_looked_at(on_server: Callable[..., Any]) -> None:
    patch = {"unknown": 1, "metadata": {"name": "other"}}
    assert "unknown field" in _refusal(on_server, {}, patch, "merge", fieldValidation="Strict")

    async def scenario(call: Any) -> None:
        assert (await call("POST", MAPS, {"metadata": {"name": "a"}})).status == 201
        answer = await call("PATCH", f"{MAPS}/a", patch, patch="merge")
        assert answer.message == "the name of the object (other) does not match the name on the URL (a)"
        assert answer.headers["warning"] == '299 - "unknown field \\"unknown\\""'

    on_server(scenario)


@pytest.mark.parametrize(
    ("patch", "kind", "validation", "told"),
    [
        (3, "merge", "Ignore", "Invalid JSON Patch"),
        (3, "merge", "Warn", "error decoding patch: json: cannot unmarshal number into Go value of type "),
        ({}, "json", "Ignore", "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (["x"], "json", "Ignore", "json: cannot unmarshal string into Go value of type jsonpatch.Operation"),
        ({}, "json", "Warn", "error decoding patch: json: cannot unmarshal object into Go value of type []handlers."),
    ],
)
def test_who_reads_a_patch_that_is_none(
    on_server: Callable[..., Any], patch: Any, kind: str, validation: str, told: str
) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("POST", MAPS, {"metadata": {"name": "a"}})).status == 201
        answer = await call("PATCH", f"{MAPS}/a", patch, patch=kind, fieldValidation=validation)
        assert answer.status == 400
        assert answer.message.startswith(told)

    on_server(scenario)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"replicas": 1.5}, "cannot convert float64 to int32"),
        ({"replicas": 2.0}, ""),
    ],
)
def test_an_apply_reads_numbers_as_the_converter_does(
    on_server: Callable[..., Any], fields: Mapping[str, Any], why: str
) -> None:
    async def scenario(call: Any) -> None:
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **fields}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
        path = "/apis/apps/v1/namespaces/default/deployments/a"
        answer = await call("PATCH", path, body, patch="apply", fieldManager="m")
        assert answer.status == (500 if why else 201)
        assert why in answer.body.get("message", "")

    on_server(scenario)


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "", "value": {}}],
        [{"op": "test", "path": "/data/a", "value": 1}],
        [{"op": "add", "path": "/metadata/finalizers/+x", "value": "a/b"}],
        [{"op": "move", "from": "/data", "path": "/data/a"}],
        [{"op": "add", "path": "/data/a/b", "value": "x"}],
    ],
)
def test_operations_that_dont_apply(on_server: Callable[..., Any], operations: list[Any]) -> None:
    async def scenario(call: Any) -> None:
        body = {"metadata": {"name": "a", "finalizers": ["a/b"]}, "data": {"a": "1"}}
        assert (await call("POST", MAPS, body)).status == 201
        answer = await call("PATCH", f"{MAPS}/a", operations, patch="json")
        assert (answer.status, answer.message) == (
            422,
            "the server rejected our request due to an error in our request",
        )

    on_server(scenario)
