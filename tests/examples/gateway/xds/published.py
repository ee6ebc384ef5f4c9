"""A node's scope without a StateStore, and resources to publish in it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from examples.gateway.access_log import access_log_config, listener_access_log_config
from examples.gateway.xds import Node
from reconcilekit.clock import SystemClock

ADS = {"ads": {}, "resourceApiVersion": "V3"}
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

Entries = Mapping[str, dict[str, Any]]


@attrs.frozen
class FakeEntry:
    value: object

    @property
    def hash(self) -> str:
        return repr(self.value)


@attrs.define(eq=False)
class FakePublication:
    """What a scope offers; `verdict` is "ack", or the reason of the NACK."""

    resources: Entries
    version: int
    verdict: str | None = None
    suspects: frozenset[str] = frozenset()
    answered: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def entries(self) -> Mapping[str, FakeEntry]:
        return {key: FakeEntry(value) for key, value in self.resources.items()}

    def ack(self) -> bool:
        return self._answer("ack", ())

    def nack(self, reason: str, *, suspects: Iterable[str] = ()) -> bool:
        return self._answer(reason, suspects)

    def _answer(self, verdict: str, suspects: Iterable[str]) -> bool:
        assert self.verdict is None, "answered twice"
        self.verdict, self.suspects = verdict, frozenset(suspects)
        self.answered.set()
        return True


class FakeScope:
    """Offers one content after the other, each under a fresh version."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.version = 0

    async def publish(self, resources: Entries) -> FakePublication:
        publication = self.offer(resources)
        async with SystemClock().timeout(20):
            await publication.answered.wait()
        return publication

    def offer(self, resources: Entries) -> FakePublication:
        self.version += 1
        publication = FakePublication(resources, self.version)
        self.node.offer(publication)
        return publication


def cluster(name: str, port: int) -> dict[str, dict[str, Any]]:
    address = {"socketAddress": {"address": "127.0.0.1", "portValue": port}}
    endpoints = [{"lbEndpoints": [{"endpoint": {"address": address}}]}]
    return {
        f"cluster/{name}": {
            "name": name,
            "type": "EDS",
            "connectTimeout": "1s",
            "edsClusterConfig": {"edsConfig": ADS},
        },
        f"endpoint/{name}": {"clusterName": name, "endpoints": endpoints},
    }


def listener(name: str, port: int, *, route: str, access_log: Path | None = None) -> dict[str, dict[str, Any]]:
    manager: dict[str, Any] = {
        "@type": HCM,
        "statPrefix": name,
        "rds": {"routeConfigName": route, "configSource": ADS},
        "httpFilters": [{"name": "envoy.filters.http.router", "typedConfig": {"@type": ROUTER}}],
    }
    rendered: dict[str, Any] = {
        "name": name,
        "address": {"socketAddress": {"address": "127.0.0.1", "portValue": port}},
        "filterChains": [{"filters": [{"name": "http", "typedConfig": manager}]}],
    }
    if access_log is not None:
        manager["accessLog"] = access_log_config(access_log)
        rendered["accessLog"] = listener_access_log_config(access_log)
    return {f"listener/{name}": rendered}


def routes(name: str, **cluster_of_prefix: str) -> dict[str, dict[str, Any]]:
    """One virtual host; `a="blue"` routes /a to the cluster blue."""
    rules = [
        {"name": prefix, "match": {"prefix": f"/{prefix}"}, "route": {"cluster": target}}
        for prefix, target in cluster_of_prefix.items()
    ]
    return {f"route/{name}": {"name": name, "virtualHosts": [{"name": "all", "domains": ["*"], "routes": rules}]}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
