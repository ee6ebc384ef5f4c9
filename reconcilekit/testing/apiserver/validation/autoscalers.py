"""HorizontalPodAutoscalers (pkg/apis/autoscaling/validation).

What is declared with the type, the bounds of the replicas, is looked at last.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.metadata import path_segment, reference_causes
from reconcilekit.testing.apiserver.validation.resource_names import amount, container_name_causes

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_OUTSIDE = ("External", "Object")
"""The metrics that are there without a Pod."""

_ORDER = ("object", "external", "pods", "resource", "containerResource")
"""In which the sources are looked at; only the first one is."""

_WANTED = {
    "external": "must set either a target value for metric or a per-pod target",
    "object": "must set either a target value or averageValue",
    "pods": "must specify a positive target averageValue",
}
_MOST_SECONDS = 3600
_LONGEST_PERIOD = 1800
_NEEDED = "must populate information for the given metric source"


def autoscaler_causes(autoscaler: Obj, old: Obj | None) -> Found:
    """What is wrong with a HorizontalPodAutoscaler."""
    spec = autoscaler["spec"]
    least, most, target = spec.get("minReplicas", 1), spec.get("maxReplicas", 0), spec.get("scaleTargetRef") or {}
    if most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from _target_causes(target, "spec.scaleTargetRef")
    metrics = spec.get("metrics") or ()
    yield from _metric_causes(metrics)
    if least == 0 and not any(metric.get("type") in _OUTSIDE for metric in metrics):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden("spec.metrics", why)
    for way in ("scaleUp", "scaleDown"):
        if (told := (spec.get("behavior") or {}).get(way)) is not None:
            yield from _scaling_causes(told, f"spec.behavior.{way}")
    if least < 0:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 0")
    if most == 0:
        yield required("spec.maxReplicas")
    elif most < 0:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to 1")


def _target_causes(target: Obj, field: str) -> Found:
    """What is wrong with what is scaled."""
    yield from reference_causes(target, field)
    version = target.get("apiVersion", "")
    if version.count("/") > 1:
        yield invalid(f"{field}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    elif not version.rpartition("/")[0] and target.get("kind") != "ReplicationController":
        yield invalid(f"{field}.apiVersion", version, "apiVersion must specify API group")


def _scaling_causes(told: Obj, field: str) -> Found:
    """What is wrong with how it is scaled in one direction (KEP-853)."""
    seconds, choice = told.get("stabilizationWindowSeconds"), told.get("selectPolicy")
    if seconds is not None:
        yield from _within_causes(seconds, 0, _MOST_SECONDS, f"{field}.stabilizationWindowSeconds")
    if choice is not None:
        yield from one_of(f"{field}.selectPolicy", choice, ("Disabled", "Max", "Min"))
    policies = told.get("policies") or ()
    if not policies:
        yield required(f"{field}.policies", "must specify at least one Policy")
    for i, policy in enumerate(policies):
        where = f"{field}.policies[{i}]"
        yield from one_of(f"{where}.type", policy.get("type", ""), ("Percent", "Pods"))
        if policy.get("value", 0) <= 0:
            yield invalid(f"{where}.value", policy.get("value", 0), "must be greater than zero")
        yield from _within_causes(policy.get("periodSeconds", 0), 1, _LONGEST_PERIOD, f"{where}.periodSeconds")
    tolerance = told.get("tolerance")
    if tolerance is not None and amount(tolerance) < 0:
        yield invalid(f"{field}.tolerance", tolerance, "must be greater than or equal to 0")


def _within_causes(seconds: int, least: int, most: int, field: str) -> Found:
    if seconds < least:
        yield invalid(field, seconds, "must be greater than zero" if least else "must be greater than or equal to zero")
    if seconds > most:
        yield invalid(field, seconds, f"must be less than or equal to {most}")


def _metric_causes(metrics: Sequence[Obj]) -> Found:
    for i, metric in enumerate(metrics):
        field, kind = f"spec.metrics[{i}]", metric.get("type", "")
        told = {name for name in _SOURCES.values() if metric.get(name) is not None}
        if not kind:
            yield required(f"{field}.type", "must specify a metric source type")
        source = _SOURCES.get(kind)
        for name in [name for name in _ORDER if name in told][:1]:
            yield from _source_causes(name, metric[name], f"{field}.{name}")
        if source is None:
            yield unsupported(f"{field}.type", kind, _SOURCES)
        elif source not in told:
            yield required(f"{field}.{source}", _NEEDED)
        if len(told) > 1:
            others = sorted(told - {source})
            yield from (forbidden(f"{field}.{other}", "must populate the given metric source only") for other in others)


def _source_causes(name: str, source: Obj, field: str) -> Found:
    """What is wrong with where a metric comes from, and with what is wanted of it."""
    target = source.get("target") or {}
    has_value, has_average = target.get("value") is not None, target.get("averageValue") is not None
    described = source.get("describedObject") or {}
    if name == "object":
        yield from reference_causes(described, f"{field}.describedObject")
    if name in ("resource", "containerResource"):
        yield from _resource_causes(name, source, field)
        yield from _wanted_causes(target, f"{field}.target")
        yield from _share_causes(target, f"{field}.target")
        return
    yield from _named_causes(source.get("metric") or {}, f"{field}.metric")
    yield from _wanted_causes(target, f"{field}.target")
    if not has_average and (name == "pods" or not has_value):
        yield required(f"{field}.target.averageValue", _WANTED[name])
    if name == "external" and has_value and has_average:
        why = "may not set both a target value for metric and a per-pod target"
        yield forbidden(f"{field}.target.value", why)


def _resource_causes(kind: str, source: Obj, field: str) -> Found:
    name, container = source.get("name", ""), source.get("container", "")
    if not name:
        yield required(f"{field}.name", "must specify a resource name")
    elif kind == "containerResource":
        yield from container_name_causes(name, f"{field}.name")
    if kind == "containerResource" and not container:
        yield required(f"{field}.container", "must specify a container")
    elif kind == "containerResource":
        yield from (invalid(f"{field}.container", container, why) for why in names.label(container))


def _share_causes(target: Obj, field: str) -> Found:
    has_share, has_average = target.get("averageUtilization") is not None, target.get("averageValue") is not None
    if not has_share and not has_average:
        yield required(f"{field}.averageUtilization", "must set either a target raw value or a target utilization")
    if has_share and has_average:
        yield forbidden(f"{field}.averageValue", "may not set both a target raw value and a target utilization")


def _named_causes(metric: Obj, field: str) -> Found:
    if name := metric.get("name", ""):
        yield from (invalid(f"{field}.name", name, why) for why in path_segment(name))
    else:
        yield required(f"{field}.name", "must specify a metric name")


def _wanted_causes(target: Obj, field: str) -> Found:
    kind = target.get("type", "")
    if not kind:
        yield required(f"{field}.type", "must specify a metric target type")
    if kind not in ("Utilization", "Value", "AverageValue"):
        yield invalid(f"{field}.type", kind, "must be either Utilization, Value, or AverageValue")
    for name in ("value", "averageValue"):
        if target.get(name) is not None and amount(target[name]) <= 0:
            yield invalid(f"{field}.{name}", target[name], "must be positive")
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        yield invalid(f"{field}.averageUtilization", share, "must be greater than 0")
