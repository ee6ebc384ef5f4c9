"""ResourceQuotas at a write: what an object counts as, and whether there is room for it.

As in the real server, the quota's status decides: one that nobody has counted yet limits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.quantities import parse_quantity
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored
from reconcilekit.testing.apiserver.writing.preconditions import Target

QUOTAS = ("", "resourcequotas")
PODS = ("", "pods")
SERVICES = ("", "services")

NODE_PORTS, LOAD_BALANCERS = "services.nodeports", "services.loadbalancers"

_NAMED = frozenset(
    ("", plural)
    for plural in (
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
    )
)
"""The kinds that are counted under their own names, too."""

Content = Mapping[str, Any]


class Quotas:
    """What the stored quotas leave room for.

    Args:
        storage: where they are.
        served: their kind.
    """

    def __init__(self, storage: Storage, served: ResourceType) -> None:
        self._storage = storage
        self._served = served

    def check(self, target: Target, content: Content, old: Content | None) -> None:
        """Refuse what a quota of its namespace leaves no room for.

        Raises:
            StatusError: 403.
        """
        quotas = self._storage.collection(self._served)
        if not quotas.objects or not target.key.namespace or target.subresource:
            return
        kind = target.served.storage_key
        for quota in quotas.within(target.key.namespace):
            told = quota.content.get("status") or {}
            hard, used = told.get("hard") or {}, told.get("used") or {}
            if not hard or not concerns(quota, kind, content):
                continue
            before = usage(kind, old) if old is not None and concerns(quota, kind, old) else {}
            wanted = {name: count - before.get(name, 0) for name, count in usage(kind, content).items() if name in hard}
            wanted = {name: count for name, count in wanted.items() if count > 0}
            if unknown := sorted(name for name in wanted if name not in used):
                why = f"status unknown for quota: {quota.key.name}, resources: {','.join(unknown)}"
                raise _refused(target, content, why)
            exceeded = [
                name
                for name, count in wanted.items()
                if parse_quantity(used[name]) + count > parse_quantity(hard[name])
            ]
            if exceeded:
                parts = (("requested", wanted), ("used", used), ("limited", hard))
                listed = (f"{title}: {_listed(amounts, exceeded)}" for title, amounts in parts)
                raise _refused(target, content, f"exceeded quota: {quota.key.name}, {', '.join(listed)}")


def usage(kind: tuple[str, str], content: Content) -> dict[str, int]:
    """What an object counts as, by the names that quotas have for it; what a Pod requests isn't summed up."""
    counted = {count_name(kind): 1}
    if kind in _NAMED and not (kind == PODS and _has_ended(content)):
        counted[kind[1]] = 1
    if kind == SERVICES:
        spec = content.get("spec") or {}
        ports = spec.get("ports") or ()
        is_balanced = spec.get("type") == "LoadBalancer"
        if is_balanced and spec.get("allocateLoadBalancerNodePorts") is False:
            ports = [port for port in ports if port.get("nodePort")]
        counted[NODE_PORTS] = len(ports) if is_balanced or spec.get("type") == "NodePort" else 0
        counted[LOAD_BALANCERS] = int(is_balanced)
    return counted


def count_name(kind: tuple[str, str]) -> str:
    """How quotas name the objects of a kind, by group and plural: "count/deployments.apps"."""
    group, plural = kind
    return f"count/{plural}.{group}" if group else f"count/{plural}"


def kind_of(name: str) -> tuple[str, str] | None:
    """The kind that a name counts, by group and plural; None where it counts none."""
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        return group, plural
    if name in (NODE_PORTS, LOAD_BALANCERS):
        return SERVICES
    return ("", name) if ("", name) in _NAMED else None


def concerns(quota: Stored, kind: tuple[str, str], content: Content) -> bool:
    """Whether the quota's scopes let it count an object: with any scope, it counts Pods alone."""
    spec = quota.content.get("spec") or {}
    scopes = [*(spec.get("scopes") or ())]
    selector = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not scopes and not selector:
        return True
    if kind != PODS or any(told.get("operator") != "Exists" for told in selector):
        return False
    return all(_is_in(scope, content) for scope in (*scopes, *(told.get("scopeName", "") for told in selector)))


def _is_in(scope: str, pod: Content) -> bool:
    spec = pod.get("spec") or {}
    is_best_effort = (pod.get("status") or {}).get("qosClass") == "BestEffort"
    return {
        "Terminating": spec.get("activeDeadlineSeconds") is not None,
        "NotTerminating": spec.get("activeDeadlineSeconds") is None,
        "BestEffort": is_best_effort,
        "NotBestEffort": not is_best_effort,
        "PriorityClass": bool(spec.get("priorityClassName")),
    }.get(scope, False)


def _has_ended(pod: Content) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _listed(amounts: Mapping[str, object], names: Iterable[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in sorted(names))


def _refused(target: Target, content: Content, why: str) -> status.StatusError:
    name = content["metadata"].get("name", "")
    return status.forbidden(target.served.group, target.served.plural, name, why)
