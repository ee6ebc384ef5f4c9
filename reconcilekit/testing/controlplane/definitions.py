"""Kinds of one's own on a real server, at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.controlplane.rest import AdminClient

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_LONG_AGO = "2000-01-01T00:00:00Z"


def install(admin: AdminClient, definition: Mapping[str, Any], *, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Create a CustomResourceDefinition; its kinds are served and can be created when this returns.

    Args:
        admin: may create definitions and write their status.
        definition: one that the server accepts.
        wait: returns once what it is given is true.
    """
    admin.demand("POST", _COLLECTION, definition)
    await_served(admin, definition, wait=wait)


def await_served(
    admin: AdminClient, definition: Mapping[str, Any], *, wait: Callable[[Callable[[], bool]], None]
) -> None:
    """The kinds of a definition that was accepted are served and can be created when this returns."""
    path = f"{_COLLECTION}/{definition['metadata']['name']}"
    wait(lambda: _put_back(admin, path))
    spec = definition["spec"]
    served = {(spec["group"], each["name"], spec["names"]["plural"]) for each in spec["versions"] if each["served"]}
    wait(lambda: served <= _discovered(admin))
    for group, version, plural in served:
        admin.get(f"/apis/{group}/{version}/{plural}")


def _put_back(admin: AdminClient, path: str) -> bool:
    """Say that the definition was established long ago, once it is.

    apiextensions-apiserver's customresource_handler.go sleeps for 2 s in a `create` otherwise.
    """
    found = admin.get(path)
    established = [
        condition
        for condition in found["status"]["conditions"] or ()
        if condition["type"] == "Established" and condition["status"] == "True"
    ]
    for condition in established:
        condition["lastTransitionTime"] = _LONG_AGO
    # A conflict means that the server has just written more of the status: look again.
    return bool(established) and admin.ask("PUT", f"{path}/status", found)[0] == 200


def _discovered(admin: AdminClient) -> set[tuple[str, str, str]]:
    return {
        (group["metadata"]["name"], version["version"], found["resource"])
        for group in admin.get("/apis", accept=_DISCOVERY)["items"]
        for version in group["versions"]
        for found in version.get("resources", ())
    }
