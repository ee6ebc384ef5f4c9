"""The work that everybody does in `benchmarks.converge`: one ConfigMap and one status for each Widget."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from reconcilekit import Client, Resource

CRD = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition")
WIDGET = Resource("example.com/v1", "Widget")
CONFIG_MAP = Resource("v1", "ConfigMap")

NAMESPACE = "default"

WRITES_EACH = 2
"""Per Widget: its ConfigMap, its status."""

IN_FLIGHT = 32
"""Requests that are under way at once: keys that run at once in the framework, tasks in the bare loop."""


@attrs.frozen(kw_only=True)
class Measured:
    """What one process reports of its work.

    Attributes:
        cpu: seconds of processor time of this process alone, user and system.
        wall: seconds from the start to the answer of the last write.
        writes: requests that changed something.
        memory: the process's peak resident size in bytes, the interpreter's 10 MB included.
    """

    cpu: float
    wall: float
    writes: int
    memory: int


def definition() -> dict[str, Any]:
    """The CRD of Widgets, with a status subresource."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "apiVersion": CRD.api_version,
        "kind": CRD.kind,
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def widget(number: int) -> dict[str, Any]:
    """One Widget as its user creates it."""
    metadata = {"name": f"w{number:05}", "namespace": NAMESPACE, "labels": {"app": "bench"}}
    spec = {"size": number % 7, "color": "blue"}
    return {"apiVersion": WIDGET.api_version, "kind": WIDGET.kind, "metadata": metadata, "spec": spec}


def config_map(owner: dict[str, Any]) -> dict[str, Any]:
    """What a Widget gets, without the owner reference."""
    metadata = {"name": owner["metadata"]["name"], "namespace": NAMESPACE, "labels": {"app": "bench"}}
    data = {"size": str(owner["spec"]["size"]), "color": owner["spec"]["color"]}
    return {"apiVersion": CONFIG_MAP.api_version, "kind": CONFIG_MAP.kind, "metadata": metadata, "data": data}


async def populate(client: Client, count: int) -> None:
    """Have the server serve Widgets, and create them."""
    await client.create(CRD, definition())
    for number in range(count):
        await client.create(WIDGET, widget(number))


async def widgets(client: Client) -> list[dict[str, Any]]:
    """All Widgets as the server has them."""
    return await _every(client, WIDGET)


async def check(client: Client, count: int) -> None:
    """Raise where the server doesn't have what all that work should have left."""
    made = {obj["metadata"]["name"]: obj for obj in await _every(client, CONFIG_MAP)}
    found = await widgets(client)
    if len(found) != count:
        raise AssertionError(f"{len(found)} Widgets, not {count}")
    for obj in found:
        name, uid = obj["metadata"]["name"], obj["metadata"]["uid"]
        (owner,) = made[name]["metadata"]["ownerReferences"]
        (condition,) = obj["status"]["conditions"]
        if (owner["uid"], made[name]["data"]) != (uid, config_map(obj)["data"]):
            raise AssertionError(f"ConfigMap {name} isn't as it should be: {made[name]}")
        if (condition["type"], condition["status"], obj["status"]["observedGeneration"]) != ("Ready", "True", 1):
            raise AssertionError(f"Widget {name} has the status {obj['status']}")


async def revision(client: Client) -> int:
    """How far the server has come: each write that changes something raises it by one."""
    return int((await client.list_page(CRD, limit=1)).resource_version)


async def _every(client: Client, resource: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await client.list_page(resource, namespace=NAMESPACE, continue_token=token)
        found += [msgspec.json.decode(item.raw) for item in page.items]
        token = page.continue_token
        if not token:
            return found
