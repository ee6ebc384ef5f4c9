"""What is reported of a Pod: its addresses, conditions and containers (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, immutable, invalid
from reconcilekit.testing.apiserver.validation.ip_addresses import ip_causes, is_address
from reconcilekit.testing.apiserver.validation.service_addresses import family_of

_OF_THE_SYSTEM = frozenset({"PodScheduled", "Ready", "Initialized"})
_ENDED = "may not be transitioned to non-terminated state"


def pod_status_causes(pod: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a Pod's status."""
    status, before, spec = pod.get("status") or {}, old.get("status") or {}, old["spec"]
    yield from _condition_causes(status.get("conditions") or ())
    node = status.get("nominatedNodeName", "")
    if node and node != before.get("nominatedNodeName", ""):
        yield from (invalid("status.nominatedNodeName", node, why) for why in names.subdomain(node))
        if spec.get("nodeName"):
            why = "may not be set on pods that are already bound to a node"
            yield forbidden("status.nominatedNodeName", why)
    yield from _generation_causes(status, "status")
    yield from immutable("status.qosClass", before.get("qosClass", ""), status.get("qosClass", ""))
    yield from _ended_causes("containerStatuses", status, before, spec, spec.get("containers") or ())
    yield from _ended_causes("initContainerStatuses", status, before, spec, spec.get("initContainers") or ())
    yield from _ended_causes("ephemeralContainerStatuses", status, before, {}, ())
    yield from _address_causes("podIPs", status, before)
    yield from _same_address_causes(status)
    yield from _host_address_causes(status, before)


def _condition_causes(conditions: Sequence[Obj]) -> Found:
    for i, condition in enumerate(conditions):
        field, kind = f"status.conditions[{i}]", condition.get("type", "")
        yield from _generation_causes(condition, field)
        if kind not in _OF_THE_SYSTEM:
            yield from (invalid(f"{field}.Type", kind, why) for why in names.qualified(kind))


def _generation_causes(told: Obj, field: str) -> Found:
    if (generation := told.get("observedGeneration", 0)) < 0:
        yield invalid(f"{field}.observedGeneration", generation, "must be a non-negative integer")


def _ended_causes(name: str, status: Obj, before: Obj, spec: Obj, containers: Sequence[Obj]) -> Found:
    """Containers that have ended, and run again though nothing restarts them."""
    if any(rule.get("action") == "RestartAllContainers" for rule in _restart_rules(spec)):
        return
    found = {container.get("name"): container for container in containers}
    running = {told.get("name") for told in status.get(name) or () if "terminated" not in (told.get("state") or {})}
    for i, told in enumerate(before.get(name) or ()):
        ended = (told.get("state") or {}).get("terminated")
        if ended is None or told.get("name") not in running:
            continue
        container = found.get(told.get("name"))
        if container is None or not _is_restarted(container, spec, ended.get("exitCode", 0)):
            yield forbidden(f"status.{name}[{i}].state", _ENDED)


def _restart_rules(spec: Obj) -> list[Obj]:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [rule for container in containers for rule in container.get("restartPolicyRules") or ()]


def _is_restarted(container: Obj, spec: Obj, exit_code: int) -> bool:
    own = container.get("restartPolicy")
    if own is not None and any(_is_for(rule, exit_code) for rule in container.get("restartPolicyRules") or ()):
        return True
    policy = own or spec.get("restartPolicy")
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _is_for(rule: Obj, exit_code: int) -> bool:
    told = rule.get("exitCodes") or {}
    is_listed = exit_code in (told.get("values") or ())
    return rule.get("action") == "Restart" and is_listed == (told.get("operator") == "In")


def _address_causes(name: str, status: Obj, before: Obj) -> Found:
    """What is wrong with a list of addresses; those that were there already may stay."""
    known = {told.get("ip", "") for told in before.get(name) or ()}
    addresses = [told.get("ip", "") for told in status.get(name) or ()]
    for i, address in enumerate(addresses):
        yield from ip_causes(address, f"status.{name}[{i}]", known)
    families = {family_of(address) for address in addresses if is_address(address)}
    if len(addresses) > 1 and (len(addresses) > 2 or len(families) < 2):
        yield invalid(f"status.{name}", _shown(addresses), "may specify no more than one IP for each IP family")


def _shown(addresses: Sequence[str]) -> list[dict[str, str]]:
    return [{"IP": address} for address in addresses]


def _same_address_causes(status: Obj) -> Found:
    address, addresses = status.get("podIP", ""), [told.get("ip", "") for told in status.get("podIPs") or ()]
    if bool(address) != bool(addresses):
        why = "podIP and podIPs must either both be set or both be unset"
        yield invalid("status.podIPs", _shown(addresses), why)
    elif addresses and address != addresses[0]:
        yield invalid("status.podIPs[0].ip", addresses[0], "must be equal to `podIP`")


def _host_address_causes(status: Obj, before: Obj) -> Found:
    addresses = [told.get("ip", "") for told in status.get("hostIPs") or ()]
    if addresses and status.get("hostIP", "") != addresses[0]:
        yield invalid("status.hostIPs[0].ip", addresses[0], "must be equal to `hostIP`")
    yield from _address_causes("hostIPs", status, before)
