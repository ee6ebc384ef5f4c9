"""Envoy's resources in the JSON form of its protobuf messages, one function a message.

Nothing is decided here but what is the same for every Gateway: timeouts, path normalisation, filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from examples.gateway.access_log import access_log_config
from examples.gateway.snapshot import JSON

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_ADS: Final[JSON] = {"ads": {}, "resourceApiVersion": "V3"}
_CONNECT_TIMEOUT: Final = (
    "5s"  # a backend that takes longer to accept is as good as gone; Envoy's default, written down
)
_FAULT_FILTER: Final = "envoy.filters.http.fault"

DEAD_END_CLUSTER: Final = "reconcilekit/dead-end"
"""A cluster without endpoints, where the weight of refs that lead nowhere goes; the fault filter answers first."""

_ONLY_WITHOUT_FILTER_CHAIN: Final[JSON] = {"responseFlagFilter": {"flags": ["NR"]}}


@attrs.frozen(kw_only=True)
class DataPlane:
    """Where a Gateway's Envoy listens, and where it writes.

    Attributes:
        address: the address its listeners bind; loopback by default, so that a demo opens nothing to the network.
        port_offset: added to each Gateway listener's port; 0 by default. An unprivileged Envoy serves port 443 at
            8443 with 8000.
        access_log: the file for one JSON line per request, and per connection that found no filter chain; "" (the
            default) for none.
    """

    address: str = "127.0.0.1"
    port_offset: int = 0
    access_log: str = ""


def listener(name: str, *, port: int, filter_chains: Sequence[JSON], data_plane: DataPlane) -> JSON:
    """A Listener: one per port, whatever number of Gateway listeners share it.

    Args:
        name: the name of its entry.
        port: the port that it binds, offset included.
        filter_chains: see `plain_filter_chain` and `tls_filter_chain`.
        data_plane: the address, and the access log for connections that no filter chain takes.
    """
    rendered: JSON = {
        "name": name,
        "address": {"socketAddress": {"address": data_plane.address, "portValue": port}},
        "filterChains": list(filter_chains),
    }
    if any("filterChainMatch" in chain for chain in filter_chains):
        rendered["listenerFilters"] = [
            _typed("envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector")
        ]
    if data_plane.access_log:
        rendered["accessLog"] = [
            {**logger, "filter": _ONLY_WITHOUT_FILTER_CHAIN} for logger in access_log_config(data_plane.access_log)
        ]
    return rendered


def plain_filter_chain(route_configuration: str, *, data_plane: DataPlane) -> JSON:
    """The only FilterChain of a listener that speaks HTTP."""
    return {"name": route_configuration, "filters": [_connection_manager(route_configuration, data_plane)]}


def tls_filter_chain(
    route_configuration: str, *, server_name: str, secrets: Sequence[str], data_plane: DataPlane
) -> JSON:
    """The FilterChain of one HTTPS listener, chosen by the server name that the client asks for.

    Args:
        route_configuration: its name, and the chain's.
        server_name: "shop.example.com", "*.example.com", or "*" for whatever no other chain takes.
        secrets: the names of the certificates, the first is the default.
        data_plane: for the access log.
    """
    match: JSON = {"transportProtocol": "tls"}
    if server_name != "*":
        match["serverNames"] = [server_name]
    context = {
        "commonTlsContext": {
            "alpnProtocols": ["h2", "http/1.1"],
            "tlsCertificateSdsSecretConfigs": [{"name": name, "sdsConfig": _ADS} for name in secrets],
        }
    }
    return {
        "name": route_configuration,
        "filterChainMatch": match,
        "filters": [_connection_manager(route_configuration, data_plane)],
        "transportSocket": _typed(
            "envoy.transport_sockets.tls", "transport_sockets.tls.v3.DownstreamTlsContext", **context
        ),
    }


def route_configuration(name: str, virtual_hosts: Sequence[JSON]) -> JSON:
    """A RouteConfiguration; a Host header with a port matches like one without."""
    return {"name": name, "virtualHosts": list(virtual_hosts), "ignorePortInHostMatching": True}


def virtual_host(name: str, *, domains: Sequence[str], routes: Sequence[JSON]) -> JSON:
    """A VirtualHost; what none of its routes takes is answered 404."""
    return {"name": name, "domains": list(domains), "routes": list(routes)}


def direct_response(status: int, text: str) -> JSON:
    """The action of a Route that Envoy answers itself."""
    return {"directResponse": {"status": status, "body": {"inlineString": f"{text}\n"}}}


def unauthorized() -> JSON:
    """The action of a Route for requests without the token that it demands."""
    challenge = {"header": {"key": "www-authenticate", "value": "Bearer"}}
    return {**direct_response(401, "A token is required."), "responseHeadersToAdd": [challenge]}


def forward(shares: Sequence[tuple[str | None, int]]) -> JSON:
    """The action of a Route that goes to clusters by weight.

    Args:
        shares: cluster and weight (above 0), at least one with a cluster; without one the share is answered 500.
    """
    if len(shares) == 1 and shares[0][0] is not None:
        return {"route": {"cluster": shares[0][0]}}
    return {"route": {"weightedClusters": {"clusters": [_weighted(cluster, weight) for cluster, weight in shares]}}}


def cluster(name: str) -> JSON:
    """A Cluster whose endpoints come by EDS under the same name."""
    return {
        "name": name,
        "type": "EDS",
        "connectTimeout": _CONNECT_TIMEOUT,
        "edsClusterConfig": {"edsConfig": _ADS},
        "ignoreHealthOnHostRemoval": True,
    }


def dead_end() -> JSON:
    """The Cluster that answers nothing, see `DEAD_END_CLUSTER`."""
    return {"name": DEAD_END_CLUSTER, "type": "STATIC", "connectTimeout": _CONNECT_TIMEOUT}


def load_assignment(cluster_name: str, addresses: Iterable[tuple[str, int]]) -> JSON:
    """A ClusterLoadAssignment: the addresses and ports of a cluster's ready endpoints."""
    endpoints = [
        {"endpoint": {"address": {"socketAddress": {"address": address, "portValue": port}}}}
        for address, port in addresses
    ]
    return {"clusterName": cluster_name, "endpoints": [{"lbEndpoints": endpoints}] if endpoints else []}


