"""Objects that say a version of their kind that was served once, and still is known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}
KINDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("Deployment", DEPLOYMENTS, DEPLOYMENT, "apps/v1beta1"),
    ("Deployment", DEPLOYMENTS, DEPLOYMENT, "extensions/v1beta1"),
    ("Lease", "/apis/coordination.k8s.io/v1/namespaces/default/leases", {}, "coordination.k8s.io/v1beta1"),
    ("Role", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", {}, "rbac.authorization.k8s.io/v1alpha1"),
]


@pytest.mark.parametrize(("kind", "path", "body", "earlier"), KINDS)
def test_a_patch_to_one_is_taken_for_the_version_that_is_served(
    on_server: Any, kind: str, path: str, body: dict[str, Any], earlier: str
) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", path, {"metadata": {"name": "x", "labels": {"n": "0"}}, **body})
        version = made.body["apiVersion"]

        merged = await call(
            "PATCH", f"{path}/x", {"apiVersion": earlier, "metadata": {"labels": {"n": "1"}}}, patch="merge"
        )
        operations = [{"op": "replace", "path": "/apiVersion", "value": earlier}]
        replaced = await call("PATCH", f"{path}/x", operations, patch="json")

        for answer in (merged, replaced, await call("GET", f"{path}/x")):
            assert answer.status == 200
            assert (answer.body["kind"], answer.body["apiVersion"]) == (kind, version)
            assert answer.body["metadata"]["labels"] == {"n": "1"}
            assert {entry["apiVersion"] for entry in answer.body["metadata"]["managedFields"]} == {version}

    on_server(scenario)


@pytest.mark.parametrize(("kind", "path", "body", "earlier"), KINDS)
def test_one_in_a_create_or_an_update_is_not_the_path_s(
    on_server: Any, kind: str, path: str, body: dict[str, Any], earlier: str
) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", path, {"metadata": {"name": "x"}, **body})
        said = f"the API version in the data ({earlier}) does not match the expected API version"

        other = {"apiVersion": earlier, "kind": kind, "metadata": {"name": "x"}, **body}
        for answer in (await call("POST", path, other), await call("PUT", f"{path}/x", other)):
            assert (answer.status, answer.message) == (400, f"{said} ({made.body['apiVersion']})")

    on_server(scenario)


def test_one_with_other_fields_is_refused(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
        backend = {"service": {"name": "s", "port": {"number": 1}}}
        await call("POST", path, {"metadata": {"name": "x"}, "spec": {"defaultBackend": backend}})

        answer = await call("PATCH", f"{path}/x", {"apiVersion": "extensions/v1beta1"}, patch="merge")

        assert (answer.status, answer.body["reason"]) == (422, "Invalid")

    on_server(scenario)


def test_one_of_another_kind_is_no_such_object(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        other = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}}
        answer = await call("POST", "/api/v1/namespaces/default/configmaps", other)

        why = "converting (v1beta1.Deployment) to (core.ConfigMap): unknown conversion"
        said = f'Deployment in version "v1beta1" cannot be handled as a ConfigMap: {why}'
        assert (answer.status, answer.message) == (400, said)

    on_server(scenario)
