"""ResourceQuotas (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    yield from _scope_causes(spec, "spec.scopes")
    if (selector := spec.get("scopeSelector")) is not None:
        told = selector.get("matchExpressions") or ()
        # The same mistake is told once.
        yield from dict.fromkeys(_selector_causes(spec, told, "spec.scopeSelector.matchExpressions"))
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
    told = dict.fromkeys(scopes)
    # The whole list is shown each time, so that each mistake is told once.
    wrong = dict.fromkeys(why for scope in told for why in _wrong_with(spec, scope))
    yield from (invalid(field, scopes, why) for why in wrong)
    if any(pair <= told.keys() for pair in _CONFLICTS):
        yield invalid(field, scopes, "conflicting scopes")


def _wrong_with(spec: Obj, scope: str) -> Iterator[str]:
    if scope not in _APPLIES:
        yield "unsupported scope"
    elif _is_misplaced(spec, scope):
        yield _AMISS


def _is_misplaced(spec: Obj, scope: str) -> bool:
    """True if something is limited, but not in this scope."""
    known = _APPLIES.get(scope)
    return known is not None and any(is_quota(name) and name not in known for name in spec.get("hard") or ())


def _selector_causes(spec: Obj, told: Sequence[Obj], field: str) -> Found:
    misplaced = {scope for scope in _APPLIES if _is_misplaced(spec, scope)}
    is_told = False
    for requirement in told:
        scope = requirement.get("scopeName", "")
        if scope not in _APPLIES:
            yield invalid(f"{field}.scopeName", scope, "unsupported scope")
        if scope in misplaced and not is_told:
            yield invalid(field, {"MatchExpressions": _inner(told)}, _AMISS)
            is_told = True
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
