"""One Envoy's whole configuration as one value, and the check that it holds together.

Envoy acknowledges a route to a cluster that doesn't exist and then answers 503, and applies the good half of a push
whose other half it refuses. So whether a snapshot is whole is decided here, before it is published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from reconcilekit.errors import BugError

JSON = dict[str, Any]
"""One resource of Envoy's in the JSON form of its protobuf message (camelCase, `@type` inside `typedConfig`)."""

RESOURCE_TYPES: Final = ("listener", "route", "cluster", "endpoint", "secret")
"""The first part of an entry's name: listener, route configuration, cluster, load assignment, TLS secret."""


class InconsistentSnapshotError(BugError):
    """A snapshot that Envoy would serve with a hole; the translation is wrong, not the user's objects.

    Args:
        offender: the entry at fault: "route/https/8443/*".
        problem: what is wrong with it.
    """

    def __init__(self, offender: str, problem: str) -> None:
        super().__init__(f"{offender}: {problem}")
        self.offender = offender


@attrs.frozen(kw_only=True, repr=False)
class Snapshot:
    """Every resource of one Envoy by its name; each mapping's values are Envoy's JSON, immutable by convention.

    Its repr has counts alone: secrets and route configurations hold keys and tokens.
    """

    listeners: Mapping[str, JSON] = attrs.field(factory=dict)
    routes: Mapping[str, JSON] = attrs.field(factory=dict)
    clusters: Mapping[str, JSON] = attrs.field(factory=dict)
    endpoints: Mapping[str, JSON] = attrs.field(factory=dict)
    secrets: Mapping[str, JSON] = attrs.field(factory=dict)

    @property
    def by_type(self) -> Mapping[str, Mapping[str, JSON]]:
        """The five mappings by their entry type, see `RESOURCE_TYPES`."""
        return dict(
            zip(
                RESOURCE_TYPES,
                (self.listeners, self.routes, self.clusters, self.endpoints, self.secrets),
                strict=True,
            )
        )

    def entries(self) -> dict[str, JSON]:
        """One flat mapping of "<type>/<name>" to resource, as a StateStore's scope holds it; sorted."""
        return {
            f"{resource_type}/{name}": resources[name]
            for resource_type, resources in self.by_type.items()
            for name in sorted(resources)
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(resources)} {name}" for name, resources in self.by_type.items())
        return f"<Snapshot {counts}>"

    @classmethod
    def from_entries(cls, entries: Mapping[str, JSON]) -> Snapshot:
        """The inverse of `entries`.

        Raises:
            InconsistentSnapshotError: an entry's name doesn't begin with one of `RESOURCE_TYPES`.
        """
        by_type: dict[str, dict[str, JSON]] = {resource_type: {} for resource_type in RESOURCE_TYPES}
        for entry, resource in entries.items():
            resource_type, _, name = entry.partition("/")
            if resource_type not in by_type or not name:
                raise InconsistentSnapshotError(entry, f"isn't named <type>/<name> with one of {RESOURCE_TYPES}")
            by_type[resource_type][name] = resource
        return cls(
            listeners=by_type["listener"],
            routes=by_type["route"],
            clusters=by_type["cluster"],
            endpoints=by_type["endpoint"],
            secrets=by_type["secret"],
        )


def check(snapshot: Snapshot) -> None:
    """Prove that a snapshot is whole: everything that is referred to exists, nothing matches twice.

    Raises:
        InconsistentSnapshotError: naming the first offender.
    """
    for name, listener in snapshot.listeners.items():
        _check_listener(f"listener/{name}", listener, snapshot)
    _check_addresses(snapshot)
    for name, route_configuration in snapshot.routes.items():
        _check_route_configuration(f"route/{name}", route_configuration, snapshot)
    for name, cluster in snapshot.clusters.items():
        if cluster.get("type") == "EDS" and name not in snapshot.endpoints:
            raise InconsistentSnapshotError(f"cluster/{name}", "has no load assignment: endpoint/ of the same name")
    _check_names(snapshot)


