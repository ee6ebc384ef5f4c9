"""ResourceQuotas (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, immutable, invalid, required
from reconcilekit.testing.apiserver.validation.resource_names import amount_causes, is_quota, quota_name_causes

_PODS = frozenset({"pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"})
_APPLIES = {
    "Terminating": _PODS,
    "NotTerminating": _PODS,
    "BestEffort": frozenset({"pods"}),
    "NotBestEffort": _PODS,
    "PriorityClass": _PODS,
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
    "CrossNamespacePodAffinity": _PODS,
}
"""What can be limited in a scope."""

_ONLY_THERE = frozenset({"BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"})
_ONLY_THERE_RULE = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_AMISS = "unsupported scope applied to resource"


def quota_causes(quota: Obj, old: Obj | None) -> Found:
    """What is wrong with a ResourceQuota."""
    spec = quota.get("spec") or {}
    yield from _amounts_causes(spec.get("hard") or {}, "spec.hard")
    # The same mistake is told once.
    yield from dict.fromkeys(_scope_causes(spec, "spec.scopes"))
    if (selector := spec.get("scopeSelector")) is not None:
        yield from _selector_causes(spec, selector.get("matchExpressions") or (), "spec.scopeSelector.matchExpressions")
    if old is not None:
        before = sorted((old.get("spec") or {}).get("scopes") or ())
        yield from immutable("spec.scopes", before, sorted(spec.get("scopes") or ()))


def quota_status_causes(quota: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a ResourceQuota's status."""
    status = quota.get("status") or {}
    for name in ("hard", "used"):
        yield from _amounts_causes(status.get(name) or {}, f"status.{name}")


def _amounts_causes(amounts: Obj, field: str) -> Found:
    for name, value in amounts.items():
        yield from quota_name_causes(name, f"{field}[{name}]")
        yield from amount_causes(name, value, f"{field}[{name}]")


def _scope_causes(spec: Obj, field: str) -> Found:
    scopes = spec.get("scopes") or ()
    for scope in scopes:
        if scope not in _APPLIES:
            yield invalid(field, scopes, "unsupported scope")
        yield from (invalid(field, scopes, _AMISS) for _ in _misplaced(spec, scope))
    yield from (invalid(field, scopes, "conflicting scopes") for pair in _CONFLICTS if pair <= set(scopes))


def _misplaced(spec: Obj, scope: str) -> list[str]:
    """What is limited, but not in this scope."""
    return [
        name for name in spec.get("hard") or () if scope in _APPLIES and is_quota(name) and name not in _APPLIES[scope]
    ]


def _selector_causes(spec: Obj, told: Sequence[Obj], field: str) -> Found:
    for requirement in told:
        scope = requirement.get("scopeName", "")
        if scope not in _APPLIES:
            yield invalid(f"{field}.scopeName", scope, "unsupported scope")
        yield from (invalid(field, {"MatchExpressions": _inner(told)}, _AMISS) for _ in _misplaced(spec, scope))
        yield from _requirement_causes(requirement, scope, field)
    scopes = {requirement.get("scopeName", "") for requirement in told}
    # The list that there is no more is what the real server shows.
    shown = spec.get("scopes")
    yield from (invalid(field, shown, "conflicting scopes") for pair in _CONFLICTS if pair <= scopes)


def _requirement_causes(requirement: Obj, scope: str, field: str) -> Found:
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    if scope in _ONLY_THERE and operator != "Exists":
        yield invalid(f"{field}.operator", operator, _ONLY_THERE_RULE)
    if operator in ("In", "NotIn"):
        if not values:
            why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required(f"{field}.values", why)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid(f"{field}.values", values, why)
    else:
        yield invalid(f"{field}.operator", operator, "not a valid selector operator")


def _inner(told: Sequence[Obj]) -> list[dict[str, Any]]:
    """Requirements as Go has them inside."""
    return [
        {"ScopeName": one.get("scopeName", ""), "Operator": one.get("operator", ""), "Values": one.get("values")}
        for one in told
    ]