def tls_secret(name: str, *, certificate_chain: str, private_key: str) -> JSON:
    """A Secret with a certificate chain and its private key, both PEM."""
    return {
        "name": name,
        "tlsCertificate": {
            "certificateChain": {"inlineString": certificate_chain},
            "privateKey": {"inlineString": private_key},
        },
    }


def _connection_manager(route_configuration: str, data_plane: DataPlane) -> JSON:
    settings: JSON = {
        "statPrefix": route_configuration.replace("/", "_"),
        "rds": {"routeConfigName": route_configuration, "configSource": _ADS},
        "httpFilters": [
            _typed(_FAULT_FILTER, "filters.http.fault.v3.HTTPFault"),
            _typed("envoy.filters.http.router", "filters.http.router.v3.Router"),
        ],
        # A route's prefix protects nothing if "/x/../admin" or "/%2Fadmin" pass it by.
        "normalizePath": True,
        "mergeSlashes": True,
        "pathWithEscapedSlashesAction": "UNESCAPE_AND_REDIRECT",
        "useRemoteAddress": True,
    }
    if data_plane.access_log:
        settings["accessLog"] = access_log_config(data_plane.access_log)
    return _typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        **settings,
    )


def _weighted(cluster_name: str | None, weight: int) -> JSON:
    if cluster_name is not None:
        return {"name": cluster_name, "weight": weight}
    abort = {"httpStatus": 500, "percentage": {"numerator": 100}}
    fault = {"@type": f"{_EXTENSIONS}.filters.http.fault.v3.HTTPFault", "abort": abort}
    return {"name": DEAD_END_CLUSTER, "weight": weight, "typedPerFilterConfig": {_FAULT_FILTER: fault}}


def _typed(name: str, message: str, **fields: Any) -> JSON:
    return {"name": name, "typedConfig": {"@type": f"{_EXTENSIONS}.{message}", **fields}}
