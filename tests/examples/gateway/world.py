"""The Gateway controllers in one process and no time: a server, a user, and Envoys that do as they are told."""

from __future__ import annotations

import base64
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from examples.gateway.certificates import KeyPair
from examples.gateway.controllers import add_controllers, gateway_state, scope_of
from examples.gateway.demo.certificates import Authority
from examples.gateway.fleet import Fleet
from examples.gateway.kinds import ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, SERVICE
from examples.gateway.manifests import CRDS, DEMO, load_manifests
from examples.gateway.snapshot import Snapshot, check
from reconcilekit import Client, Manager, ObjectKey, Resource, RunReport, StateStore
from reconcilekit.state import Publication
from reconcilekit.testing import VirtualClock, run_virtual
from reconcilekit.testing.apiserver import ApiServer
from reconcilekit.testing.apiserver import Snapshot as ServerSnapshot
from reconcilekit.testing.stepped_threads import SteppedThreads
from reconcilekit.testing.virtual_time import EPOCH
from tests.worlds import api_server, real_world

T = TypeVar("T")

CONTROLLER = "gateway"
"""The controllers' field manager and user agent."""

PUBLIC, INTERNAL = ObjectKey("edge", "public"), ObjectKey("edge", "internal")
HTTP_PORT, HTTPS_PORT, INTERNAL_PORT = 10080, 10443, 10081
TOKEN = "open-sesame"

SETTLED = 5.0
"""Virtual seconds in which everything that follows from a change has happened, lags of tests included."""

ENVOY_TAKES = 0.002
"""Seconds from a publication to Envoy's answer, as measured on Envoy 1.40.0."""

Entries = Mapping[str, Any]
Verdict = Callable[[Publication], str]
"""What an Envoy says of a publication: "" takes it, anything else refuses it."""


@functools.cache
def certificate(hostname: str) -> KeyPair:
    """A certificate for a host name, the same one in all tests of a process."""
    return _authority().issue([hostname])


@functools.cache
def _authority() -> Authority:
    return Authority.create(now=EPOCH)


