"""A kind of a test's own, on a server that has never heard of it."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit import Resource
from reconcilekit.testing import CUSTOM_RESOURCE_DEFINITION, ApiServer, VirtualClock, custom_kind, run_virtual


def created(resource: Resource, definition: dict[str, Any], obj: dict[str, Any]) -> ApiServer:
    """A server that was given the definition, and then an object of the kind."""

    async def main(clock: VirtualClock) -> ApiServer:
        server = ApiServer(clock=clock)
        user = server.client("kubectl")
        await user.create(CUSTOM_RESOURCE_DEFINITION, definition)
        await user.create(resource, obj)
        return server

    return run_virtual(main)


def test_a_kind_is_namespaced_has_a_status_and_takes_any_field() -> None:
    website = Resource("example.com/v1", "Website")
    obj = {"apiVersion": "example.com/v1", "kind": "Website", "metadata": {"name": "a", "namespace": "n"}, "any": [1]}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}

    async def main(clock: VirtualClock) -> tuple[Any, Any]:
        server = ApiServer(clock=clock)
        user = server.client("kubectl")
        await user.create(Resource("v1", "Namespace"), namespace)
        await user.create(CUSTOM_RESOURCE_DEFINITION, custom_kind(website))
        made = await user.create(website, {**obj, "status": {"is": "left out by a create"}})
        assert "status" not in made.decode()
        await user.update_status(website, {**made.decode(), "status": {"is": "taken"}})
        return server.object(website, "a", namespace="n"), server.count(path="/apis/example.com/v1/namespaces/n/*")

    found, writes = run_virtual(main)
    assert found["any"] == [1]
    assert found["status"] == {"is": "taken"}
    assert writes == 2


def test_a_kind_may_be_cluster_scoped_without_status_and_have_a_plural_of_its_own() -> None:
    policy = Resource("example.com/v1beta1", "Policy")
    definition = custom_kind(policy, plural="policies", is_namespaced=False, has_status=False)
    obj = {"apiVersion": "example.com/v1beta1", "kind": "Policy", "metadata": {"name": "p"}, "status": {"is": "plain"}}

    server = created(policy, definition, obj)

    assert (server.object(policy, "p") or {})["status"] == {"is": "plain"}
    assert server.count(method="POST", path="/apis/example.com/v1beta1/policies", status=201) == 1


def test_nobody_adds_to_the_core_group() -> None:
    with pytest.raises(ValueError, match=r"Widget\.v1 is of the core group"):
        custom_kind(Resource("v1", "Widget"))


def test_a_client_of_the_server_goes_by_its_name() -> None:
    settings = Resource("v1", "ConfigMap")
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default"},
        "data": {"a": "b"},
    }

    async def main(clock: VirtualClock) -> ApiServer:
        server = ApiServer(clock=clock)
        await server.client("me").apply(settings, obj)
        return server

    server = run_virtual(main)
    (entry,) = (server.object(settings, "c", namespace="default") or {})["metadata"]["managedFields"]
    assert entry["manager"] == "me"
    assert {record.user_agent for record in server.requests} == {"me"}
