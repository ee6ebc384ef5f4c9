"""Leases and priorities."""

from __future__ import annotations

from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
)

_HIGHEST_PRIORITY = 1000000000
SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
"""The priorities that every cluster has."""


def lease_causes(lease: Obj, old: Obj | None) -> Found:
    """What is wrong with a Lease."""
    spec = lease.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))


def priority_class_causes(priority: Obj, old: Obj | None) -> Found:
    """What is wrong with a PriorityClass."""
    value, name = priority.get("value", 0), priority["metadata"].get("name", "")
    if old is not None:
        if old.get("value", 0) != value:
            yield forbidden("value", "may not be changed in an update.")
        if old.get("preemptionPolicy") != priority.get("preemptionPolicy"):
            yield invalid("preemptionPolicy", priority.get("preemptionPolicy"), "field is immutable")
        return
    if name.startswith("system-"):
        yield from _system_priority_causes(name, value, is_default=priority.get("globalDefault", False))
    elif value > _HIGHEST_PRIORITY:
        yield forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}")
    if (policy := priority.get("preemptionPolicy")) == "":
        yield required("preemptionPolicy")
    elif policy is not None:
        yield from one_of("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))


def _system_priority_causes(name: str, value: int, *, is_default: bool) -> Found:
    known, why = SYSTEM_PRIORITIES.get(name), ""
    if known is None:
        why = f"{name} is not a known system priority class"
    elif value != known:
        why = f"value of {name} PriorityClass must be {known}"
    elif is_default:
        why = f"globalDefault of {name} PriorityClass must be false"
    if why:
        reserved = "priority class names with 'system-' prefix are reserved for system use only"
        yield forbidden("metadata.name", f"{reserved}. error: {why}")
