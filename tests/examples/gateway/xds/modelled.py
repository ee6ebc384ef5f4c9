"""An Envoy without Envoy: how it answers, what it holds back while it warms, and what it would serve at each moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from examples.gateway.xds.resources import ResourceSet, ResourceType, XdsResource, encode
from examples.gateway.xds.session import Request, Response, Session
from tests.examples.gateway.xds.published import Entries

CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET = (
    ResourceType.CLUSTER,
    ResourceType.ENDPOINT,
    ResourceType.LISTENER,
    ResourceType.ROUTE,
    ResourceType.SECRET,
)


def encoded(entries: Entries) -> ResourceSet:
    found: dict[ResourceType, dict[str, XdsResource]] = {kind: {} for kind in ResourceType}
    for key, value in entries.items():
        resource = encode(key, value)
        found[resource.kind][resource.name] = resource
    return found


def clusters_of(route: Mapping[str, Any]) -> Iterable[str]:
    return [rule["route"]["cluster"] for host in route["virtualHosts"] for rule in host["routes"]]


def _digest(resource: XdsResource | None) -> str:
    return resource.digest if resource else ""


@attrs.define(eq=False)
class ModelEnvoy:
    """Both directions of the stream are queues; a test decides which end moves next.

    `documents` tells a route's clusters by its digest. `refuses` are digests that get a NACK.
    """

    session: Session
    documents: Mapping[str, Mapping[str, Any]]
    refuses: frozenset[str] = frozenset()
    incoming: deque[Response] = attrs.field(factory=deque)
    outgoing: deque[Request] = attrs.field(factory=deque)
    clusters: dict[str, XdsResource] = attrs.field(factory=dict)
    warming: dict[str, XdsResource] = attrs.field(factory=dict)
    listeners: dict[str, XdsResource] = attrs.field(factory=dict)
    waiting: dict[str, XdsResource] = attrs.field(factory=dict)
    held: dict[ResourceType, dict[str, XdsResource]] = attrs.field(factory=lambda: {k: {} for k in ResourceType})
    names: dict[ResourceType, frozenset[str]] = attrs.field(factory=dict)
    nonces: dict[ResourceType, str] = attrs.field(factory=dict)
    ack_held_back: bool = False
    log: list[str] = attrs.field(factory=list)

    def start(self) -> None:
        for kind in (CLUSTER, LISTENER):
            self._request(kind)

    def run(self) -> None:
        while self.step_envoy() or self.step_server():
            pass

    def step_server(self) -> bool:
        if not self.outgoing:
            return False
        self.incoming.extend(self.session.handle(self.outgoing.popleft()))
        return True

    def step_envoy(self) -> bool:
        if not self.incoming:
            return False
        response = self.incoming.popleft()
        self.log.append(f"{response.kind.value} {' '.join(sorted(one.name for one in response.resources))}".strip())
        self.nonces[response.kind] = response.nonce
        good = [one for one in response.resources if one.digest not in self.refuses]
        if response.kind.is_whole:
            self._drop_but(response.kind, {one.name for one in response.resources})
        # What is good in a push that is refused goes live all the same; what is bad leaves the old one in place.
        getattr(self, f"_take_{response.kind.value}")({one.name: one for one in good})
        error = (
            f"no good: {[one.name for one in response.resources if one not in good]}"
            if len(good) < len(response.resources)
            else None
        )
        if response.kind is CLUSTER and error is None and self.warming:
            self.ack_held_back = True
        else:
            self._request(response.kind, error)
        self._resubscribe()
        return True

    def hole(self) -> str:
        """What a request could meet now that no snapshot contains; "" where there is nothing."""
        for listener in self.listeners.values():
            for kind, name in listener.waits_for:
                if name not in self.held[kind]:
                    return f"{listener.name} serves without {kind.value} {name}"
                if kind is ROUTE:
                    for cluster in clusters_of(self.documents[self.held[kind][name].digest]):
                        if cluster not in self.clusters:
                            return f"{name} of {listener.name} leads to {cluster}, which isn't there"
        return ""

    def served(self) -> dict[str, dict[str, str]]:
        routes = {name for one in self.listeners.values() for kind, name in one.waits_for if kind is ROUTE}
        return {
            "listener": {name: one.digest for name, one in self.listeners.items()},
            "cluster": {name: one.digest for name, one in self.clusters.items()},
            "route": {name: self.held[ROUTE][name].digest for name in sorted(routes)},
        }

    def _drop_but(self, kind: ResourceType, names: set[str]) -> None:
        for group in (self.clusters, self.warming) if kind is CLUSTER else (self.listeners, self.waiting):
            for name in group.keys() - names:
                del group[name]

    def _take_cluster(self, pushed: dict[str, XdsResource]) -> None:
        for name, one in pushed.items():
            if _digest(self.warming.get(name) or self.clusters.get(name)) != one.digest:
                self.warming[name] = one

    def _take_endpoint(self, pushed: dict[str, XdsResource]) -> None:
        self.held[ENDPOINT].update(pushed)
        for name in [name for name in self.warming if name in pushed]:
            self.clusters[name] = self.warming.pop(name)
        if self.ack_held_back and not self.warming:
            self.ack_held_back = False
            self._request(CLUSTER)

    def _take_listener(self, pushed: dict[str, XdsResource]) -> None:
        for name, one in pushed.items():
            if _digest(self.waiting.get(name) or self.listeners.get(name)) != one.digest:
                self.waiting[name] = one

    def _take_route(self, pushed: dict[str, XdsResource]) -> None:
        self.held[ROUTE].update(pushed)

    def _take_secret(self, pushed: dict[str, XdsResource]) -> None:
        self.held[SECRET].update(pushed)

    def _resubscribe(self) -> None:
        wanted: dict[ResourceType, set[str]] = {ENDPOINT: set(), ROUTE: set(), SECRET: set()}
        owners = [self.clusters, self.warming, self.listeners, self.waiting]
        for one in (one for group in owners for one in group.values()):
            for kind, name in one.waits_for:
                wanted[kind].add(name)
        for kind, names in wanted.items():
            if names != self.names.get(kind, frozenset()):
                self.names[kind] = frozenset(names)
                self.held[kind] = {name: one for name, one in self.held[kind].items() if name in names}
                self._request(kind)
        for name, one in list(self.waiting.items()):
            if all(needed in self.held[kind] for kind, needed in one.waits_for):
                self.listeners[name] = self.waiting.pop(name)

    def _request(self, kind: ResourceType, error: str | None = None) -> None:
        self.outgoing.append(
            Request(kind=kind, names=self.names.get(kind, frozenset()), nonce=self.nonces.get(kind, ""), error=error)
        )
