"""The scale subresource: its representations, what is read of it, and which mistake is told first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SCALE = f"{DEPLOYMENTS}/a/scale"
OTHER_UID = "33333333-3333-4333-8333-333333333333"


async def _deploy(call: Any) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 2}
    assert (await call("POST", DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": spec})).status == 201


def test_a_scale_has_all_representations(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await _deploy(call)
        table = (await call("GET", SCALE, accept=TABLE, includeObject="Object")).body
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
        assert table["rows"][0]["cells"] == ["a", 2, 0, "0s"]
        assert table["rows"][0]["object"]["kind"] == "Scale"
        partial = (await call("PUT", SCALE, {"metadata": {"name": "a"}}, accept=PARTIAL)).body
        assert (partial["kind"], partial["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
        refused = await call("GET", SCALE, accept=PARTIAL_LIST)
        assert refused.status == 406
        assert refused.message.endswith("is not a list (*autoscaling.Scale)")

    on_server(scenario)


@pytest.mark.parametrize(
    ("scale", "code", "told"),
    [
        (
            {"spec": {"replicas": "x"}},
            400,
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal',
        ),
        ({"apiVersion": "v9", "kind": "Scale"}, 400, 'Scale in version "v9" cannot be handled as a Scale: no kind'),
        ({"metadata": {"name": "b"}}, 400, "the name of the object (b) does not match the name on the URL (a)"),
        ({"metadata": {"name": "a", "namespace": "x"}}, 400, "the namespace of the provided object does not match"),
        ({"spec": {"replicas": -1}}, 404, 'deployments.apps "a" not found'),
        ({"metadata": {"name": "a", "uid": OTHER_UID}}, 404, 'deployments.apps "a" not found'),
    ],
)
def test_what_a_put_to_the_scale_of_nothing_is_told(
    on_server: Callable[..., Any], scale: dict[str, Any], code: int, told: str
) -> None:
    async def scenario(call: Any) -> None:
        answer = await call("PUT", SCALE, {"metadata": {"name": "a"}, **scale})
        assert answer.status == code
        assert answer.message.startswith(told)

    on_server(scenario)


def test_fields_that_a_scale_hasnt_are_told(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await _deploy(call)
        scale = {"metadata": {"name": "a"}, "unknown": 1}
        assert (await call("PUT", SCALE, scale)).headers["warning"] == '299 - "unknown field \\"unknown\\""'
        assert (await call("PATCH", SCALE, {"unknown": 1}, patch="merge")).headers["warning"]
        refused = await call("PUT", SCALE, scale, fieldValidation="Strict")
        assert (refused.status, "strict decoding error" in refused.message) == (400, True)

    on_server(scenario)


@pytest.mark.parametrize("kind", ["merge", "strategic", "apply"])
def test_a_patch_of_another_uid_names_the_subresource(on_server: Callable[..., Any], kind: str) -> None:
    async def scenario(call: Any) -> None:
        await _deploy(call)
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"uid": OTHER_UID}}
        answer = await call("PATCH", SCALE, scale, patch=kind, fieldManager="m")
        assert answer.status == 409
        assert answer.message.startswith(
            'Operation cannot be fulfilled on deployments/scale.apps "a": Precondition failed: UID in precondition: '
        )

    on_server(scenario)


def test_a_float_of_an_applied_scale_isnt_converted(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await _deploy(call)
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 1.5}}
        answer = await call("PATCH", SCALE, scale, patch="apply", fieldManager="m", force="true")
        assert answer.status == 500
        assert answer.message == (
            "failed to convert new object (/; autoscaling/v1, Kind=Scale) to proper version: unable to convert "
            "unstructured object to autoscaling/v1, Kind=Scale: cannot convert float64 to int32"
        )

    on_server(scenario)


def test_a_deletion_of_all_is_done_though_its_answer_cant_be_shown(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await _deploy(call)
        assert (await call("DELETE", DEPLOYMENTS, accept=PARTIAL)).status == 406
        assert (await call("GET", f"{DEPLOYMENTS}/a")).status == 404

    on_server(scenario)
