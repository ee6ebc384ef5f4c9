"""Services (pkg/apis/core/validation), after they have got their addresses and ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.ip_addresses import endpoint_address_causes, ip_causes, is_address
from reconcilekit.testing.apiserver.validation.selectors import label_causes
from reconcilekit.testing.apiserver.validation.service_addresses import address_causes, changed_address_causes

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
EXPOSED = ("LoadBalancer", "NodePort")

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TRAFFIC = ("Cluster", "Local")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_MOST_STICKY_SECONDS = 86400


def service_causes(service: Obj, old: Obj | None) -> Found:
    """What is wrong with a Service."""
    spec = service["spec"]
    if old is not None:
        yield from changed_address_causes(spec, old["spec"])
        yield from _changed_balancer_causes(spec, old["spec"])
    ports = spec.get("ports") or []
    if not ports and not _is_headless(spec) and spec["type"] != "ExternalName":
        yield required("spec.ports")
    yield from _type_causes(spec)
    seen: set[str | None] = set()
    for i, port in enumerate(ports):
        yield from _port_causes(port, f"spec.ports[{i}]", seen, len(ports) > 1)
        seen.add(port.get("name"))
    yield from label_causes(spec.get("selector"), "spec.selector")
    yield from one_of("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    if spec["sessionAffinity"] == "ClientIP":
        yield from _sticky_causes(spec["sessionAffinityConfig"])
    yield from address_causes(spec)
    yield from _external_address_causes(spec, old)
    yield from one_of("spec.type", spec["type"], TYPES)
    yield from _node_port_causes(spec["type"], ports)
    yield from _same_port_causes(ports)
    yield from _balancer_causes(spec)
    yield from _traffic_causes(spec)


def service_status_causes(service: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a Service's status."""
    field, balancer = "status.loadBalancer.ingress", (service.get("status") or {}).get("loadBalancer") or {}
    told = balancer.get("ingress") or ()
    if told and service["spec"]["type"] != "LoadBalancer":
        yield forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for i, ingress in enumerate(told):
        yield from _ingress_causes(ingress, f"{field}[{i}]")


def _ingress_causes(ingress: Obj, field: str) -> Found:
    address, mode, host = ingress.get("ip", ""), ingress.get("ipMode"), ingress.get("hostname", "")
    if address:
        yield from ip_causes(address, f"{field}.ip")
    if mode is None and address:
        yield required(f"{field}.ipMode", "must be specified when `ip` is set")
    elif mode is not None and not address:
        yield forbidden(f"{field}.ipMode", "may not be specified when `ip` is not set")
    elif mode is not None and mode not in ("Proxy", "VIP"):
        yield unsupported(f"{field}.ipMode", mode, ("Proxy", "VIP"))
    if host:
        yield from (invalid(f"{field}.hostname", host, why) for why in names.subdomain(host))
        if is_address(host):
            yield invalid(f"{field}.hostname", host, "must be a DNS name, not an IP address")


def _is_headless(spec: Obj) -> bool:
    return spec.get("clusterIPs") == ["None"]


