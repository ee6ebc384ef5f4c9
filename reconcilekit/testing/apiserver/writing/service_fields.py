"""What a write to a Service keeps, drops and settles around its addresses and ports (pkg/registry/core/service)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import Found, invalid
from reconcilekit.testing.apiserver.validation.service_addresses import NONE, SINGLE, address_causes, family_of
from reconcilekit.testing.apiserver.validation.services import EXPOSED, is_reached_from_outside, needs_health_check

Spec = dict[str, Any]
Told = Mapping[str, Any]

_ADDRESSED = ("clusterIP", "clusterIPs")


def has_address(spec: Told) -> bool:
    """True if it has addresses of its own, or "None"."""
    return str(spec.get("type")) != "ExternalName"


def carry_over(spec: Spec, old: Told) -> None:
    """What a PUT leaves out, it keeps: the addresses and ports that the Service was given."""
    if has_address(spec) and has_address(old):
        for name in _ADDRESSED:
            if old.get(name) and not spec.get(name):
                spec[name] = old[name]
    if spec.get("type") in EXPOSED and old.get("type") in EXPOSED:
        spec["ports"] = _with_known_ports(spec.get("ports") or [], old.get("ports") or [])
    if needs_health_check(spec) and needs_health_check(old) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old.get("healthCheckNodePort")


def _with_known_ports(ports: Iterable[dict[str, Any]], before: Iterable[Told]) -> list[dict[str, Any]]:
    told, given = list(ports), list(before)
    used = _node_ports(told) & _node_ports(given)
    known = {port.get("name", ""): port.get("nodePort") for port in given}
    filled = []
    for port in told:
        number = port.get("nodePort") or known.get(port.get("name", ""))
        is_free = number and (port.get("nodePort") or number not in used)
        filled.append({**port, "nodePort": number} if is_free else port)
    return filled


def _node_ports(ports: Iterable[Told]) -> set[int]:
    return {port["nodePort"] for port in ports if port.get("nodePort")}


def normalise(spec: Spec, old: Told | None) -> None:
    """Bring `clusterIP` and `clusterIPs` together where only one of them was told."""
    address = spec.get("clusterIP")
    if old is None:
        if address and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [address]
        return
    if spec.get("clusterIPs") != old.get("clusterIPs") or address == old.get("clusterIP"):
        return
    if address:
        spec["clusterIPs"] = [address]
    else:
        spec.pop("clusterIPs", None)


def drop_unneeded(spec: Spec, old: Told) -> None:
    """Drop what the new type doesn't need, unless the write changed it as well."""
    if has_address(old) and not has_address(spec):
        if all(spec.get(name) == old.get(name) for name in _ADDRESSED):
            for name in _ADDRESSED:
                spec.pop(name, None)
        for name in ("ipFamilies", "ipFamilyPolicy"):
            _drop_same(spec, old, name)
    ports = spec.get("ports") or []
    is_hidden = old.get("type") in EXPOSED and spec.get("type") not in EXPOSED
    if ports and is_hidden and _node_ports(ports) <= _node_ports(old.get("ports") or ()):
        spec["ports"] = [{name: port[name] for name in port if name != "nodePort"} for port in ports]
    if needs_health_check(old) and not needs_health_check(spec):
        _drop_same(spec, old, "healthCheckNodePort")
    if old.get("type") == "LoadBalancer" and spec.get("type") != "LoadBalancer":
        _drop_same(spec, old, "allocateLoadBalancerNodePorts")
        _drop_same(spec, old, "loadBalancerClass")
    if is_reached_from_outside(old) and not is_reached_from_outside(spec):
        _drop_same(spec, old, "externalTrafficPolicy")


def drop_unread(spec: Spec) -> None:
    """Drop what no read of an ExternalName Service shows, though a write may tell it."""
    if not has_address(spec):
        spec.pop("internalTrafficPolicy", None)


def _drop_same(spec: Spec, old: Told, name: str) -> None:
    if spec.get(name) == old.get(name):
        spec.pop(name, None)


def stays_undecided(spec: Told, old: Told | None) -> bool:
    """True for a Service that prefers two families and goes on with what it has."""
    if old is None or not has_address(spec) or spec.get("ipFamilyPolicy") != "PreferDualStack":
        return False
    # A Service that was made by a write to its status has no policy, and nothing else, yet.
    if old.get("ipFamilyPolicy") not in (None, "PreferDualStack"):
        return False
    return all((spec.get(name) or None) == (old.get(name) or None) for name in ("type", "clusterIPs", "ipFamilies"))


def settle_families(name: str, spec: Spec, old: Told | None, own: str) -> None:
    """Fill in `ipFamilies` and `ipFamilyPolicy`.

    Args:
        name: the Service's, for failures.
        spec: changed in place.
        old: what it replaces.
        own: the only family that the server has addresses of.

    Raises:
        StatusError: 422.
    """
    if not has_address(spec) or stays_undecided(spec, old):
        return
    is_free = spec.get("clusterIP") == NONE and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        spec["ipFamilyPolicy"] = (old or {}).get("ipFamilyPolicy") or ("RequireDualStack" if is_free else SINGLE)
    _refuse(name, address_causes(spec))
    _refuse(name, _count_causes(spec, old))
    _refuse(name, _infer(spec, own))
    if is_free:
        families = list(spec.get("ipFamilies") or [own])
        if len(families) == 1 and spec["ipFamilyPolicy"] != SINGLE:
            families.append("IPv6" if families == ["IPv4"] else "IPv4")
        spec["ipFamilies"] = families
        return
    _refuse(name, _configuration_causes(spec, own))
    spec["ipFamilies"] = spec.get("ipFamilies") or [own]


def _count_causes(spec: Spec, old: Told | None) -> Found:
    field, policy, told = "spec.ipFamilyPolicy", spec["ipFamilyPolicy"], ("clusterIPs", "ipFamilies")
    for name, what in zip(told, ("cluster IP", "IP family"), strict=True):
        count, before = len(spec.get(name) or ()), len((old or {}).get(name) or ())
        if policy == SINGLE and old is not None and count > 1 and spec[name] == old.get(name):
            spec[name] = spec[name][:1]
        elif policy != SINGLE and 0 < count < before:
            yield invalid(field, policy, f"must be 'SingleStack' to release the secondary {what}")
    for name, what in zip(told, ("cluster IPs", "IP families"), strict=True):
        if policy == SINGLE and len(spec.get(name) or ()) == 2:
            why = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            yield invalid(field, policy, why)


def _infer(spec: Spec, own: str) -> Found:
    """The families of the addresses that were asked for."""
    families, addresses = list(spec.get("ipFamilies") or ()), spec.get("clusterIPs") or []
    for i, address in enumerate(addresses):
        if address == NONE:
            break
        if i < len(families):
            continue
        family = family_of(address)
        if family != own:
            yield invalid(f"spec.clusterIPs[{i}]", addresses, f"{family} is not configured on this cluster")
        else:
            families.append(family)
    if families:
        spec["ipFamilies"] = families


def _configuration_causes(spec: Told, own: str) -> Found:
    if spec["ipFamilyPolicy"] == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        yield invalid("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], why)
    for i, family in enumerate(spec.get("ipFamilies") or ()):
        if family != own:
            yield invalid(f"spec.ipFamilies[{i}]", family, "not configured on this cluster")


def _refuse(name: str, found: Iterable[Cause]) -> None:
    if causes := list(found):
        raise status.invalid("", "Service", name, causes)
