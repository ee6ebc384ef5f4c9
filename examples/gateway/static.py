"""A snapshot as one static bootstrap, for `envoy --mode validate`: what Envoy would refuse, before it is published."""

from __future__ import annotations

import copy
from typing import Any

from examples.gateway.snapshot import JSON, Snapshot, connection_managers, secret_references


def static_bootstrap(snapshot: Snapshot) -> dict[str, Any]:
    """Everything inline, nothing fetched; routes to clusters that don't exist are refused, as ADS wouldn't.

    Args:
        snapshot: to be validated; it isn't changed.
    """
    return {
        "staticResources": {
            "listeners": [_listener(listener, snapshot) for listener in snapshot.listeners.values()],
            "clusters": [_cluster(cluster, snapshot) for cluster in snapshot.clusters.values()],
            "secrets": list(snapshot.secrets.values()),
        }
    }


def _listener(listener: JSON, snapshot: Snapshot) -> JSON:
    static = copy.deepcopy(listener)
    for manager in connection_managers(static):
        name = manager.pop("rds")["routeConfigName"]
        manager["routeConfig"] = {**snapshot.routes[name], "validateClusters": True}
    for chain in static["filterChains"]:
        for reference in secret_references(chain):
            del reference["sdsConfig"]
    return static


def _cluster(cluster: JSON, snapshot: Snapshot) -> JSON:
    if cluster["type"] != "EDS":
        return cluster
    static = {name: value for name, value in cluster.items() if name != "edsClusterConfig"}
    return {**static, "type": "STATIC", "loadAssignment": snapshot.endpoints[cluster["name"]]}
