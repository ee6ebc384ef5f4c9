"""Objects of a custom kind whose versions have schemas of their own, as a real kube-apiserver keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

GROUP = "example.com"
PLURAL = "things"
NEW = f"/apis/{GROUP}/v1/namespaces/default/{PLURAL}"
OLD = f"/apis/{GROUP}/v1beta1/namespaces/default/{PLURAL}"

COMMON: dict[str, Any] = {"size": {"type": "integer"}, "replicas": {"type": "integer"}}
SPECS: dict[str, dict[str, Any]] = {
    "v1": {
        **COMMON,
        "steps": {"type": "array", "items": {"type": "string"}},
        "color": {"type": "string", "default": "red"},
    },
    "v1beta1": {**COMMON, "old": {"type": "integer"}, "mark": {"type": "string", "nullable": True, "default": "mark"}},
}


COLOR: dict[str, Any] = {"type": "string"}


def version(name: str, **more: Any) -> dict[str, Any]:
    spec = {"type": "object", "properties": {**SPECS[name], **more}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    return {
        "name": name,
        "served": True,
        "storage": name == "v1",
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
        "subresources": {"scale": scale},
    }


async def define(call: Caller, **more: Any) -> None:
    """Have the kind served, with these fields in the specs of both versions."""
    names = {"plural": PLURAL, "singular": "thing", "kind": "Thing"}
    versions = [version(name, **more) for name in SPECS]
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}
    definition = {"metadata": {"name": f"{PLURAL}.{GROUP}"}, "spec": spec}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await call("POST", path, definition)).status == 201
    assert (await call("GET", OLD)).status == 200


def thing(spec: Any = None, *, api_version: str = "v1") -> dict[str, Any]:
    identity = {"apiVersion": f"{GROUP}/{api_version}", "kind": "Thing", "metadata": {"name": "a"}}
    return identity if spec is None else {**identity, "spec": spec}


async def apply(call: Caller, path: str, config: dict[str, Any], manager: str = "m") -> Any:
    return await call("PATCH", f"{path}/a", config, patch="apply", fieldManager=manager, force="true")


def test_another_version_shows_no_defaults_of_its_own_until_something_changes(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await apply(call, NEW, thing({"size": 1}))
        assert created.body["spec"] == {"size": 1, "color": "red"}
        assert (await call("GET", f"{OLD}/a")).body["spec"] == {"size": 1}
        same = await apply(call, OLD, thing(api_version="v1beta1"), "other")
        assert (same.body["spec"], same.body["metadata"]["generation"]) == ({"size": 1}, 1)
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 2}}
        assert (await call("PUT", f"{OLD}/a/scale", scale)).status == 200
        assert (await call("GET", f"{OLD}/a")).body["spec"] == {"size": 1, "replicas": 2}
        changed = await call("PATCH", f"{OLD}/a", {"spec": {"size": 2}}, patch="merge")
        assert changed.body["spec"] == {"size": 2, "replicas": 2}

    on_server(scenario)


def test_a_write_in_another_version_loses_what_that_doesnt_know(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", NEW, thing({"size": 1, "steps": ["a"]}))
        assert (await call("GET", f"{OLD}/a")).body["spec"] == {"size": 1}
        nothing = await call("PATCH", f"{OLD}/a", {}, patch="merge")
        assert int(nothing.version) > int(created.version)
        assert (await call("GET", f"{NEW}/a")).body["spec"] == {"size": 1, "color": "red"}

    on_server(scenario)


def test_who_writes_what_another_version_doesnt_know_owns_nothing_by_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await apply(call, NEW, thing({"size": 1}))
        changed = await call("PATCH", f"{OLD}/a", {"spec": {"size": 2, "old": 3}}, patch="merge")
        assert changed.body["metadata"]["managedFields"] == created.body["metadata"]["managedFields"]
        refused = await apply(call, OLD, thing({"size": 3, "old": 3}, api_version="v1beta1"), "other")
        assert (refused.status, refused.message) == (
            500,
            "failed to convert new object: .spec.old: field not declared in schema",
        )

    on_server(scenario)


UNKNOWN = ".spec.steps: field not declared in schema"
STEPS = {"size": 1, "steps": ["a"]}


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (["old by m", "put steps", "new by m"], ""),
        (["old by m", "put steps", "new by other"], ""),
        (["old by m", "steps by other"], "failed to convert new object: "),
        (
            ["old by m", "steps by m"],
            "failed to prune fields: failed to convert merged object to last applied version: ",
        ),
        (
            ["old by m", "new by other", "steps by other"],
            "failed to prune fields: failed add back owned items: failed to convert merged object at version old: ",
        ),
    ],
)
def test_an_apply_must_fit_every_version_in_which_somebody_owns_something(
    on_server: Any, steps: list[str], problem: str
) -> None:
    async def take(call: Caller, step: str) -> Any:
        what, _, manager = step.partition(" by ")
        match what:
            case "put steps":
                return await call("PATCH", f"{NEW}/a", {"spec": {"steps": ["a"]}}, patch="merge")
            case "old":
                return await apply(call, OLD, thing({"size": 1}, api_version="v1beta1"), manager)
            case _:
                return await apply(call, NEW, thing(STEPS if what == "steps" else {"size": 1}), manager)

    async def scenario(call: Caller) -> None:
        await define(call, color=COLOR)
        *before, last = steps
        for step in before:
            assert (await take(call, step)).status in (200, 201)
        refused = await take(call, last)
        assert (refused.status, refused.message.replace(f"{GROUP}/v1beta1", "old")) == (500, problem + UNKNOWN)

    on_server(scenario)


def test_a_body_is_read_by_the_version_that_it_says(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        refused = await call("POST", OLD, thing({"steps": ["a"]}), fieldValidation="Strict")
        assert refused.message.startswith("the API version in the data (example.com/v1) does not match")

    on_server(scenario)
