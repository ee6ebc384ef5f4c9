"""How large an object may become, by whatever it grows; as a real kube-apiserver answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TOO_LARGE = (500, "etcdserver: request is too large")
REJECTED = (422, "the server rejected our request due to an error in our request")
MEGABYTE = 1024 * 1024


def _widget(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec}


def _doubled(times: int) -> list[dict[str, Any]]:
    copies = [{"op": "copy", "from": "/spec", "path": f"/spec/k{i}"} for i in range(times)]
    return [{"op": "add", "path": "/spec/a", "value": "x" * 100}, *copies]


def test_copies_make_no_object_that_is_too_large(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        await call("POST", widgets, _widget({}))
        for times, expected in ((14, TOO_LARGE), (15, REJECTED), (40, REJECTED)):
            refused = await call("PATCH", f"{widgets}/a", _doubled(times), patch="json")
            assert (refused.status, refused.message) == expected
        assert (await call("PATCH", f"{widgets}/a", _doubled(10), patch="json")).status == 200

    on_server(scenario)


@pytest.mark.parametrize(("size", "expected"), [(MEGABYTE - 2, 200), (MEGABYTE - 1, 422)])
def test_a_json_patch_copies_three_megabytes(on_server: Any, widgets: str, size: int, expected: int) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        await call("POST", widgets, _widget({}))
        copies = [{"op": "copy", "from": "/spec/a", "path": "/spec/b"}] * 3
        patch = [{"op": "add", "path": "/spec/a", "value": "x" * size}, *copies, {"op": "remove", "path": "/spec/b"}]
        assert (await call("PATCH", f"{widgets}/a", patch, patch="json")).status == expected

    on_server(scenario)


def test_defaults_make_no_object_that_is_too_large(on_server: Any, widgets: str) -> None:
    long = {"type": "object", "properties": {"a": {"type": "string", "default": "x" * 10_000}}}
    spec = {"type": "object", "properties": {"list": {"type": "array", "items": long}}}

    async def scenario(call: Caller) -> None:
        definition = await call.define_widgets()
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = spec
        assert (await call("PUT", f"{DEFINITIONS}/widgets.example.com", definition)).status == 200
        refused = await call("POST", widgets, _widget({"list": [{}] * 200}))
        assert (refused.status, refused.message) == TOO_LARGE
        assert (await call("GET", f"{widgets}/a")).status == 404

    on_server(scenario)


def test_what_the_server_adds_itself_is_given_up_first(on_server: Any) -> None:
    long = {"metadata": {"name": "b"}, "data": {f"k{i:0200}": "x" for i in range(4_800)}}

    async def scenario(call: Caller) -> None:
        tried = await call("POST", MAPS, long, dryRun="All")
        assert (tried.status, "managedFields" in tried.body["metadata"]) == (201, True)
        stored = await call("POST", MAPS, long)
        assert (stored.status, "managedFields" in stored.body["metadata"]) == (201, False)

    on_server(scenario)


def test_a_dry_run_is_never_too_large(on_server: Any) -> None:
    job: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"restartPolicy": "Never"}}}}
    job["spec"]["template"]["spec"]["containers"] = [{"name": "a", "image": "a", "args": ["x" * 1_600_000]}]
    jobs = "/apis/batch/v1/namespaces/default/jobs"

    async def scenario(call: Caller) -> None:
        assert (await call("POST", jobs, job, dryRun="All")).status == 201
        refused = await call("POST", jobs, job)
        assert (refused.status, refused.message) == TOO_LARGE

    on_server(scenario)


def _encoded(size: int) -> dict[str, str]:
    return {"k": base64.b64encode(b"x" * size).decode()}


def _data(kind: str, **fields: dict[str, str]) -> tuple[str, dict[str, Any]]:
    return kind, {"metadata": {"name": "a"}, **fields}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (_data("secrets", data=_encoded(MEGABYTE)), 201),
        (_data("secrets", data=_encoded(MEGABYTE + 1)), 422),
        (_data("secrets", stringData={"k": "é" * (MEGABYTE // 2)}), 201),
        (_data("secrets", stringData={"k": "é" * (MEGABYTE // 2), "more": "x"}), 422),
        (_data("configmaps", binaryData=_encoded(MEGABYTE)), 201),
        (_data("configmaps", binaryData=_encoded(MEGABYTE - 1), data={"more": "é"}), 422),
        (_data("configmaps", data={"k": "é" * (MEGABYTE // 2)}), 201),
        (_data("configmaps", data={"k": "é" * (MEGABYTE // 2), "more": "x"}), 422),
    ],
)
def test_data_may_be_a_megabyte_decoded(on_server: Any, told: tuple[str, dict[str, Any]], expected: int) -> None:
    kind, obj = told

    async def scenario(call: Caller) -> None:
        path = f"/api/v1/namespaces/default/{kind}"
        assert (await call("POST", path, obj, dryRun="All")).status == expected

    on_server(scenario)


@pytest.mark.parametrize(("characters", "expected"), [(MEGABYTE // 8 - 1, 201), (MEGABYTE // 8, 422)])
def test_annotations_are_counted_in_bytes(on_server: Any, characters: int, expected: int) -> None:
    annotations = {"k": "é" * characters}
    spec = {"containers": [{"name": "a", "image": "b"}]}

    async def scenario(call: Caller) -> None:
        answer = await call("POST", MAPS, {"metadata": {"name": "a", "annotations": annotations}})
        assert answer.status == expected
        template = {"metadata": {"annotations": annotations}, "spec": spec}
        path = "/api/v1/namespaces/default/podtemplates"
        assert (await call("POST", path, {"metadata": {"name": "a"}, "template": template})).status == expected

    on_server(scenario)
