"""PodDisruptionBudgets (pkg/apis/policy/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, invalid, one_of
from reconcilekit.testing.apiserver.validation.percentages import most_causes, share_causes
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def disruption_budget_causes(budget: Obj, old: Obj | None) -> Found:
    """What is wrong with a PodDisruptionBudget."""
    spec = budget["spec"]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if least is not None and most is not None:
        told = {"MinAvailable": least, "Selector": spec.get("selector"), "MaxUnavailable": most}
        told["UnhealthyPodEvictionPolicy"] = policy
        yield invalid("spec", told, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            yield from share_causes(value, f"spec.{name}")
            yield from most_causes(value, f"spec.{name}")
    yield from selector_causes(spec.get("selector") or {}, "spec.selector")
    if policy is not None:
        yield from one_of("spec.unhealthyPodEvictionPolicy", policy, _POLICIES)
