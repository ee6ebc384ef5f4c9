"""A whole world in one process and no time: the embedded API server, a client, and a manager on a virtual clock."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import attrs

from reconcilekit import Client, Manager, ObjectKey, Reconciler, Resource, RunReport
from reconcilekit.testing import CUSTOM_RESOURCE_DEFINITION, VirtualClock, custom_kind, run_virtual
from reconcilekit.testing.apiserver import ApiServer
from reconcilekit.testing.stepped_threads import SteppedThreads
from tests.worlds import api_server, real_world

T = TypeVar("T")

CRD = CUSTOM_RESOURCE_DEFINITION
WIDGET = Resource("example.com/v1", "Widget")
GADGET = Resource("example.com/v1", "Gadget")
CONFIG_MAP = Resource("v1", "ConfigMap")
SECRET = Resource("v1", "Secret")
NAMESPACE = Resource("v1", "Namespace")
EVENT = Resource("v1", "Event")

SETTLED = 3.0
"""Virtual seconds in which everything that follows from a change has happened, lags of tests included."""


def crd(kind: str, *, scope: str = "Namespaced", status: bool = True) -> dict[str, Any]:
    """A CRD of example.com/v1 without validation."""
    return custom_kind(Resource("example.com/v1", kind), is_namespaced=scope == "Namespaced", has_status=status)


def widget(name: str, *, namespace: str = "default", **spec: Any) -> dict[str, Any]:
    """A Widget."""
    return obj(WIDGET, name, namespace=namespace, spec=spec)


def config_map(
    name: str, *, namespace: str = "default", labels: dict[str, str] | None = None, **data: str
) -> dict[str, Any]:
    """A ConfigMap."""
    return obj(CONFIG_MAP, name, namespace=namespace, labels=labels, data=data)


def obj(
    resource: Resource, name: str, *, namespace: str = "default", labels: dict[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    """Any object."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace} if namespace else {"name": name}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **fields}


def key(name: str, namespace: str = "default") -> ObjectKey:
    """The key of an object."""
    return ObjectKey(namespace, name)


@attrs.define
class World:
    """What a test acts on."""

    clock: VirtualClock
    server: ApiServer
    user: Client
    """Somebody with kubectl: a client of its own, with a field manager of its own."""
    reports: list[RunReport] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def running(self, *reconcilers: Reconciler, **options: Any) -> AsyncIterator[Manager]:
        """A manager over these reconcilers; `options` go to each `Manager.add`."""
        manager = self.manager(*reconcilers, **options)
        async with manager.running():
            await self.settle()
            yield manager

    def manager(self, *reconcilers: Reconciler, name: str = "tests", **options: Any) -> Manager:
        """A manager that isn't running yet."""
        client = Client(self.server.transport(user_agent=name), clock=self.clock, field_manager=name)
        manager = Manager(client, clock=self.clock, workers=SteppedThreads(), name=name)
        manager.subscribe(self.reports.append)
        for reconciler in reconcilers:
            manager.add(reconciler, **options)
        return manager

    async def settle(self, seconds: float = SETTLED) -> None:
        """Let everything happen that follows."""
        await self.clock.sleep(seconds)

    async def create(self, *objects: dict[str, Any]) -> None:
        """As the user."""
        for each in objects:
            await self.user.create(Resource(each["apiVersion"], each["kind"]), each)

    async def patch(self, resource: Resource, name: str, patch: dict[str, Any], *, namespace: str = "default") -> None:
        """As the user: a merge patch."""
        await self.user.merge_patch(resource, ObjectKey(namespace, name), patch)

    async def delete(self, resource: Resource, name: str, *, namespace: str = "default") -> None:
        """As the user."""
        await self.user.delete(resource, ObjectKey(namespace, name))

    async def get(self, resource: Resource, name: str, *, namespace: str = "default") -> dict[str, Any]:
        """What the server has."""
        found = self.server.object(resource, name, namespace=namespace)
        assert found is not None, f"the server has no {resource} {namespace}/{name}"
        return found

    def has(self, resource: Resource, name: str, *, namespace: str = "default") -> bool:
        """True where the server has it."""
        return self.server.object(resource, name, namespace=namespace) is not None

    async def condition(self, name: str, type_: str = "Ready", *, resource: Resource = WIDGET) -> dict[str, Any]:
        """A condition of an object, without its times; empty where it has none."""
        conditions = ((await self.get(resource, name)).get("status") or {}).get("conditions", [])
        found: dict[str, Any] = next((each for each in conditions if each["type"] == type_), {})
        return {name: value for name, value in found.items() if name != "lastTransitionTime"}

    def writes(self, *, by: str = "tests") -> list[str]:
        """What a manager has sent that changes something, events aside: "PUT .../status", as method and path."""
        return [
            f"{record.method} {record.path}"
            for record in self.server.requests
            if record.method != "GET" and record.user_agent == by and "/events" not in record.path
        ]

    def runs(self, name: str) -> list[RunReport]:
        """The runs of a key so far."""
        return [report for report in self.reports if report.key.name == name]


def simulate(test: Callable[[World], Coroutine[Any, Any, T]], *, seed: int = 0) -> T:
    """Run a test in a fresh world that serves Widgets and Gadgets."""

    async def main(clock: VirtualClock) -> T:
        server = api_server(clock)
        user = Client(server.transport(user_agent="kubectl"), clock=clock, field_manager="kubectl")
        world = World(clock, server, user)
        await world.create(crd("Widget"), crd("Gadget"))
        return await test(world)

    return run_virtual(main, seed=seed, outside=real_world())