def is_reached_from_outside(spec: Obj) -> bool:
    """True if it has an `externalTrafficPolicy`."""
    kind = spec.get("type")
    return kind in EXPOSED or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def needs_health_check(spec: Obj) -> bool:
    """True if it has a `healthCheckNodePort`."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _changed_balancer_causes(spec: Obj, old: Obj) -> Found:
    field, before, after = "spec.loadBalancerClass", old.get("loadBalancerClass"), spec.get("loadBalancerClass")
    if spec["type"] == old["type"] == "LoadBalancer":
        if before != after:
            yield invalid(field, after, "may not change once set")
        yield from _balancer_class_causes(spec)
    elif after is not None:
        yield from _balancer_class_causes(spec)
    if needs_health_check(spec) and needs_health_check(old):
        name = "healthCheckNodePort"
        if spec.get(name) != old.get(name):
            yield forbidden(f"spec.{name}", "field is immutable")


def _type_causes(spec: Obj) -> Found:
    kind = spec["type"]
    if kind in EXPOSED and _is_headless(spec):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind != "ExternalName":
        return
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            yield forbidden(f"spec.{name}", "may not be set for ExternalName services")
    host = spec.get("externalName", "").removesuffix(".")
    if not host:
        yield required("spec.externalName")
    else:
        yield from (invalid("spec.externalName", host, why) for why in names.subdomain(host))


def _port_causes(port: Obj, field: str, before: set[str | None], is_named: bool) -> Found:
    name, number, target = port.get("name", ""), port.get("port", 0), port.get("targetPort", 0)
    if not name:
        if is_named:
            yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
        if name in before:
            yield duplicate(f"{field}.name", name)
    yield from (invalid(f"{field}.port", number, why) for why in names.port_number(number))
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{field}.protocol", port["protocol"], _PROTOCOLS)
    wrong = names.port_number(target) if isinstance(target, int) else names.port_name(target)
    yield from (invalid(f"{field}.targetPort", target, why) for why in wrong)
    protocol = port.get("appProtocol")
    if protocol is not None:
        yield from (invalid(f"{field}.appProtocol", protocol, why) for why in names.qualified(protocol))


def _sticky_causes(config: Obj) -> Found:
    seconds = config["clientIP"]["timeoutSeconds"]
    if not 0 < seconds <= _MOST_STICKY_SECONDS:
        why = f"must be greater than 0 and less than {_MOST_STICKY_SECONDS}"
        yield invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, why)


def _external_address_causes(spec: Obj, old: Obj | None) -> Found:
    known = (old or {"spec": {}})["spec"].get("externalIPs") or ()
    for i, address in enumerate(spec.get("externalIPs") or ()):
        field = f"spec.externalIPs[{i}]"
        wrong = list(ip_causes(address, field, known))
        yield from wrong or endpoint_address_causes(address, field)


def _node_port_causes(kind: str, ports: Sequence[Obj]) -> Found:
    seen: set[tuple[object, object]] = set()
    twice = []
    for i, port in enumerate(ports):
        if not (number := port.get("nodePort")):
            continue
        if kind == "ClusterIP":
            yield forbidden(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'")
        if (port["protocol"], number) in seen:
            twice.append(duplicate(f"spec.ports[{i}].nodePort", number))
        seen.add((port["protocol"], number))
    yield from twice


def _same_port_causes(ports: Sequence[Obj]) -> Found:
    seen: set[tuple[object, object]] = set()
    for i, port in enumerate(ports):
        key = (port["protocol"], port.get("port", 0))
        if key in seen:
            shown = {
                "Name": "",
                "Protocol": key[0],
                "AppProtocol": None,
                "Port": key[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            yield duplicate(f"spec.ports[{i}]", shown)
        seen.add(key)


def _balancer_causes(spec: Obj) -> Found:
    is_balanced, name = spec["type"] == "LoadBalancer", "allocateLoadBalancerNodePorts"
    ranges = spec.get("loadBalancerSourceRanges") or ()
    if ranges and not is_balanced:
        yield forbidden("spec.LoadBalancerSourceRanges", _ONLY_BALANCED)
    for i, told in enumerate(ranges):
        if not _is_network(told.strip()):
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            yield invalid(f"spec.LoadBalancerSourceRanges[{i}]", told.strip(), why)
    if spec.get(name) is not None and not is_balanced:
        yield forbidden(f"spec.{name}", _ONLY_BALANCED)
    yield from _balancer_class_causes(spec)


def _balancer_class_causes(spec: Obj) -> Found:
    told, field = spec.get("loadBalancerClass"), "spec.loadBalancerClass"
    if told is not None and spec["type"] != "LoadBalancer":
        yield forbidden(field, _ONLY_BALANCED)
    elif told is not None:
        yield from (invalid(field, told, why) for why in names.qualified(told))


def _traffic_causes(spec: Obj) -> Found:
    policy, field = spec.get("externalTrafficPolicy"), "spec.externalTrafficPolicy"
    if policy and not is_reached_from_outside(spec):
        yield invalid(field, policy, "may only be set for externally-accessible services")
    elif policy and policy not in _TRAFFIC:
        yield unsupported(field, policy, _TRAFFIC)
    port, field = spec.get("healthCheckNodePort"), "spec.healthCheckNodePort"
    if port and not needs_health_check(spec):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid(field, port, why)
    elif port:
        yield from (invalid(field, port, why) for why in names.port_number(port))
    yield from _told(spec, "internalTrafficPolicy", _TRAFFIC)
    yield from _told(spec, "trafficDistribution", _DISTRIBUTIONS)


def _told(spec: Obj, name: str, known: Sequence[str]) -> Iterator[Any]:
    if spec.get(name) is not None and spec[name] not in known:
        yield unsupported(f"spec.{name}", spec[name], known)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text
