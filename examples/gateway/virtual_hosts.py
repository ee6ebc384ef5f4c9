"""Where routes meet: the virtual hosts of one route configuration, out of the routes attached to its listeners.

A request belongs to the most specific listener of its port, then to the most specific hostname among that listener's
routes, then to the match that goes first; where that hostname's routes have no match, to the next wider hostname's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from examples.gateway import hostnames, rendering
from examples.gateway.routing import RoutedMatch, RoutePlan
from examples.gateway.snapshot import JSON

Attached = Sequence[tuple[tuple[str, ...], RoutePlan]]
"""The routes of one listener, each with the hostnames it attaches for."""

_EVERYTHING: Final = {"prefix": "/"}
_MISDIRECTED: Final = "421/misdirected"  # no hostname has a slash


def virtual_hosts(listening: str, attached: Attached, *, on_port: frozenset[str]) -> list[JSON]:
    """The virtual hosts of one listener, sorted by domain; those of several listeners on a port never overlap.

    Args:
        listening: the listener's hostname.
        attached: its routes.
        on_port: the hostnames of all listeners that are served on its port, its own among them.
    """
    by_hostname: dict[str, list[int]] = defaultdict(list)
    for position, (names, _) in enumerate(attached):
        for name in names:
            by_hostname[name].append(position)
    domains = {listening, *(name for name in by_hostname if _owner(name, on_port) == listening)}
    return [
        rendering.virtual_host(domain, domains=[domain], routes=_routes(domain, by_hostname, attached))
        for domain in sorted(domains)
    ]


def misdirected_host(listening: str, *, on_port: frozenset[str]) -> list[JSON]:
    """The virtual host that answers 421 to requests which came in by one HTTPS listener and belong to another.

    A client may reuse a connection for every name in its certificate:
    https://gateway-api.sigs.k8s.io/reference/spec/#listener

    Args:
        listening: the listener's hostname.
        on_port: the hostnames of all listeners that are served on its port.
    """
    foreign = {name for name in on_port if name != listening and hostnames.covers(listening, name)}
    if listening != hostnames.ANY:
        foreign.add(hostnames.ANY)
    if not foreign:
        return []
    answer = {"match": _EVERYTHING, **rendering.direct_response(421, "This connection is for another host.")}
    return [rendering.virtual_host(_MISDIRECTED, domains=sorted(foreign), routes=[answer])]


def _owner(name: str, listening: frozenset[str]) -> str | None:
    return next((wider for wider in hostnames.covering(name) if wider in listening), None)


def _routes(domain: str, by_hostname: Mapping[str, Sequence[int]], attached: Attached) -> list[JSON]:
    routes: list[JSON] = []
    seen: set[int] = set()
    for hostname in hostnames.covering(domain):
        # A route with several hostnames that cover the domain counts for the most specific of them.
        positions = [position for position in by_hostname.get(hostname, ()) if position not in seen]
        seen.update(positions)
        routes += _in_order(match for position in positions for match in attached[position][1].matches)
        if any(route["match"] == _EVERYTHING for route in routes):
            break  # wider hostnames' routes can't be reached
    return routes


def _in_order(matches: Iterable[RoutedMatch]) -> list[JSON]:
    ordered = sorted(matches, key=lambda match: match.precedence)
    return [route for match in ordered for route in match.routes]