def referenced_clusters(route_configuration: JSON) -> Iterator[str]:
    """The names of the clusters that a route configuration sends requests to."""
    for virtual_host in route_configuration.get("virtualHosts", []):
        for route in virtual_host.get("routes", []):
            action = route.get("route", {})
            if "cluster" in action:
                yield action["cluster"]
            for weighted in action.get("weightedClusters", {}).get("clusters", []):
                yield weighted["name"]


def referenced_route_configurations(listener: JSON) -> Iterator[str]:
    """The names of the route configurations that a listener's filter chains ask for."""
    for connection_manager in connection_managers(listener):
        if "rds" in connection_manager:
            yield connection_manager["rds"]["routeConfigName"]


def referenced_secrets(listener: JSON) -> Iterator[str]:
    """The names of the TLS secrets that a listener's filter chains ask for."""
    for chain in listener.get("filterChains", []):
        yield from (reference["name"] for reference in secret_references(chain))


def connection_managers(listener: JSON) -> Iterator[JSON]:
    """The typed configurations of a listener's HTTP connection managers."""
    for chain in listener.get("filterChains", []):
        for network_filter in chain.get("filters", []):
            yield network_filter["typedConfig"]


def secret_references(filter_chain: JSON) -> list[JSON]:
    """The SDS references of one filter chain, empty where it is plain text."""
    tls = filter_chain.get("transportSocket", {}).get("typedConfig", {}).get("commonTlsContext", {})
    references: list[JSON] = tls.get("tlsCertificateSdsSecretConfigs", [])
    return references


def _check_listener(offender: str, listener: JSON, snapshot: Snapshot) -> None:
    for route_configuration in referenced_route_configurations(listener):
        if route_configuration not in snapshot.routes:
            raise InconsistentSnapshotError(offender, f"asks for route/{route_configuration}, which doesn't exist")
    for secret in referenced_secrets(listener):
        if secret not in snapshot.secrets:
            raise InconsistentSnapshotError(offender, f"asks for secret/{secret}, which doesn't exist")
    matches = [_canonical(chain.get("filterChainMatch", {})) for chain in listener.get("filterChains", [])]
    if not matches:
        raise InconsistentSnapshotError(offender, "has no filter chain")
    for match in _duplicates(matches):
        raise InconsistentSnapshotError(offender, f"has several filter chains that match {match}")


def _check_addresses(snapshot: Snapshot) -> None:
    seen: dict[str, str] = {}
    for name, listener in snapshot.listeners.items():
        address = _canonical(listener["address"])
        if address in seen:
            raise InconsistentSnapshotError(
                f"listener/{name}", f"has the same address as listener/{seen[address]}: {address}"
            )
        seen[address] = name


def _check_route_configuration(offender: str, route_configuration: JSON, snapshot: Snapshot) -> None:
    for cluster in referenced_clusters(route_configuration):
        if cluster not in snapshot.clusters:
            raise InconsistentSnapshotError(offender, f"routes to cluster/{cluster}, which doesn't exist")
    domains = (
        domain.lower()
        for virtual_host in route_configuration.get("virtualHosts", [])
        for domain in virtual_host["domains"]
    )
    for domain in _duplicates(domains):
        raise InconsistentSnapshotError(offender, f"has the domain {domain!r} in several places")
    names = (virtual_host["name"] for virtual_host in route_configuration.get("virtualHosts", []))
    for name in _duplicates(names):
        raise InconsistentSnapshotError(offender, f"has several virtual hosts of the name {name!r}")


def _check_names(snapshot: Snapshot) -> None:
    for resource_type, resources in snapshot.by_type.items():
        for name, resource in resources.items():
            field = "clusterName" if resource_type == "endpoint" else "name"
            if resource.get(field) != name:
                raise InconsistentSnapshotError(f"{resource_type}/{name}", f"is called {resource.get(field)!r} inside")


def _duplicates(values: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            yield value
        seen.add(value)


def _canonical(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)