def encoded(value: bytes | str) -> str:
    """As a Secret holds it."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def manifests() -> list[dict[str, Any]]:
    """The example's own manifests with their placeholders filled, routes last and by their names.

    Among routes that match alike the oldest counts, and the names of those that are as old. On a real server a second
    may end between any two of them, and so it's the same whether it does.
    """
    shop, admin = certificate("shop.example.com"), certificate("*.admin.example.com")
    values = {
        "HTTP_PORT": str(HTTP_PORT),
        "HTTPS_PORT": str(HTTPS_PORT),
        "INTERNAL_PORT": str(INTERNAL_PORT),
        "SHOP_CERTIFICATE": encoded(shop.certificate),
        "SHOP_KEY": encoded(shop.private_key),
        "ADMIN_CERTIFICATE": encoded(admin.certificate),
        "ADMIN_KEY": encoded(admin.private_key),
        "ADMIN_TOKEN": encoded(TOKEN),
        "BACKENDS": "127.0.0.1",
        **{f"{name}_PORT": str(port) for port, name in enumerate(("STORE", "CART", "CANARY", "LEDGER"), 9001)},
    }
    loaded = list(load_manifests(DEMO, values))
    routes = [each for each in loaded if each["kind"] == HTTP_ROUTE.kind]
    others = [each for each in loaded if each["kind"] != HTTP_ROUTE.kind]
    return [*others, *sorted(routes, key=lambda each: str(each["metadata"]["name"]))]


class FakeEnvoy:
    """A subscriber that answers as it is told, and remembers what it was offered.

    Attributes:
        name: its node id.
        publications: what it was offered, oldest first.
        serving: what it took last.
    """

    def __init__(self, name: str, clock: VirtualClock, verdict: Verdict) -> None:
        self.name = name
        self.publications: list[Entries] = []
        self.serving: Entries = {}
        self._clock = clock
        self._verdict = verdict

    def offer(self, publication: Publication) -> None:
        entries = {name: entry.value for name, entry in publication.entries.items()}
        self.publications.append(entries)
        self._clock.call_later(ENVOY_TAKES, lambda: self._answer(publication, entries))

    def _answer(self, publication: Publication, entries: Entries) -> None:
        refusal = self._verdict(publication)
        if refusal == SILENT:
            return
        if refusal:
            publication.nack(refusal)
        else:
            self.serving = entries
            publication.ack()


SILENT = "says nothing"
"""The verdict of an Envoy that never answers."""


@attrs.define
class FakeEnvoys:
    """Stands where the ADS server stands; its Envoys live on when controllers are restarted."""

    clock: VirtualClock
    verdict: Verdict = lambda publication: ""
    by_name: dict[str, FakeEnvoy] = attrs.field(factory=dict)

    def node(self, node_id: str) -> FakeEnvoy:
        if node_id not in self.by_name:
            self.by_name[node_id] = FakeEnvoy(node_id, self.clock, lambda publication: self.verdict(publication))
        return self.by_name[node_id]


@attrs.define
class World:
    """What a test acts on."""

    clock: VirtualClock
    server: ApiServer
    user: Client
    envoys: FakeEnvoys
    state: StateStore = attrs.field(factory=gateway_state)
    reports: list[RunReport] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def controllers(self, *, settle: float = SETTLED) -> AsyncIterator[Manager]:
        """A fresh start of the controllers, as in a new pod: nothing is known from before."""
        self.state = gateway_state()
        transport = self.server.transport(user_agent=CONTROLLER)
        client = Client(transport, clock=self.clock, field_manager=CONTROLLER)
        manager = Manager(client, clock=self.clock, workers=SteppedThreads(), name=CONTROLLER, state=self.state)
        manager.subscribe(self.reports.append)
        with Fleet(self.state, self.envoys):
            async with add_controllers(manager).running():
                await self.settle(settle)
                yield manager

    async def settle(self, seconds: float = SETTLED) -> None:
        """Let everything happen that follows."""
        await self.clock.sleep(seconds)

    async def create(self, *objects: dict[str, Any]) -> None:
        """As the user."""
        for each in objects:
            accepted = each if real_world() is None else without_loopback(each)
            await self.user.create(Resource(each["apiVersion"], each["kind"]), accepted)

    async def patch(self, resource: Resource, name: str, patch: dict[str, Any], *, namespace: str = "shop") -> None:
        """As the user: a merge patch."""
        await self.user.merge_patch(resource, ObjectKey(namespace, name), patch)

    async def delete(self, resource: Resource, name: str, *, namespace: str = "shop") -> None:
        """As the user."""
        await self.user.delete(resource, ObjectKey(namespace, name))

    async def take_away(self, resource: Resource, name: str, *, namespace: str = "shop") -> dict[str, Any]:
        """Delete it as the user, and give what creates it again."""
        found = self.get(resource, name, namespace=namespace)
        await self.delete(resource, name, namespace=namespace)
        kept = ("name", "namespace", "labels")
        metadata = {field: found["metadata"][field] for field in kept if field in found["metadata"]}
        return {**{field: value for field, value in found.items() if field != "status"}, "metadata": metadata}

    def get(self, resource: Resource, name: str, *, namespace: str = "shop") -> dict[str, Any]:
        """What the server has."""
        found = self.server.object(resource, name, namespace=namespace)
        assert found is not None, f"the server has no {resource} {namespace}/{name}"
        return found

    def gateway_condition(self, type_: str, name: str = "public") -> tuple[str, str, str]:
        """Status, reason and message of a condition of a Gateway; it's about the current generation."""
        return _condition(self.get(GATEWAY, name, namespace="edge"), type_)

    def listener_condition(self, listener: str, type_: str, *, gateway: str = "public") -> tuple[str, str]:
        """Status and reason of a condition of a listener."""
        status = self.get(GATEWAY, gateway, namespace="edge")["status"]
        (found,) = (each for each in status["listeners"] if each["name"] == listener)
        return next((c["status"], c["reason"]) for c in found["conditions"] if c["type"] == type_)

    def parents(self, route: str) -> dict[str, dict[str, str]]:
        """What a route's status says, by parent's name: each condition's reason, "!" before it unless it's True."""
        parents = (self.get(HTTP_ROUTE, route).get("status") or {}).get("parents", [])
        return {
            parent["parentRef"]["name"]: {
                c["type"]: ("" if c["status"] == "True" else "!") + c["reason"] for c in parent["conditions"]
            }
            for parent in parents
        }

    def published(self, gateway: ObjectKey = PUBLIC) -> Snapshot:
        """What a Gateway's Envoy has taken; empty where it has none."""
        return Snapshot.from_entries(self.envoys.node(scope_of(gateway)).serving)

    def publications(self, gateway: ObjectKey = PUBLIC) -> list[Entries]:
        """All that a Gateway's Envoy was offered so far."""
        return self.envoys.node(scope_of(gateway)).publications

    def writes(self, *, since: int = 0) -> list[str]:
        """What the controllers have sent that changes something, events aside."""
        return [
            f"{record.method} {record.path}"
            for record in list(self.server.requests)[since:]
            if record.method != "GET" and record.user_agent == CONTROLLER and "/events" not in record.path
        ]

    def outcome(self) -> dict[str, Any]:
        """Where all of it ended: every status without its times, and what the Envoys serve."""
        statuses = {
            f"{resource.kind} {each['metadata']['name']}": timeless(each.get("status"))
            for resource in (GATEWAY, HTTP_ROUTE)
            for each in self.server.objects(resource)
        }
        return {**statuses, **{name: dict(envoy.serving) for name, envoy in sorted(self.envoys.by_name.items())}}


