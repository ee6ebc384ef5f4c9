"""What controllers report: workloads' counts, budgets, autoscalers, Ingresses (pkg/apis/apps, pkg/apis/policy)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    invalid,
    not_negative,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.ip_addresses import ip_causes, is_address

_STATUSES = ("False", "True", "Unknown")
_REASON = re.compile("[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_REASON_RULE = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
    f"'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '{_REASON.pattern}')"
)


@attrs.frozen(kw_only=True)
class Counts:
    """What a workload's status counts.

    Attributes:
        counted: the fields that are never negative, in the order in which they are looked at.
        at_most: a field, the one that it never exceeds, and what that is called.
    """

    counted: tuple[str, ...]
    at_most: tuple[tuple[str, str, str], ...] = ()

    def causes(self, workload: Obj, old: Obj) -> Found:
        """What is wrong with what a write made of the status."""
        status, before = workload.get("status") or {}, old.get("status") or {}
        for name in self.counted:
            yield from not_negative(f"status.{name}", status.get(name))
        for name, most, called in self.at_most:
            if (count := status.get(name, 0)) > status.get(most, 0):
                yield invalid(f"status.{name}", count, f"cannot be greater than {called}")
        count = status.get("collisionCount")
        if before.get("collisionCount") is not None and (count or 0) < before["collisionCount"]:
            yield invalid("status.collisionCount", count or 0, "cannot be decremented")


def _within_replicas(*names: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, "replicas", "status.replicas") for name in names)


DEPLOYMENT = Counts(
    counted=(
        "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
        "unavailableReplicas", "terminatingReplicas", "collisionCount",
    ),
    at_most=(
        *_within_replicas("updatedReplicas", "readyReplicas", "availableReplicas"),
        ("availableReplicas", "readyReplicas", "readyReplicas"),
    ),
)  # fmt: skip
REPLICA_SET = Counts(
    counted=(
        "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
        "terminatingReplicas",
    ),
    at_most=(
        *_within_replicas("fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
        ("availableReplicas", "readyReplicas", "readyReplicas"),
    ),
)  # fmt: skip
REPLICATION_CONTROLLER = Counts(
    counted=("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"),
    at_most=REPLICA_SET.at_most,
)
STATEFUL_SET = Counts(
    counted=(
        "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration",
        "collisionCount",
    ),
    at_most=(
        *_within_replicas("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
        ("availableReplicas", "readyReplicas", "status.readyReplicas"),
    ),
)  # fmt: skip
DAEMON_SET = Counts(
    counted=(
        "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
        "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
    ),
)  # fmt: skip


def disruption_budget_status_causes(budget: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a PodDisruptionBudget's status."""
    status = budget.get("status") or {}
    yield from condition_causes(status.get("conditions") or (), "status.conditions")
    for name in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"):
        yield from not_negative(f"status.{name}", status.get(name))


def autoscaler_status_causes(autoscaler: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a HorizontalPodAutoscaler's status."""
    status = autoscaler.get("status") or {}
    for i, condition in enumerate(status.get("conditions") or ()):
        generation = condition.get("observedGeneration")
        yield from not_negative(f"status.conditions[{i}].observedGeneration", generation)
    for name in ("currentReplicas", "desiredReplicas"):
        yield from not_negative(f"status.{name}", status.get(name))


def ingress_status_causes(ingress: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of an Ingress's status; an address that was there already may stay."""
    known = {told.get("ip", "") for told in _ingresses(old)}
    for i, told in enumerate(_ingresses(ingress)):
        field, address, host = f"status.loadBalancer.ingress[{i}]", told.get("ip", ""), told.get("hostname", "")
        if address:
            yield from ip_causes(address, f"{field}.ip", known)
        if host:
            yield from (invalid(f"{field}.hostname", host, why) for why in names.subdomain(host))
            if is_address(host):
                yield invalid(f"{field}.hostname", host, "must be a DNS name, not an IP address")


def _ingresses(ingress: Obj) -> Sequence[Obj]:
    balancer = (ingress.get("status") or {}).get("loadBalancer") or {}
    return balancer.get("ingress") or ()


def condition_causes(conditions: Sequence[Obj], field: str) -> Found:
    """What is wrong with conditions of the common type (KEP-1623)."""
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        kind = condition.get("type", "")
        if kind in seen:
            yield duplicate(f"{field}[{i}]", kind)
        seen.add(kind)
        yield from _condition_causes(condition, f"{field}[{i}]")


def _condition_causes(condition: Obj, field: str) -> Found:
    kind, status, reason = (condition.get(name, "") for name in ("type", "status", "reason"))
    if kind:
        yield from (invalid(f"{field}.type", kind, why) for why in names.qualified(kind))
    else:
        yield required(f"{field}.type", "is required")
    if status:
        yield from one_of(f"{field}.status", status, _STATUSES)
    else:
        yield required(f"{field}.status")
    if (generation := condition.get("observedGeneration", 0)) < 0:
        yield invalid(f"{field}.observedGeneration", generation, "must be greater than or equal to zero")
    if condition.get("lastTransitionTime") is None:
        yield required(f"{field}.lastTransitionTime")
    if not reason:
        yield required(f"{field}.reason")
    elif not _REASON.fullmatch(reason):
        yield invalid(f"{field}.reason", reason, _REASON_RULE)
