"""Services, Namespaces, Secrets and the like (pkg/apis/core/v1/defaults.go)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.defaults.filling import Fill, fill

_CORE = "io.k8s.api.core.v1."
_STICKY_SECONDS = 10800
_WITH_ADDRESS = ("ClusterIP", "NodePort", "LoadBalancer")

_service_spec = fill(sessionAffinity="None", type="ClusterIP")


def fill_service_spec(spec: dict[str, Any]) -> None:
    """All but the addresses, which aren't defaults but allocated."""
    _service_spec(spec)
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        if (config.get("clientIP") or {}).get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _STICKY_SECONDS}}
    for port in spec.get("ports") or ():
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    kind = spec["type"]
    is_external = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if is_external:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind in _WITH_ADDRESS:
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _fill_service(service: dict[str, Any]) -> None:
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    if service["spec"]["type"] != "LoadBalancer":
        return
    for ingress in balancer.get("ingress") or ():
        if ingress.get("ip"):
            ingress.setdefault("ipMode", "VIP")


def _fill_namespace(namespace: dict[str, Any]) -> None:
    metadata = namespace["metadata"]
    if name := metadata.get("name"):
        metadata["labels"] = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}


def _fill_secret(secret: dict[str, Any]) -> None:
    secret.setdefault("type", "Opaque")
    plain = secret.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        secret["data"] = {**secret.get("data", {}), **encoded}


def _fill_node_status(status: dict[str, Any]) -> None:
    if "capacity" in status:
        status.setdefault("allocatable", dict(status["capacity"]))


def _fill_node_spec(spec: dict[str, Any]) -> None:
    """Of one family there is a field of its own, which is the first of all."""
    first, ranges = spec.get("podCIDR"), spec.get("podCIDRs") or [""]
    if first and ranges[0] != first:
        spec["podCIDRs"] = [first]
    elif not first and ranges[0]:
        spec["podCIDR"] = ranges[0]


def _fill_limit(limit: dict[str, Any]) -> None:
    if limit.get("type") != "Container":
        return
    default = {**limit.get("max", {}), **limit.get("default", {})}
    request = {**limit.get("min", {}), **default, **limit.get("defaultRequest", {})}
    filled = {"default": default, "defaultRequest": request}
    limit.update({name: values for name, values in filled.items() if values})


def _fill_replication_controller(controller: dict[str, Any]) -> None:
    spec = controller["spec"]
    labels = (spec.get("template") or {}).get("metadata", {}).get("labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        controller["metadata"].setdefault("labels", dict(labels))


DEFAULTS: Mapping[str, Fill] = {
    f"{_CORE}{name}": told
    for name, told in {
        "Service": _fill_service,
        "ServiceSpec": fill_service_spec,
        "Namespace": _fill_namespace,
        "NamespaceStatus": fill(phase="Active"),
        "NodeSpec": _fill_node_spec,
        "NodeStatus": _fill_node_status,
        "LimitRangeItem": _fill_limit,
        "ReplicationController": _fill_replication_controller,
        "Secret": _fill_secret,
        "PersistentVolumeSpec": fill(persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem"),
        "PersistentVolumeStatus": fill(phase="Pending"),
        "PersistentVolumeClaimSpec": fill(volumeMode="Filesystem"),
        "PersistentVolumeClaimStatus": fill(phase="Pending"),
        "EndpointPort": fill(protocol="TCP"),
    }.items()
}
