"""Addresses that traffic is sent to, and slices of them (pkg/apis/core/validation, pkg/apis/discovery/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    immutable,
    invalid,
    one_of,
    required,
    too_many,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.ip_addresses import (
    endpoint_address_causes,
    ip_causes,
    parsed,
    strict_ip_causes,
)

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS, _MOST_HINTS = 1000, 100, 20_000, 8


def endpoints_causes(endpoints: Obj, old: Obj | None) -> Found:
    """What is wrong with Endpoints; subsets that a change leaves alone may stay as they are."""
    subsets = endpoints.get("subsets") or ()
    if old is not None and (old.get("subsets") or ()) == subsets:
        return
    for i, subset in enumerate(subsets):
        field = f"subsets[{i}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(field, "must specify `addresses` or `notReadyAddresses`")
        for name in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(subset.get(name) or ()):
                yield from _address_causes(address, f"{field}.{name}[{j}]")
        ports = subset.get("ports") or ()
        for j, port in enumerate(ports):
            yield from _port_causes(port, f"{field}.ports[{j}]", is_name_needed=len(ports) > 1)


def _address_causes(address: Obj, field: str) -> Found:
    ip, host, node = address.get("ip", ""), address.get("hostname", ""), address.get("nodeName")
    yield from ip_causes(ip, f"{field}.ip")
    if host:
        yield from (invalid(f"{field}.hostname", host, why) for why in names.label(host))
    if node is not None:
        yield from (invalid(f"{field}.nodeName", node, why) for why in names.subdomain(node))
    yield from endpoint_address_causes(ip, f"{field}.ip")


def _port_causes(port: Obj, field: str, *, is_name_needed: bool) -> Found:
    name, number = port.get("name", ""), port.get("port", 0)
    if name:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
    elif is_name_needed:
        yield required(f"{field}.name")
    yield from (invalid(f"{field}.port", number, why) for why in names.port_number(number))
    yield from _protocol_causes(port, field)


def _protocol_causes(port: Obj, field: str) -> Found:
    protocol, spoken = port.get("protocol"), port.get("appProtocol")
    if protocol not in _PROTOCOLS:
        yield unsupported(f"{field}.protocol", protocol or "", _PROTOCOLS)
    if spoken is not None:
        yield from (invalid(f"{field}.appProtocol", spoken, why) for why in names.qualified(spoken))


def endpoint_slice_causes(endpoint_slice: Obj, old: Obj | None) -> Found:
    """What is wrong with an EndpointSlice; endpoints that a change leaves alone may stay as they are."""
    kind = endpoint_slice.get("addressType", "")
    if not kind:
        yield required("addressType")
    elif kind not in ("IPv4", "IPv6", "FQDN"):
        yield from one_of("addressType", kind, ("FQDN", "IPv4", "IPv6"))
    if old is not None:
        yield from immutable("addressType", old.get("addressType"), kind)
    yield from _slice_port_causes(endpoint_slice.get("ports") or ())
    endpoints = endpoint_slice.get("endpoints") or ()
    if old is not None and (old.get("endpoints") or ()) == endpoints:
        return
    if len(endpoints) > _MOST_ENDPOINTS:
        yield from too_many("endpoints", endpoints, _MOST_ENDPOINTS)
        return
    for i, endpoint in enumerate(endpoints):
        yield from _endpoint_causes(endpoint, kind, f"endpoints[{i}]")
    for i, endpoint in enumerate(endpoints):
        field, addresses = f"endpoints[{i}].addresses", endpoint.get("addresses") or ()
        if not addresses:
            yield required(field)
        yield from too_many(field, addresses, _MOST_ADDRESSES)


def _endpoint_causes(endpoint: Obj, kind: str, field: str) -> Found:
    for j, address in enumerate(endpoint.get("addresses") or ()):
        yield from _slice_address_causes(address, kind, f"{field}.addresses", f"{field}.addresses[{j}]")
    node, host = endpoint.get("nodeName"), endpoint.get("hostname")
    if node is not None:
        yield from (invalid(f"{field}.nodeName", node, why) for why in names.subdomain(node))
    if host is not None:
        yield from (invalid(f"{field}.hostname", host, why) for why in names.label(host))
    for name, rule in (("forZones", names.label_value), ("forNodes", names.subdomain)):
        hints = (endpoint.get("hints") or {}).get(name) or ()
        yield from _hint_causes([hint.get("name", "") for hint in hints], rule, f"{field}.hints.{name}")
        if len(hints) > _MOST_HINTS:
            return


def _hint_causes(hints: Sequence[str], rule: Callable[[str], Iterator[str]], field: str) -> Found:
    if len(hints) > _MOST_HINTS:
        yield from too_many(field, hints, _MOST_HINTS)
        return
    for i, name in enumerate(hints):
        if name in hints[:i]:
            yield duplicate(f"{field}[{i}].name", name)
        yield from (invalid(f"{field}[{i}].name", name, why) for why in rule(name))


def _slice_address_causes(address: str, kind: str, whole: str, field: str) -> Found:
    if kind == "FQDN":
        wrong = [invalid(field, address, why) for why in names.subdomain(address)]
        yield from wrong
        if not wrong and "." not in address:
            yield invalid(field, address, "should be a domain with at least two segments separated by dots")
    if kind not in ("IPv4", "IPv6"):
        return
    causes = ip_causes if kind == "IPv4" else strict_ip_causes
    if wrong := list(causes(address, field)):
        yield from wrong
        return
    found = parsed(address)
    if found is not None and f"IPv{found.version}" != kind:
        yield invalid(whole, address, f"must be an {kind} address")
    yield from endpoint_address_causes(address, field)


def _slice_port_causes(ports: Sequence[Obj]) -> Found:
    if len(ports) > _MOST_PORTS:
        yield from too_many("ports", ports, _MOST_PORTS)
        return
    seen: set[str] = set()
    for i, port in enumerate(ports):
        field, name = f"ports[{i}]", port.get("name", "")
        if name:
            yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
        if name in seen:
            yield duplicate(f"{field}.name", name)
        seen.add(name)
        yield from _protocol_causes(port, field)
