"""The rows of what makes Pods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.kinds import autoscalers
from reconcilekit.testing.apiserver.tables.ages import between, since
from reconcilekit.testing.apiserver.tables.values import (
    NONE,
    at,
    boolean,
    containers,
    count,
    is_true,
    items,
    labels,
    shown_selector,
    text,
)

_Content = Mapping[str, Any]


def _born(obj: _Content, now: datetime) -> str:
    return since(at(obj, "metadata", "creationTimestamp"), now)


def _template(obj: _Content) -> tuple[str, str]:
    return containers(at(obj, "spec", "template", "spec"))


def deployment_cells(obj: _Content, now: datetime) -> list[Any]:
    """Ready, up-to-date, available."""
    ready = f"{count(obj, 'status', 'readyReplicas')}/{count(obj, 'spec', 'replicas')}"
    updated, available = count(obj, "status", "updatedReplicas"), count(obj, "status", "availableReplicas")
    return [ready, updated, available, _born(obj, now), *_template(obj), shown_selector(at(obj, "spec", "selector"))]


def replica_set_cells(obj: _Content, now: datetime) -> list[Any]:
    """Desired, current, ready."""
    return [*_replicas(obj), _born(obj, now), *_template(obj), shown_selector(at(obj, "spec", "selector"))]


def replication_controller_cells(obj: _Content, now: datetime) -> list[Any]:
    """Desired, current, ready."""
    return [*_replicas(obj), _born(obj, now), *_template(obj), labels(at(obj, "spec", "selector"))]


def _replicas(obj: _Content) -> list[int]:
    current, ready = count(obj, "status", "replicas"), count(obj, "status", "readyReplicas")
    return [count(obj, "spec", "replicas"), current, ready]


def stateful_set_cells(obj: _Content, now: datetime) -> list[Any]:
    """Ready."""
    ready = f"{count(obj, 'status', 'readyReplicas')}/{count(obj, 'spec', 'replicas')}"
    return [ready, _born(obj, now), *_template(obj)]


_DAEMON_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def daemon_set_cells(obj: _Content, now: datetime) -> list[Any]:
    """Desired, current, ready, up-to-date, available."""
    counts = [count(obj, "status", name) for name in _DAEMON_COUNTS]
    nodes = labels(at(obj, "spec", "template", "spec", "nodeSelector"))
    return [*counts, nodes, _born(obj, now), *_template(obj), shown_selector(at(obj, "spec", "selector"))]


_JOB_ENDS = (("Complete", "Complete"), ("Failed", "Failed"))
_JOB_STATES = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def job_cells(obj: _Content, now: datetime) -> list[Any]:
    """Status, completions, duration."""
    spec, status = at(obj, "spec"), at(obj, "status")
    succeeded, parallelism = count(status, "succeeded"), count(spec, "parallelism")
    if at(spec, "completions") is not None:
        completions = f"{succeeded}/{count(spec, 'completions')}"
    else:
        completions = f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"
    start, end = at(status, "startTime"), at(status, "completionTime")
    duration = "" if start is None else since(start, now) if end is None else between(start, end)
    selector = shown_selector(at(spec, "selector"))
    return [_job_status(obj), completions, duration, _born(obj, now), *_template(obj), selector]


def _job_status(obj: _Content) -> str:
    conditions = items(obj, "status", "conditions")
    for kind, shown in _JOB_ENDS:
        if is_true(conditions, kind):
            return shown
    if at(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    return next((kind for kind in _JOB_STATES if is_true(conditions, kind)), "Running")


def cron_job_cells(obj: _Content, now: datetime) -> list[Any]:
    """Schedule, time zone, suspended, active, last schedule."""
    last = at(obj, "status", "lastScheduleTime")
    job = at(obj, "spec", "jobTemplate", "spec")
    return [
        text(obj, "spec", "schedule"),
        NONE if at(obj, "spec", "timeZone") is None else text(obj, "spec", "timeZone"),
        boolean(at(obj, "spec", "suspend")),
        len(items(obj, "status", "active")),
        NONE if last is None else since(last, now),
        _born(obj, now),
        *containers(at(job, "template", "spec")),
        shown_selector(at(job, "selector")),
    ]


def pod_disruption_budget_cells(obj: _Content, now: datetime) -> list[Any]:
    """Minimum, maximum, allowed."""
    spec = at(obj, "spec")
    bounds = ["N/A" if at(spec, name) is None else text(spec, name) for name in ("minAvailable", "maxUnavailable")]
    return [*bounds, count(obj, "status", "disruptionsAllowed"), _born(obj, now)]


def autoscaler_cells(obj: _Content, now: datetime) -> list[Any]:
    """Reference, targets, bounds, replicas."""
    if at(obj, "apiVersion") == "autoscaling/v1":
        obj = autoscalers.stored(obj)
    spec = at(obj, "spec")
    reference = f"{text(spec, 'scaleTargetRef', 'kind')}/{text(spec, 'scaleTargetRef', 'name')}"
    minimum = "<unset>" if at(spec, "minReplicas") is None else text(spec, "minReplicas")
    targets = _metrics(items(spec, "metrics"), items(obj, "status", "currentMetrics"))
    replicas = count(obj, "status", "currentReplicas")
    return [reference, targets, minimum, count(spec, "maxReplicas"), replicas, _born(obj, now)]


def _metrics(wanted: list[Any], current: list[Any]) -> str:
    if not wanted:
        return NONE
    shown = [_metric(metric, current[index] if index < len(current) else None) for index, metric in enumerate(wanted)]
    rest = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return ", ".join(shown[:2]) + rest


def _metric(metric: Any, current: Any) -> str:
    kind = text(metric, "type")
    field = kind[:1].lower() + kind[1:]
    target, now = at(metric, field, "target"), at(current, field, "current")
    is_resource = kind in ("Resource", "ContainerResource")
    prefix = f"{text(metric, field, 'name')}: " if is_resource else ""
    if average := text(target, "averageValue"):
        suffix = "" if is_resource or kind == "Pods" else " (avg)"
        return f"{prefix}{text(now, 'averageValue') or '<unknown>'}/{average}{suffix}"
    if is_resource:
        used, goal = at(now, "averageUtilization"), at(target, "averageUtilization")
        return f"{prefix}{'<unknown>' if used is None else f'{used}%'}/{'<auto>' if goal is None else f'{goal}%'}"
    return f"{text(now, 'value') or '<unknown>'}/{text(target, 'value')}"
