"""A node's scope in a StateStore, and resources to publish in it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.gateway.access_log import access_log_config
from examples.gateway.certificates import KeyPair
from examples.gateway.demo.setting import PORTS
from examples.gateway.xds import Node
from reconcilekit.clock import SystemClock
from reconcilekit.state import StateStore, Verdict

ADS = {"ads": {}, "resourceApiVersion": "V3"}
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
DOWNSTREAM_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
TLS_INSPECTOR = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

Entries = Mapping[str, dict[str, Any]]


class World:
    """The scope "node" of a StateStore, and what subscribes to it."""

    def __init__(self, node: Node) -> None:
        self.store = StateStore()
        self.scope = self.store.scope(node.name)
        self._changed = asyncio.Event()
        self.store.on_change(lambda _: self._changed.set())
        self.scope.subscribe(node)

    def stage(self, resources: Entries) -> None:
        with self.store.stage(owner="gateway") as stage:
            stage.replace_owned(self.scope.name, resources)

    async def publish(self, resources: Entries) -> Verdict:
        """Stage it; every Envoy's verdict on all of it."""
        self.stage(resources)
        return await self.verdict()

    async def verdict(self) -> Verdict:
        """Of the content as it is staged now, once it is no longer pending."""
        async with SystemClock().timeout(100):
            while (verdict := self.scope.snapshot().verdict()).is_pending:
                self._changed.clear()
                await self._changed.wait()
        return verdict

    async def wait_put_back(self) -> None:
        """Return when what is published again after a refusal was acknowledged."""
        async with SystemClock().timeout(100):
            while not self._is_put_back():
                self._changed.clear()
                await self._changed.wait()

    def _is_put_back(self) -> bool:
        snapshot = self.scope.snapshot()
        good = [name for name in snapshot.published if name not in snapshot.quarantined]
        return bool(snapshot.quarantined) and snapshot.verdict(*good).is_acked


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
        only_without_chain = {"responseFlagFilter": {"flags": ["NR"]}}
        rendered["accessLog"] = [{**logger, "filter": only_without_chain} for logger in access_log_config(access_log)]
    return {f"listener/{name}": rendered}


def tls(document: dict[str, Any], *, server_name: str, secret: str) -> dict[str, Any]:
    """The listener with its one filter chain behind a certificate, for one server name."""
    reference = {"name": secret, "sdsConfig": ADS}
    context = {"@type": DOWNSTREAM_TLS, "commonTlsContext": {"tlsCertificateSdsSecretConfigs": [reference]}}
    (chain,) = document["filterChains"]
    return {
        **document,
        "listenerFilters": [{"name": "tls", "typedConfig": {"@type": TLS_INSPECTOR}}],
        "filterChains": [
            {
                **chain,
                "filterChainMatch": {"serverNames": [server_name]},
                "transportSocket": {"name": "tls", "typedConfig": context},
            }
        ],
    }


def secret(name: str, pair: KeyPair) -> dict[str, dict[str, Any]]:
    certificate = {
        "certificateChain": {"inlineString": pair.certificate.decode()},
        "privateKey": {"inlineString": pair.private_key.decode()},
    }
    return {f"secret/{name}": {"name": name, "tlsCertificate": certificate}}


def routes(name: str, **cluster_of_prefix: str) -> dict[str, dict[str, Any]]:
    """One virtual host; `a="blue"` routes /a to the cluster blue."""
    rules = [
        {"name": prefix, "match": {"prefix": f"/{prefix}"}, "route": {"cluster": target}}
        for prefix, target in cluster_of_prefix.items()
    ]
    return {f"route/{name}": {"name": name, "virtualHosts": [{"name": "all", "domains": ["*"], "routes": rules}]}}


def free_port() -> int:
    """A port that nobody takes before Envoy listens on it: one below those that the system gives by itself."""
    chance = random.Random()
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = chance.randrange(*PORTS)
            probe.bind(("127.0.0.1", port))
            return port
