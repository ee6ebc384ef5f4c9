"""Addresses that traffic is sent to, and slices of them (pkg/apis/core/validation, pkg/apis/discovery/validation)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    immutable,
    invalid,
    one_of,
    required,
)

ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("IPv4", "IPv6")
LOOPBACK_RULE = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


def is_address(text: str) -> bool:
    """True for an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def endpoint_address_causes(text: str, field: str) -> Found:
    """What is wrong with an address to send to."""
    if not is_address(text):
        yield invalid(field, text, "must be a valid IP address")
        return
    address = ipaddress.ip_address(text)
    if address.is_unspecified:
        yield invalid(field, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(field, text, LOOPBACK_RULE)
    if address.is_link_local:
        yield invalid(field, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LOCAL_MULTICAST[address.version]:
        yield invalid(field, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


_LOCAL_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}


def endpoint_slice_causes(endpoint_slice: Obj, old: Obj | None) -> Found:
    """What is wrong with an EndpointSlice."""
    kind = endpoint_slice.get("addressType", "")
    if not kind:
        yield required("addressType")
    elif kind not in ("IPv4", "IPv6", "FQDN"):
        yield from one_of("addressType", kind, ("FQDN", "IPv4", "IPv6"))
    if old is not None:
        yield from immutable("addressType", old.get("addressType"), kind)
    yield from _endpoint_port_causes(endpoint_slice.get("ports") or ())
    without = []
    for i, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        field = f"endpoints[{i}].addresses"
        if not endpoint.get("addresses"):
            without.append(required(field))
        for j, address in enumerate(endpoint.get("addresses") or ()):
            yield from _slice_address_causes(address, kind, field, f"{field}[{j}]")
    yield from without


def _slice_address_causes(address: str, kind: str, whole: str, field: str) -> Found:
    if kind == "FQDN":
        wrong = [invalid(field, address, why) for why in names.subdomain(address)]
        yield from wrong
        if not wrong and "." not in address:
            yield invalid(field, address, "should be a domain with at least two segments separated by dots")
    if kind not in _FAMILIES:
        return
    if not is_address(address):
        yield invalid(field, address, ADDRESS_RULE)
        return
    if f"IPv{ipaddress.ip_address(address).version}" != kind:
        yield invalid(whole, address, f"must be an {kind} address")
    yield from endpoint_address_causes(address, field)


def _endpoint_port_causes(ports: Sequence[Obj]) -> Found:
    seen: set[str] = set()
    for i, port in enumerate(ports):
        name = port.get("name", "")
        if name:
            yield from (invalid(f"ports[{i}].name", name, why) for why in names.label(name))
        if name in seen:
            yield duplicate(f"ports[{i}].name", name)
        seen.add(name)
        yield from one_of(f"ports[{i}].protocol", port.get("protocol"), _PROTOCOLS)
