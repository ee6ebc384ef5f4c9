"""A Deployment's conditions, and when they change their times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.go_times import moment
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import replicas_of
from reconcilekit.testing.apiserver.housekeeping.workloads.rollout import Limits, has_progressed, is_complete
from reconcilekit.testing.apiserver.storage.storage import Stored

REPLICA_FAILURE = "ReplicaFailure"
"""Of a ReplicaSet whose Pods are refused, and of its Deployment."""

Conditions = dict[str, dict[str, Any]]
"""By type, in their order."""

NO_DEADLINE = 2147483647
"""Seconds that stand for no deadline."""

_AVAILABLE = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
_UNAVAILABLE = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")


def by_type(conditions: Iterable[Mapping[str, Any]]) -> Conditions:
    """A status' conditions."""
    return {condition["type"]: dict(condition) for condition in conditions}


def set_condition(conditions: Conditions, kind: str, status: str, reason: str, message: str, time: str) -> None:
    """Say it, where it isn't what is said already; only another status is a transition."""
    known = conditions.get(kind)
    if known is not None and (known["status"], known.get("reason", "")) == (status, reason):
        return
    since = known.get("lastTransitionTime") if known is not None and known["status"] == status else time
    told = {"lastUpdateTime": time, "lastTransitionTime": since, "reason": reason, "message": message}
    conditions.pop(kind, None)
    conditions[kind] = {"type": kind, "status": status, **told}


def set_replica_failure(conditions: Conditions, sets: Iterable[Stored]) -> None:
    """Say that the Pods of the first of these ReplicaSets that says so are refused, or that none are."""
    told = (by_type((one.content.get("status") or {}).get("conditions") or ()).get(REPLICA_FAILURE) for one in sets)
    found = next((condition for condition in told if condition is not None), None)
    if found is None:
        conditions.pop(REPLICA_FAILURE, None)
        return
    set_condition(conditions, REPLICA_FAILURE, found["status"], found.get("reason", ""), found.get("message", ""), "")
    conditions[REPLICA_FAILURE] |= dict.fromkeys(
        ("lastUpdateTime", "lastTransitionTime"), found.get("lastTransitionTime")
    )


def judge(
    deployment: Stored,
    new: Stored,
    before: Mapping[str, Any],
    status: dict[str, Any],
    conditions: Conditions,
    time: str,
) -> float | None:
    """Say how available it is and how far its rollout is; seconds until its deadline, None where there is none."""
    least = replicas_of(deployment) - Limits.of(deployment).unavailable
    said = _AVAILABLE if status.get("availableReplicas", 0) >= least else _UNAVAILABLE
    set_condition(conditions, "Available", *said, time)
    deadline = (deployment.content.get("spec") or {}).get("progressDeadlineSeconds", 600)
    if deadline == NO_DEADLINE:
        conditions.pop("Progressing", None)
        return None
    name = new.key.name
    known = conditions.get("Progressing")
    if is_complete(deployment, status):
        message = f'ReplicaSet "{name}" has successfully progressed.'
        set_condition(conditions, "Progressing", "True", "NewReplicaSetAvailable", message, time)
        return None
    if known is None or has_progressed(before, status) or known.get("reason") == "NewReplicaSetAvailable":
        if known is not None and known["status"] == "True":
            del conditions["Progressing"]
            known = {"status": "True", "lastTransitionTime": known.get("lastTransitionTime")}
        message = f'ReplicaSet "{name}" is progressing.'
        set_condition(conditions, "Progressing", "True", "ReplicaSetUpdated", message, time)
        if known is not None and known["status"] == "True":
            conditions["Progressing"]["lastTransitionTime"] = known.get("lastTransitionTime")
        return float(deadline)
    left = deadline - _seconds(known.get("lastUpdateTime"), time)
    if left > 0 or known["status"] != "True":
        return left if left > 0 else None
    message = f'ReplicaSet "{name}" has timed out progressing.'
    set_condition(conditions, "Progressing", "False", "ProgressDeadlineExceeded", message, time)
    return None


def _seconds(since: str | None, until: str) -> float:
    return (moment(until) - moment(since)).total_seconds()
