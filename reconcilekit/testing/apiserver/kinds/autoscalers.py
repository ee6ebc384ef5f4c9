"""A HorizontalPodAutoscaler in its two versions: stored as autoscaling/v2; v1 has what it lacks in annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from reconcilekit.testing.apiserver.go_text import json_name, json_text

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_METRICS: Final = f"{_PREFIX}metrics"
_BEHAVIOR: Final = f"{_PREFIX}behavior"
_STATUSES: Final = f"{_PREFIX}current-metrics"
_CONDITIONS: Final = f"{_PREFIX}conditions"
_MADE: Final = frozenset({_METRICS, _BEHAVIOR, _STATUSES, _CONDITIONS})

_Names = Sequence[tuple[str, str]]

_METRIC_NAMES: Final[Mapping[str, _Names]] = {
    "object": (
        ("target", "describedObject"),
        ("metricName", "metric.name"),
        ("targetValue", "target.value"),
        ("selector", "metric.selector"),
        ("averageValue", "target.averageValue"),
    ),
    "pods": (
        ("metricName", "metric.name"),
        ("targetAverageValue", "target.averageValue"),
        ("selector", "metric.selector"),
    ),
    "resource": (
        ("name", "name"),
        ("targetAverageUtilization", "target.averageUtilization"),
        ("targetAverageValue", "target.averageValue"),
    ),
    "containerResource": (
        ("name", "name"),
        ("targetAverageUtilization", "target.averageUtilization"),
        ("targetAverageValue", "target.averageValue"),
        ("container", "container"),
    ),
    "external": (
        ("metricName", "metric.name"),
        ("metricSelector", "metric.selector"),
        ("targetValue", "target.value"),
        ("targetAverageValue", "target.averageValue"),
    ),
}
"""By the kind of metric: the names in v1, and where v2 has the same."""

_STATUS_NAMES: Final[Mapping[str, _Names]] = {
    "object": (
        ("target", "describedObject"),
        ("metricName", "metric.name"),
        ("currentValue", "current.value"),
        ("selector", "metric.selector"),
        ("averageValue", "current.averageValue"),
    ),
    "pods": (
        ("metricName", "metric.name"),
        ("currentAverageValue", "current.averageValue"),
        ("selector", "metric.selector"),
    ),
    "resource": (
        ("name", "name"),
        ("currentAverageUtilization", "current.averageUtilization"),
        ("currentAverageValue", "current.averageValue"),
    ),
    "containerResource": (
        ("name", "name"),
        ("currentAverageUtilization", "current.averageUtilization"),
        ("currentAverageValue", "current.averageValue"),
        ("container", "container"),
    ),
    "external": (
        ("metricName", "metric.name"),
        ("metricSelector", "metric.selector"),
        ("currentValue", "current.value"),
        ("currentAverageValue", "current.averageValue"),
    ),
}
_ALWAYS: Final = {("object", "targetValue"), ("object", "currentValue"), ("external", "currentValue")} | {
    (kind, "currentAverageValue") for kind in ("resource", "containerResource")
}
"""What v1 has even where v2 has nothing: a zero."""

_RULES: Final = ("StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance")
_CONDITION: Final = ("type", "status", "lastTransitionTime", "reason", "message")
_TARGET: Final = ("kind", "name", "apiVersion")
_POLICY: Final = ("Type", "Value", "PeriodSeconds")


def shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """An autoscaler as autoscaling/v1 has it."""
    spec, status = content.get("spec") or {}, content.get("status") or {}
    metrics, told = spec.get("metrics") or (), {**content}
    annotations = {k: v for k, v in (content["metadata"].get("annotations") or {}).items() if k not in _MADE}
    others = [_renamed(metric, _METRIC_NAMES) for metric in metrics if _cpu_target(metric) is None]
    if others:
        annotations[_METRICS] = json_text(others, sorts=False)
    if status.get("currentMetrics"):
        current = [_renamed(metric, _STATUS_NAMES) for metric in status["currentMetrics"]]
        annotations[_STATUSES] = json_text(current, sorts=False)
    if spec.get("behavior"):
        annotations[_BEHAVIOR] = json_text(_internal(spec["behavior"]), sorts=False)
    if status.get("conditions"):
        conditions = [_ordered(condition, _CONDITION) for condition in status["conditions"]]
        annotations[_CONDITIONS] = json_text(conditions, sorts=False)
    if annotations:
        told["metadata"] = {**content["metadata"], "annotations": dict(sorted(annotations.items()))}
    target = next((found for metric in metrics if (found := _cpu_target(metric)) is not None), None)
    told["spec"] = _without_none(_kept(spec, "metrics", "behavior") | {"targetCPUUtilizationPercentage": target})
    usage = next((found for m in status.get("currentMetrics") or () if (found := _cpu_usage(m)) is not None), None)
    kept = {"currentReplicas": 0, "desiredReplicas": 0, **_kept(status, "currentMetrics", "conditions")}
    told["status"] = _without_none({**kept, "currentCPUUtilizationPercentage": usage})
    if "apiVersion" in told:
        told["apiVersion"] = "autoscaling/v1"
    return told


def stored(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An autoscaler of autoscaling/v1 as it is stored; what is malformed stays, to be refused."""
    told = {**obj}
    if "apiVersion" in told:
        told["apiVersion"] = "autoscaling/v2"
    metadata, spec, status = (obj.get(name) for name in ("metadata", "spec", "status"))
    made: dict[str, Any] = {}
    if isinstance(metadata, dict) and isinstance(annotations := metadata.get("annotations"), dict):
        made = {k: v for k, v in annotations.items() if k in _MADE}
        if made:
            left = {k: v for k, v in annotations.items() if k not in made}
            told["metadata"] = _kept(metadata, "annotations") | ({"annotations": left} if left else {})
    if isinstance(spec, dict):
        told["spec"] = _stored_spec(spec, made)
    if isinstance(status, dict):
        told["status"] = _stored_status(status, made)
    return told


