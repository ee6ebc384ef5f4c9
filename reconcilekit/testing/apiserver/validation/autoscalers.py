"""HorizontalPodAutoscalers (pkg/apis/autoscaling/validation).

What is declared with the type, the bounds of the replicas, is looked at last.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, invalid, required, unsupported

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_OUTSIDE = ("External", "Object")
"""The metrics that are there without a Pod."""

_NEEDED = "must populate information for the given metric source"


def autoscaler_causes(autoscaler: Obj, old: Obj | None) -> Found:
    """What is wrong with a HorizontalPodAutoscaler."""
    spec = autoscaler["spec"]
    least, most, target = spec.get("minReplicas", 1), spec.get("maxReplicas", 0), spec.get("scaleTargetRef") or {}
    if most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from (required(f"spec.scaleTargetRef.{name}") for name in ("kind", "name") if not target.get(name))
    if "/" not in target.get("apiVersion", "") and target.get("kind") != "ReplicationController":
        yield invalid(
            "spec.scaleTargetRef.apiVersion", target.get("apiVersion", ""), "apiVersion must specify API group"
        )
    metrics = spec.get("metrics") or ()
    yield from _metric_causes(metrics)
    if least == 0 and not any(metric.get("type") in _OUTSIDE for metric in metrics):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden("spec.metrics", why)
    if least < 0:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 0")
    if most == 0:
        yield required("spec.maxReplicas")
    elif most < 0:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to 1")


def _metric_causes(metrics: Sequence[Obj]) -> Found:
    for i, metric in enumerate(metrics):
        field, kind = f"spec.metrics[{i}]", metric.get("type", "")
        told = {name for name in _SOURCES.values() if metric.get(name) is not None}
        if not kind:
            yield required(f"{field}.type", "must specify a metric source type")
        source = _SOURCES.get(kind)
        if source is None:
            yield unsupported(f"{field}.type", kind, _SOURCES)
        elif source not in told:
            yield required(f"{field}.{source}", _NEEDED)
        if len(told) > 1:
            others = sorted(told - {source})
            yield from (forbidden(f"{field}.{other}", "must populate the given metric source only") for other in others)