def timeless(value: Any) -> Any:
    """A JSON value without the times of conditions."""
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if name != "lastTransitionTime"}
    if isinstance(value, list):
        return [timeless(each) for each in value]
    return value


def route(name: str, service: str, **spec: Any) -> dict[str, Any]:
    """A route of the public Gateway to a Service, all of its own host."""
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "edge"}],
            "hostnames": [f"{name}.example.com"],
            "rules": rules_to(service),
            **spec,
        },
    }


def rules_to(service: str) -> list[dict[str, Any]]:
    """Rules that lead to one Service."""
    return [{"backendRefs": [{"name": service, "port": 80}]}]


def service(name: str) -> list[dict[str, Any]]:
    """A Service with an endpoint."""
    metadata = {"name": name, "namespace": "shop"}
    port = {"name": "http", "port": 9001, "protocol": "TCP"}
    labels = {"kubernetes.io/service-name": name}
    return [
        {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.kind,
            "metadata": metadata,
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9001}]},
        },
        {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.kind,
            "metadata": {"name": f"{name}-1", "namespace": "shop", "labels": labels},
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        },
    ]


def virtual_hosts(entries: Entries | Snapshot) -> Iterator[Mapping[str, Any]]:
    """Every virtual host of a snapshot."""
    snapshot = entries if isinstance(entries, Snapshot) else Snapshot.from_entries(entries)
    for configuration in snapshot.routes.values():
        yield from configuration["virtualHosts"]


def check_whole(entries: Entries) -> None:
    """Raise if a publication has a hole."""
    check(Snapshot.from_entries(entries))


def simulate(test: Callable[[World], Coroutine[Any, Any, T]], *, seed: int = 0, apply: bool = True) -> T:
    """Run a test in a fresh world where the CRDs and, with `apply`, the manifests have been applied."""

    start = beginning(apply=apply) if real_world() is None else None

    async def main(clock: VirtualClock) -> T:
        world = make_world(clock, start=start)
        if apply and start is None:
            await world.create(*manifests())
        return await test(world)

    return run_virtual(main, seed=seed, outside=real_world())


def make_world(clock: VirtualClock, *, start: ServerSnapshot | None = None) -> World:
    """A world in the lane of the present test, with nothing in it or with what `start` has."""
    server = api_server(clock, accept_loopback_endpoints=True, start=start)
    user = Client(server.transport(user_agent="kubectl"), clock=clock, field_manager="kubectl")
    return World(clock, server, user, FakeEnvoys(clock))


@functools.cache
def beginning(*, apply: bool) -> ServerSnapshot:
    """What the embedded server has when a test begins: made once, since each of a thousand worlds begins so."""

    async def main(clock: VirtualClock) -> ServerSnapshot:
        world = make_world(clock)
        await world.create(*load_manifests(CRDS))
        if apply:
            await world.create(*manifests())
        return world.server.snapshot()

    return run_virtual(main)


def without_loopback(obj: dict[str, Any]) -> dict[str, Any]:
    """The object with endpoints that a real server takes; nothing is ever sent to them here."""
    if obj["kind"] != ENDPOINT_SLICE.kind:
        return obj
    endpoints = [{**each, "addresses": ["10.244.0.1" for _ in each["addresses"]]} for each in obj["endpoints"]]
    return {**obj, "endpoints": endpoints}


def _condition(obj: dict[str, Any], type_: str) -> tuple[str, str, str]:
    (found,) = (each for each in obj["status"]["conditions"] if each["type"] == type_)
    assert found["observedGeneration"] == obj["metadata"]["generation"]
    return found["status"], found["reason"], found["message"]
