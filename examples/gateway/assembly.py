"""From judged listeners and planned routes to the snapshot of one Envoy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from examples.gateway import rendering
from examples.gateway.attachment import Attachments
from examples.gateway.listeners import JudgedListener
from examples.gateway.model import Metadata, ParentRef
from examples.gateway.rendering import DataPlane
from examples.gateway.routing import RoutePlan
from examples.gateway.snapshot import JSON, Snapshot, referenced_clusters
from examples.gateway.verdicts import Problem
from examples.gateway.virtual_hosts import Attached, misdirected_host, virtual_hosts


@attrs.frozen(kw_only=True)
class PlannedRoute:
    """A route with what it comes to, and what it attaches to by each of its references to the Gateway."""

    meta: Metadata
    plan: RoutePlan
    parents: tuple[tuple[ParentRef, Attachments | Problem], ...]

    def hostnames_at(self, listener: str) -> tuple[str, ...]:
        """The hostnames for which it attaches to the listener of this name, sorted; none where it doesn't."""
        names = {
            name
            for _, attachments in self.parents
            if not isinstance(attachments, Problem)
            for name in attachments.get(listener, ())
        }
        return tuple(sorted(names))


def assemble(judged: Sequence[JudgedListener], routes: Sequence[PlannedRoute], *, data_plane: DataPlane) -> Snapshot:
    """Render the listeners that are served and all that they need, and nothing else.

    Args:
        judged: the Gateway's listeners.
        routes: the routes that name the Gateway.
        data_plane: where it listens.
    """
    listeners: dict[str, JSON] = {}
    configurations: dict[str, JSON] = {}
    by_port = _by_port(judged)
    for port, entries in sorted(by_port.items()):
        hosts = _virtual_hosts(entries, routes)
        if entries[0].listener.protocol == "HTTP":
            chains, own = _plain(port, hosts, data_plane)
        else:
            chains, own = _encrypted(port, entries, hosts, data_plane)
        configurations.update(own)
        # By its port alone: Envoy refuses a second listener on an address, so a change of protocol must keep the name.
        name = f"tcp-{port}"
        bound = port + data_plane.port_offset
        listeners[name] = rendering.listener(name, port=bound, filter_chains=chains, data_plane=data_plane)
    clusters, endpoints = _clusters(configurations, routes)
    return Snapshot(
        listeners=listeners,
        routes=configurations,
        clusters=clusters,
        endpoints=endpoints,
        secrets=_secrets(by_port),
    )


def _by_port(judged: Sequence[JudgedListener]) -> dict[int, list[JudgedListener]]:
    by_port: dict[int, list[JudgedListener]] = defaultdict(list)
    for entry in sorted(judged, key=lambda entry: entry.listener.hostname):
        if entry.is_served:
            by_port[entry.listener.port].append(entry)
    return by_port


def _virtual_hosts(entries: Sequence[JudgedListener], routes: Sequence[PlannedRoute]) -> dict[str, list[JSON]]:
    on_port = frozenset(entry.listener.hostname for entry in entries)
    return {
        entry.listener.hostname: virtual_hosts(
            entry.listener.hostname, _attached(routes, entry.listener.name), on_port=on_port
        )
        for entry in entries
    }


def _attached(routes: Sequence[PlannedRoute], listener: str) -> Attached:
    # A route that matches nothing takes no hostname from others, and may have none that Envoy would accept.
    attached = ((route.hostnames_at(listener), route.plan) for route in routes if route.plan.matches)
    return [(names, plan) for names, plan in attached if names]


def _plain(port: int, hosts: Mapping[str, list[JSON]], data_plane: DataPlane) -> tuple[list[JSON], dict[str, JSON]]:
    name = f"http/{port}"
    merged = sorted((host for own in hosts.values() for host in own), key=lambda host: str(host["name"]))
    chain = rendering.plain_filter_chain(name, data_plane=data_plane)
    return [chain], {name: rendering.route_configuration(name, merged)}


def _encrypted(
    port: int, entries: Sequence[JudgedListener], hosts: Mapping[str, list[JSON]], data_plane: DataPlane
) -> tuple[list[JSON], dict[str, JSON]]:
    on_port = frozenset(hosts)
    chains: list[JSON] = []
    configurations: dict[str, JSON] = {}
    for entry in entries:
        hostname = entry.listener.hostname
        name = f"https/{port}/{hostname}"
        secrets = [certificate.name for certificate in entry.certificates]
        chains.append(rendering.tls_filter_chain(name, server_name=hostname, secrets=secrets, data_plane=data_plane))
        own = [*hosts[hostname], *misdirected_host(hostname, on_port=on_port)]
        configurations[name] = rendering.route_configuration(name, own)
    return chains, configurations


def _clusters(
    configurations: Mapping[str, JSON], routes: Sequence[PlannedRoute]
) -> tuple[dict[str, JSON], dict[str, JSON]]:
    used = sorted({name for own in configurations.values() for name in referenced_clusters(own)})
    backends = {backend.cluster: backend for route in routes for backend in route.plan.backends}
    clusters = {
        name: rendering.dead_end() if name == rendering.DEAD_END_CLUSTER else rendering.cluster(name) for name in used
    }
    endpoints = {name: rendering.load_assignment(name, backends[name].endpoints) for name in used if name in backends}
    return clusters, endpoints


def _secrets(by_port: Mapping[int, Sequence[JudgedListener]]) -> dict[str, JSON]:
    used = {
        certificate.name: certificate
        for entries in by_port.values()
        for entry in entries
        for certificate in entry.certificates
    }
    return {
        name: rendering.tls_secret(
            name,
            certificate_chain=used[name].certificate_chain,
            private_key=used[name].private_key,
        )
        for name in sorted(used)
    }
