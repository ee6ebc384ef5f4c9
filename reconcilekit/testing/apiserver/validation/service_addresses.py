"""What a Service's `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` may be, and become (KEP-563)."""

from __future__ import annotations

import ipaddress

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, duplicate, invalid, required, unsupported
from reconcilekit.testing.apiserver.validation.ip_addresses import ip_causes

NONE = "None"
SINGLE = "SingleStack"

_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", SINGLE)
_FIELD = "spec.clusterIPs"


def address_causes(spec: Obj) -> Found:
    """What is wrong with them; the server looks before it gives an address, and again after."""
    if spec["type"] == "ExternalName":
        return
    addresses = spec.get("clusterIPs") or []
    yield from _singular_causes(spec.get("clusterIP") or "", addresses)
    seen: set[str] = set()
    for i, family in enumerate(families := spec.get("ipFamilies") or []):
        if family not in _FAMILIES:
            yield unsupported(f"spec.ipFamilies[{i}]", family, _FAMILIES)
        if family in seen:
            yield duplicate(f"spec.ipFamilies[{i}]", family)
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        yield unsupported("spec.ipFamilyPolicy", policy, _POLICIES)
    wrong = list(_single_address_causes(addresses))
    yield from wrong
    if len(addresses) > 2:
        yield invalid(_FIELD, addresses, "may only hold up to 2 values")
    if not wrong:
        yield from _matching_causes(addresses, families)


def _singular_causes(address: str, addresses: list[str]) -> Found:
    if address and not addresses:
        yield required(_FIELD)
    elif address and addresses[0] != address:
        yield invalid(_FIELD, addresses, "first value must match `clusterIP`")
    elif not address and addresses:
        yield invalid(_FIELD, addresses, "must be empty when `clusterIP` is not specified")


def _single_address_causes(addresses: list[str]) -> Found:
    for i, address in enumerate(addresses):
        if i == 0 and address == NONE:
            if len(addresses) > 1:
                yield invalid(_FIELD, addresses, "'None' must be the first and only value")
        else:
            yield from ip_causes(address, f"{_FIELD}[{i}]")


def _matching_causes(addresses: list[str], families: list[str]) -> Found:
    if addresses == [NONE]:
        return
    found = [family_of(address) for address in addresses]
    if len(found) > 1 and len(set(found)) == 1:
        yield invalid(_FIELD, addresses, "may specify no more than one IP for each IP family")
    for i, (address, family) in enumerate(zip(addresses, families, strict=False)):
        if family in _FAMILIES and found[i] != family:
            yield invalid(f"{_FIELD}[{i}]", address, f"expected an {family} value as indicated by `ipFamilies[{i}]`")


def family_of(address: str) -> str:
    """The family of a valid address."""
    return f"IPv{ipaddress.ip_address(address).version}"


def changed_address_causes(spec: Obj, old: Obj) -> Found:
    """What an update may not do to them."""
    if "ExternalName" in (spec["type"], old["type"]):
        return
    before, after = old.get("clusterIPs") or [], spec.get("clusterIPs") or []
    is_headless, was_headless = after == [NONE], before == [NONE]
    if not (is_headless and was_headless):
        yield from _changed_causes(_FIELD, "clusterIP", before, after, spec)
    if not is_headless and not was_headless:
        families = (old.get("ipFamilies") or [], spec.get("ipFamilies") or [])
        yield from _changed_causes("spec.ipFamilies", "ipFamily", *families, spec)


def _changed_causes(field: str, what: str, before: list[str], after: list[str], spec: Obj) -> Found:
    if len(before) == len(after):
        for i, value in enumerate(before):
            if value != after[i]:
                index = i if what == "clusterIP" else 0
                yield invalid(f"{field}[{index}]", after, "may not change once set")
        return
    if len(before) > len(after) and not after:
        yield invalid(f"{field}[0]", None, f"primary {what} can not be unset")
    if before and after and before[0] != after[0]:
        yield invalid(f"{field}[0]", after, "may not change once set")
    if len(before) > len(after) == 1 and spec.get("ipFamilyPolicy") != SINGLE:
        why = f"must be set to 'SingleStack' when releasing the secondary {what}"
        yield invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why)
