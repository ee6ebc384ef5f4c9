"""Scales, and what custom kinds' scales do otherwise than those of built-in kinds; as a real kube-apiserver does it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller
from tests.testing.apiserver.custom_widgets import BETA, WIDGETS, apply, define, widget

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
NO_KIND = 'no kind is registered for the type v1.Scale in scheme "pkg/runtime/scheme.go:111"'


def scale(replicas: Any = 1, **more: Any) -> dict[str, Any]:
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": replicas}}
    return {**body, **more}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(scale("x"), id="wrong type"),
        pytest.param(scale(kind="Other"), id="another kind"),
        pytest.param(scale(apiVersion="v9"), id="another version"),
        pytest.param(scale(unknown=1), id="unknown field"),
        pytest.param(b"{", id="no JSON"),
        pytest.param([], id="no object"),
    ],
)
def test_what_is_wrong_with_a_custom_kinds_scale_is_not_told(on_server: Any, body: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        refused = await call("PUT", f"{WIDGETS}/a/scale", body, fieldValidation="Strict")
        assert (refused.status, refused.message) == (400, NO_KIND)

    on_server(scenario)


def test_a_deployments_scale_is_read_as_the_struct_that_it_is(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await _deployment(call)
        path = f"{DEPLOYMENTS}/a/scale"
        refused = await call("PUT", path, scale("x"))
        why = "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32"
        assert (refused.status, refused.message) == (
            400,
            f'Scale in version "v1" cannot be handled as a Scale: {why}',
        )
        strict = await call("PUT", path, scale(x=1), fieldValidation="Strict")
        assert 'strict decoding error: unknown field "x"' in strict.message
        elsewhere = await call("PUT", path, scale(metadata={"name": "a", "namespace": "other"}))
        assert elsewhere.message.startswith("the namespace of the provided object does not match")
        missing = await call("PUT", f"{DEPLOYMENTS}/b/scale", scale(-1, metadata={"name": "b"}))
        assert missing.status == 404
        other = await call("PATCH", path, {"kind": "Other"}, patch="merge")
        assert 'no kind "Other" is registered for version "autoscaling/v1"' in other.message

    on_server(scenario)


def test_a_custom_objects_scale_is_held_against_its_schema(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        assert (await call("PUT", f"{WIDGETS}/a/scale", scale(-1))).status == 404
        await call("POST", WIDGETS, widget({"size": 1}))
        for verb, patch in (("PUT", ""), ("PATCH", "merge")):
            refused = await call(verb, f"{WIDGETS}/a/scale", scale(-1), patch=patch)
            assert refused.message == (
                'Widget.example.com "a" is invalid: [spec.replicas: Invalid value: -1: spec.replicas in body should be '
                "greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]"
            )

    on_server(scenario)


def test_replicas_that_nobody_set_must_be_set_by_a_patch(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}))
        path = f"{WIDGETS}/a/scale"
        assert (await call("PATCH", path, {}, patch="merge")).message == (
            'the spec replicas field ".spec.replicas" cannot be empty'
        )
        zero = await call("PATCH", path, {"spec": {"replicas": None}}, patch="merge")
        assert (zero.status, zero.body["spec"]) == (200, {})

    on_server(scenario)


def test_a_scale_through_one_version_leaves_what_is_owned_in_another(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", WIDGETS, widget({"size": 1}))
        assert (await call("PUT", f"{BETA}/a/scale", scale(2))).status == 200
        found = await call("GET", f"{WIDGETS}/a")
        assert found.body["metadata"]["managedFields"] == created.body["metadata"]["managedFields"]

    on_server(scenario)


def test_an_apply_below_an_object_looks_for_the_object_first(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        config = widget({"size": 1})
        missing = await call("PATCH", f"{BETA}/a/status", config, patch="apply", fieldManager="m")
        assert missing.status == 404
        await apply(call, config)
        refused = await call("PATCH", f"{BETA}/a/status", config, patch="apply", fieldManager="m")
        assert refused.message == "invalid object type: example.com/v1, Kind=Widget"
        owned = await call("PATCH", f"{WIDGETS}/a/scale", scale("x"), patch="apply", fieldManager="m")
        assert owned.message.startswith("failed to create manager for existing fields: failed to convert live object")

    on_server(scenario)


async def _deployment(call: Caller) -> None:
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pod}
    assert (await call("POST", DEPLOYMENTS, {"metadata": {"name": "a"}, "spec": spec})).status == 201


def test_an_apply_can_never_change_a_custom_objects_scale(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await apply(call, widget({"size": 1, "replicas": 1}))
        path, query = f"{WIDGETS}/a/scale", {"fieldManager": "n", "force": "true"}
        assert (await call("PATCH", path, scale(1), patch="apply", **query)).status == 200
        refused = await call("PATCH", path, scale(2), patch="apply", **query)
        assert refused.message == (
            "failed to convert new object (/a; autoscaling/v1, Kind=Scale) to proper version: request to convert CR to "
            "an invalid group/version: autoscaling/v1"
        )

    on_server(scenario)


def test_a_bad_patch_of_a_scale_quotes_who_owns_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await apply(call, widget({"size": 1, "replicas": 1}))
        refused = await call("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": "x"}}, patch="merge")
        owner = r"\"managedFields\":[{\"manager\":\"m\",\"operation\":\"Apply\",\"apiVersion\":\"autoscaling/v1\","
        assert owner in refused.message

    on_server(scenario)


def test_what_cant_be_shown_is_told_last(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io", "includeObject": "x"}
        assert (await call("GET", f"{WIDGETS}/a", **table)).status == 404
        assert "parsing" in (await call("GET", WIDGETS, limit="x", **table)).message
        assert "Unable to convert to Table" in (await call("POST", WIDGETS, widget({"size": 1}), **table)).message
        assert (await call("GET", f"{WIDGETS}/a")).status == 200

    on_server(scenario)
