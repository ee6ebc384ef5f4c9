"""NetworkPolicies (pkg/apis/networking/validation)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, invalid, required, unsupported
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")
_WAYS = (("ingress", "from"), ("egress", "to"))
_RANGE_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
_ZEROS = re.compile(r"(^|[./])0+(?=[0-9])")


def network_policy_causes(policy: Obj, old: Obj | None) -> Found:
    """What is wrong with a NetworkPolicy."""
    spec = policy["spec"]
    known = frozenset() if old is None else frozenset(_ranges(old["spec"]))
    yield from selector_causes(spec.get("podSelector") or {}, "spec.podSelector")
    for way, peers in _WAYS:
        for i, rule in enumerate(spec.get(way) or ()):
            yield from _rule_causes(rule, peers, f"spec.{way}[{i}]", known)
    kinds = spec.get("policyTypes") or ()
    if len(kinds) > len(_TYPES):
        yield invalid("spec.policyTypes", kinds, "may not specify more than two policyTypes")
        return
    for i, kind in enumerate(kinds):
        if kind not in _TYPES:
            yield unsupported(f"spec.policyTypes[{i}]", kind, _TYPES)


def _ranges(spec: Obj) -> Iterator[str]:
    """The ranges that a policy has, which may stay whatever they are."""
    for way, peers in _WAYS:
        for rule in spec.get(way) or ():
            for peer in rule.get(peers) or ():
                if (block := peer.get("ipBlock")) is not None:
                    yield block.get("cidr", "")
                    yield from block.get("except") or ()


def _rule_causes(rule: Obj, peers: str, field: str, known: Collection[str]) -> Found:
    for i, port in enumerate(rule.get("ports") or ()):
        yield from _port_causes(port, f"{field}.ports[{i}]")
    for i, peer in enumerate(rule.get(peers) or ()):
        yield from _peer_causes(peer, f"{field}.{peers}[{i}]", known)


def _port_causes(port: Obj, field: str) -> Found:
    number, last = port.get("port"), port.get("endPort")
    if port.get("protocol") not in _PROTOCOLS:
        yield unsupported(f"{field}.protocol", port.get("protocol"), _PROTOCOLS)
    if isinstance(number, int):
        yield from (invalid(f"{field}.port", number, why) for why in names.port_number(number))
        if last is not None and last < number:
            yield invalid(f"{field}.endPort", last, "must be greater than or equal to `port`")
        yield from (invalid(f"{field}.endPort", last, why) for why in names.port_number(1 if last is None else last))
        return
    if last is not None:
        what = "not specified" if number is None else "non-numeric"
        yield invalid(f"{field}.endPort", last, f"may not be specified when `port` is {what}")
    if number is not None:
        yield from (invalid(f"{field}.port", number, why) for why in names.port_name(number))


def _peer_causes(peer: Obj, field: str, known: Collection[str]) -> Found:
    told = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    for name in told:
        if name == "ipBlock":
            yield from _block_causes(peer[name], f"{field}.ipBlock", known)
        else:
            yield from selector_causes(peer[name], f"{field}.{name}")
    if not told:
        yield required(field, "must specify a peer")
    elif len(told) > 1 and "ipBlock" in told:
        yield forbidden(field, "may not specify both ipBlock and another peer")


def _block_causes(block: Obj, field: str, known: Collection[str]) -> Found:
    cidr = block.get("cidr", "")
    if not cidr:
        yield required(f"{field}.cidr")
        return
    yield from _range_causes(cidr, f"{field}.cidr", known)
    whole = _parsed(cidr)
    if whole is None:
        return
    for i, told in enumerate(block.get("except") or ()):
        yield from _range_causes(told, f"{field}.except[{i}]", known)
        part = _parsed(told)
        if part is not None and (
            _plain(part) not in whole.network or whole.network.prefixlen >= part.network.prefixlen
        ):
            yield invalid(f"{field}.except[{i}]", told, "must be a strict subset of `cidr`")


def _plain(part: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Its address, as Go has it: one of IPv4 that is mapped into IPv6 is one of IPv4."""
    return part.ip.ipv4_mapped or part.ip if isinstance(part, ipaddress.IPv6Interface) else part.ip


def _range_causes(told: str, field: str, known: Collection[str]) -> Found:
    if told in known:
        return
    found = _parsed(told)
    if found is None:
        yield invalid(field, told, _RANGE_RULE)
        return
    if _without_zeros(told) != told:
        yield invalid(field, told, "must not have leading 0s in IP or prefix length")
    elif ":" in told and found.ip in _MAPPED:
        yield invalid(field, told, "must not have an IPv4-mapped IPv6 address")
    elif found.ip != found.network.network_address:
        yield invalid(field, told, "must not have bits set beyond the prefix length")


def _without_zeros(told: str) -> str:
    return told if ":" in told else _ZEROS.sub(r"\1", told)


def _parsed(told: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    """A range, None of what is none; it takes the leading zeros that Go took once."""
    if "%" in told or told.count("/") != 1 or not told.rpartition("/")[2].isdecimal():
        return None
    try:
        return ipaddress.ip_interface(_without_zeros(told))
    except ValueError:
        return None