def _stored_spec(spec: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    told = _kept(spec, "targetCPUUtilizationPercentage", "metrics", "behavior")
    metrics = [_restored(metric, _METRIC_NAMES, "target") for metric in _listed(made.get(_METRICS))]
    if (target := spec.get("targetCPUUtilizationPercentage")) is not None:
        wanted = {"type": "Utilization", "averageUtilization": target}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": wanted}})
    if metrics:
        told["metrics"] = metrics
    if isinstance(behavior := _decoded(made.get(_BEHAVIOR)), dict) and behavior:
        told["behavior"] = _without_none(_external(behavior))
    return told


def _stored_status(status: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    told = _kept(status, "currentCPUUtilizationPercentage")
    current = [_restored(metric, _STATUS_NAMES, "current") for metric in _listed(made.get(_STATUSES))]
    usage = status.get("currentCPUUtilizationPercentage")
    if not current and usage is not None:
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": usage}}}]
    told["currentMetrics"] = current or None
    if conditions := _listed(made.get(_CONDITIONS)):
        told["conditions"] = conditions
    return told


def _renamed(metric: Mapping[str, Any], names: Mapping[str, _Names]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": metric.get("type")}
    for kind, pairs in names.items():
        if (source := metric.get(kind)) is not None:
            told[kind] = dict(_renamed_fields(kind, source, pairs))
    return told


def _renamed_fields(kind: str, source: Mapping[str, Any], pairs: _Names) -> Iterator[tuple[str, Any]]:
    for name, path in pairs:
        value: Any = source
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None or (kind, name) in _ALWAYS:
            yield name, "0" if value is None else _ordered(value, _TARGET) if name == "target" else value


def _restored(metric: Any, names: Mapping[str, _Names], amount: str) -> dict[str, Any]:
    told = {"type": metric.get("type")} if isinstance(metric, Mapping) else {}
    for kind, pairs in names.items():
        source = metric.get(kind) if isinstance(metric, Mapping) else None
        if not isinstance(source, Mapping):
            continue
        found: dict[str, Any] = {amount: {}}
        for name, path in pairs:
            value = source.get(name)
            if value is not None and not (value == "0" and (kind, name) in _ALWAYS):
                first, _, rest = path.partition(".")
                found[first] = {**(found.get(first) or {}), rest: value} if rest else value
        if amount == "target":
            found[amount] = {"type": _target_type(found[amount]), **found[amount]}
        told[kind] = found
    return told


def _target_type(target: Mapping[str, Any]) -> str:
    if "averageUtilization" in target:
        return "Utilization"
    return "Value" if "value" in target else "AverageValue"


def _cpu_target(metric: Mapping[str, Any]) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get("target") or {}).get("averageUtilization")


def _cpu_usage(metric: Mapping[str, Any]) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get("current") or {}).get("averageUtilization")


def _internal(behavior: Mapping[str, Any]) -> dict[str, Any]:
    """A behavior as the server's own struct has it, which is what the annotation holds."""
    return {name: _internal_rules(behavior.get(json_name(name))) for name in ("ScaleUp", "ScaleDown")}


def _internal_rules(rules: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if rules is None:
        return None
    told = {name: rules.get(json_name(name)) for name in _RULES}
    if told["Policies"] is not None:
        told["Policies"] = [{name: policy.get(json_name(name)) for name in _POLICY} for policy in told["Policies"]]
    return told


def _external(value: Any) -> Any:
    if isinstance(value, dict):
        return {json_name(name): _external(inner) for name, inner in value.items() if inner is not None}
    return [_external(inner) for inner in value] if isinstance(value, list) else value


def _ordered(told: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The same in the order of Go's struct."""
    return {name: told[name] for name in names if name in told}


def _listed(text: Any) -> list[Any]:
    found = _decoded(text)
    return found if isinstance(found, list) else []


def _decoded(text: Any) -> Any:
    try:
        return msgspec.json.decode(text) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


def _kept(told: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in names}


def _without_none(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
