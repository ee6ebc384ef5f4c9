"""A custom kind with a status, a scale, a rule and two versions, and what tests do with it."""

from __future__ import annotations

from typing import Any

from tests.testing.apiserver.conftest import Caller

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "example.com"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/default/widgets"
BETA = WIDGETS.replace("/v1/", "/v1beta1/")

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "replicas": {"type": "integer", "minimum": 0},
        "parts": {"type": "array", "items": {"type": "string"}},
        "nullable": {"type": "string", "nullable": True},
        "color": {"type": "string", "default": "red"},
        "nested": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
    "x-kubernetes-validations": [{"rule": "self.size < 100"}],
}
STATUS = {"type": "object", "properties": {"replicas": {"type": "integer"}}}


def version(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}
    paths = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    return {
        "name": name,
        "served": True,
        "storage": name == "v1",
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": paths},
    }


async def define(call: Caller) -> None:
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version("v1"), version("v1beta1")]}
    body = {"metadata": {"name": f"widgets.{GROUP}"}, "spec": spec}
    assert (await call("POST", DEFINITIONS, body)).status == 201
    assert (await call("GET", WIDGETS)).status == 200


def widget(spec: Any = None, *, api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    identity = {"apiVersion": f"{GROUP}/{api_version}", "kind": "Widget"}
    return {**identity, "metadata": {"name": "a", **metadata}, **({} if spec is None else {"spec": spec})}


async def apply(call: Caller, config: dict[str, Any], path: str = WIDGETS, **query: str) -> Any:
    return await call("PATCH", f"{path}/a", config, patch="apply", fieldManager="m", **query)
