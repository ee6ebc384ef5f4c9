"""The rows of Services, their addresses and endpoints, and Ingresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.tables.ages import since
from reconcilekit.testing.apiserver.tables.values import (
    NONE,
    at,
    born,
    count,
    items,
    labels,
    shown_selector,
    some_of,
    text,
)

_Content = Mapping[str, Any]


def _born(obj: _Content, now: datetime) -> str:
    return since(at(obj, "metadata", "creationTimestamp"), now)


def service_cells(obj: _Content, now: datetime) -> list[Any]:
    """Type, addresses, ports, selector."""
    spec = at(obj, "spec")
    inner = next((str(ip) for ip in items(spec, "clusterIPs")), NONE)
    ports = ",".join(_port(port) for port in items(spec, "ports"))
    outer = _external(spec, at(obj, "status"))
    return [text(spec, "type"), inner, outer, ports or NONE, _born(obj, now), labels(at(spec, "selector"))]


def _port(port: Any) -> str:
    node_port = count(port, "nodePort")
    number = f"{count(port, 'port')}:{node_port}" if node_port else f"{count(port, 'port')}"
    return f"{number}/{text(port, 'protocol')}"


def _external(spec: Any, status: Any) -> str:
    told = [str(ip) for ip in items(spec, "externalIPs")]
    match text(spec, "type"):
        case "ClusterIP" | "NodePort":
            return ",".join(told) or NONE
        case "LoadBalancer":
            balanced = load_balancer(status)
            return ",".join([*([balanced] if balanced else []), *told]) or "<pending>"
        case "ExternalName":
            return text(spec, "externalName")
    return "<unknown>"


def load_balancer(status: Any) -> str:
    """The addresses that a load balancer has got."""
    found = {text(one, "ip") or text(one, "hostname") for one in items(status, "loadBalancer", "ingress")}
    return ",".join(sorted(found - {""}))


def endpoints_cells(obj: _Content, now: datetime) -> list[Any]:
    """The addresses with their ports."""
    found = []
    for subset in items(obj, "subsets"):
        addresses = [text(address, "ip") for address in items(subset, "addresses")]
        ports = items(subset, "ports")
        if not ports:
            found += addresses
        for port in ports:
            found += [_host_port(address, count(port, "port")) for address in addresses]
    shown = some_of(found, empty="") if items(obj, "subsets") else NONE
    return [shown, _born(obj, now)]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def endpoint_slice_cells(obj: _Content, now: datetime) -> list[Any]:
    """Address type, ports, addresses."""
    ports = [_slice_port(port) for port in items(obj, "ports")]
    addresses = [str(ip) for endpoint in items(obj, "endpoints") for ip in items(endpoint, "addresses")]
    return [text(obj, "addressType"), some_of(ports), some_of(addresses), _born(obj, now)]


def _slice_port(port: Any) -> str:
    if at(port, "port") is not None:
        return text(port, "port")
    return "*" if at(port, "name") is None else text(port, "name")


def ingress_cells(obj: _Content, now: datetime) -> list[Any]:
    """Class, hosts, address, ports."""
    spec = at(obj, "spec")
    rules = items(spec, "rules")
    hosts = [host for rule in rules[:3] if (host := text(rule, "host"))]
    shown = some_of(hosts, total=len(rules)) if hosts and len(rules) > 3 else ",".join(hosts)
    name = NONE if at(spec, "ingressClassName") is None else text(spec, "ingressClassName")
    ports = "80, 443" if items(spec, "tls") else "80"
    return [name, shown or "*", load_balancer(at(obj, "status")), ports, _born(obj, now)]


def ingress_class_cells(obj: _Content, now: datetime) -> list[Any]:
    """Controller, parameters."""
    parameters = at(obj, "spec", "parameters")
    shown = NONE
    if parameters is not None:
        group = text(parameters, "apiGroup")
        kind = text(parameters, "kind") + (f".{group}" if group else "")
        shown = f"{kind}/{text(parameters, 'name')}"
    return [text(obj, "spec", "controller"), shown, _born(obj, now)]


def network_policy_cells(obj: _Content, now: datetime) -> list[Any]:
    """The Pods it is for."""
    return [shown_selector(at(obj, "spec", "podSelector")), _born(obj, now)]


def ip_address_cells(obj: _Content, now: datetime) -> list[Any]:
    """Whose it is, and its age, which no column is told for."""
    parent = at(obj, "spec", "parentRef")
    if parent is None:
        return [NONE, born(obj, now)]
    group = text(parent, "group")
    kind = text(parent, "resource") + (f".{group}" if group else "")
    shown = "/".join(filter(None, (kind.lower(), text(parent, "namespace"), text(parent, "name"))))
    return [shown, born(obj, now)]


def service_range_cells(obj: _Content, now: datetime) -> list[Any]:
    """The ranges."""
    return [",".join(map(str, items(obj, "spec", "cidrs"))), _born(obj, now)]
