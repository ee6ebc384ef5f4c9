"""What a server is born with."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.addresses import DEFAULT_RANGE
from reconcilekit.testing.apiserver.housekeeping.cluster import KeptCluster
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.apiserver.kinds.resources import Registry
from reconcilekit.testing.apiserver.validation import SYSTEM_PRIORITIES
from reconcilekit.testing.apiserver.writing.addresses import ServiceAddresses
from reconcilekit.testing.apiserver.writing.preconditions import Target

_ALWAYS = ("default", "kube-system")
_SYSTEM = ("kube-node-lease", "kube-public")
_PRIORITIES = {
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
    ),
}
"""Without these, Pods that name them are refused."""
_ADDRESS = "192.0.2.2"
"""Where the server says it is: an address for documentation (RFC 5737), because loopback ones aren't allowed there."""
_PORT = 6443


def service_addresses(cluster: KeptCluster, options: Housekeeping) -> ServiceAddresses:
    """The addresses that a cluster's Services are given."""
    services = cluster.registry.find("", "v1", "services")
    addresses = cluster.registry.find("networking.k8s.io", "v1", "ipaddresses")
    assert services is not None
    assert addresses is not None
    return ServiceAddresses(
        addresses=options.service_range,
        ports=options.node_ports,
        random=cluster.clock.random,
        services=lambda: list(cluster.storage.collection(services).within("")),
        is_reserved=lambda name: ObjectKey("", name) in cluster.storage.collection(addresses).objects,
    )


def first_objects(registry: Registry, options: Housekeeping) -> Iterator[tuple[Target, dict[str, Any]]]:
    """The first objects and where they go, in their order."""
    for name in (*_ALWAYS, *(_SYSTEM if options.system_objects else ())):
        yield _placed(registry, "", "v1", "namespaces", {"metadata": {"name": name}})
    for name, about in _PRIORITIES.items():
        priority = {"metadata": {"name": name}, "value": SYSTEM_PRIORITIES[name], "description": about}
        yield _placed(registry, "scheduling.k8s.io", "v1", "priorityclasses", priority)
    if options.system_objects:
        addresses = {"metadata": {"name": DEFAULT_RANGE}, "spec": {"cidrs": [options.service_range]}}
        yield _placed(registry, "networking.k8s.io", "v1", "servicecidrs", addresses)
        yield _placed(registry, "", "v1", "services", _service(options))
        yield _placed(registry, "", "v1", "endpoints", _endpoints())
        yield _placed(registry, "discovery.k8s.io", "v1", "endpointslices", _slice())


def _placed(registry: Registry, group: str, version: str, plural: str, obj: dict[str, Any]) -> tuple[Target, Any]:
    served = registry.find(group, version, plural)
    assert served is not None
    key = ObjectKey(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    return Target(served=served, key=key, manager="kube-apiserver"), obj


def _service(options: Housekeeping) -> dict[str, Any]:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    address = str(ipaddress.ip_network(options.service_range)[1])
    port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": _PORT}
    spec = {"ports": [port], "clusterIP": address, "clusterIPs": [address], "type": "ClusterIP"}
    spec |= {"sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
    return {"metadata": {**_named("kubernetes"), "labels": labels}, "spec": spec}


def _endpoints() -> dict[str, Any]:
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    subset = {"addresses": [{"ip": _ADDRESS}], "ports": [{"name": "https", "port": _PORT, "protocol": "TCP"}]}
    return {"metadata": {**_named("kubernetes"), "labels": labels}, "subsets": [subset]}


def _slice() -> dict[str, Any]:
    endpoint = {"addresses": [_ADDRESS], "conditions": {"ready": True}}
    return {
        "metadata": {**_named("kubernetes"), "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [endpoint],
        "ports": [{"name": "https", "protocol": "TCP", "port": _PORT}],
    }


def _named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}
