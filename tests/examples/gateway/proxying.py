"""What Envoy would answer, by a snapshot: a small model of its choice of listener, virtual host and route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from examples.gateway import hostnames
from examples.gateway.snapshot import Snapshot, connection_managers


@attrs.frozen(kw_only=True)
class Request:
    """A request as it reaches a port; over TLS its host is also the server name that it asked for."""

    port: int
    host: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    query: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Answer:
    """Which HTTPRoute answered ("" for none) and how: clusters by weight (None for 500), or a status."""

    route: str = ""
    status: int | None = None
    shares: tuple[tuple[str | None, int], ...] = ()


def answer(snapshot: Snapshot, request: Request) -> Answer | None:
    """The answer, None where no listener or filter chain takes the connection."""
    listener = snapshot.listeners.get(f"tcp-{request.port}")
    if listener is None:
        return None
    for wider in hostnames.covering(request.host):
        for chain in listener["filterChains"]:
            if chain.get("filterChainMatch", {}).get("serverNames", ["*"]) == [wider]:
                (manager,) = connection_managers({"filterChains": [chain]})
                return _by_host(snapshot.routes[manager["rds"]["routeConfigName"]], request)
    return None


def _by_host(configuration: Mapping[str, Any], request: Request) -> Answer:
    by_domain = {domain: host for host in configuration["virtualHosts"] for domain in host["domains"]}
    for wider in hostnames.covering(request.host):
        if wider in by_domain:
            matching = (route for route in by_domain[wider]["routes"] if _matches(route["match"], request))
            return next((_answer(route) for route in matching), Answer(status=404))
    return Answer(status=404)


def _matches(match: Mapping[str, Any], request: Request) -> bool:
    prefix = match.get("pathSeparatedPrefix")
    if "path" in match and request.path != match["path"]:
        return False
    if prefix is not None and request.path != prefix and not request.path.startswith(f"{prefix}/"):
        return False
    headers = {**request.headers, ":method": request.method}
    return all(
        values.get(wanted["name"]) == wanted["stringMatch"]["exact"]
        for field, values in (("headers", headers), ("queryParameters", request.query))
        for wanted in match.get(field, [])
    )


def _answer(route: Mapping[str, Any]) -> Answer:
    name = route.get("name", "")
    if "directResponse" in route:
        return Answer(route=name, status=route["directResponse"]["status"])
    action = route["route"]
    if "cluster" in action:
        return Answer(route=name, shares=((action["cluster"], 1),))
    clusters = action["weightedClusters"]["clusters"]
    shares = tuple((None if "typedPerFilterConfig" in share else share["name"], share["weight"]) for share in clusters)
    return Answer(route=name, shares=shares)
