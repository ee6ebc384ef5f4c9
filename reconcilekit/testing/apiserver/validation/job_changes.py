"""How a Job may change (pkg/apis/batch/validation, pkg/registry/batch/job)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconcilekit.testing.apiserver.go_text import json_name
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, immutable, invalid

_FIXED = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_GO_FIELDS = {
    "rules": ("Action", "OnExitCodes", "OnPodConditions"),
    "onExitCodes": ("ContainerName", "Operator", "Values"),
    "onPodConditions": ("Type", "Status"),
}
"""What messages show of failure policies, by the field that holds it."""

_WHERE = ("nodeSelector", "tolerations", "schedulingGates")
"""What says where its Pods may run, besides the affinity to Nodes."""


def changed_job_causes(job: Obj, old: Obj) -> Found:
    """What of a Job changes that may not."""
    spec, before = job["spec"], old["spec"]
    yield from _completion_causes(spec, before)
    yield from immutable("spec.selector", before.get("selector"), spec.get("selector"))
    yield from _template_causes(spec, old)
    for name in _FIXED:
        if before.get(name) != spec.get(name):
            yield invalid(f"spec.{name}", _as_in_go(name, spec.get(name)), "field is immutable")


def _as_in_go(name: str, value: Any) -> Any:
    """A fixed field as messages show it: policies as Go has them inside."""
    if value is None or name not in ("podFailurePolicy", "successPolicy"):
        return value
    fields = ("SucceededIndexes", "SucceededCount") if name == "successPolicy" else _GO_FIELDS["rules"]
    rules = value.get("rules")
    return {"Rules": None if rules is None else [_shown(rule, fields) for rule in rules]}


def _shown(struct: Obj, fields: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for field in fields:
        name = json_name(field)
        value, inner = struct.get(name), _GO_FIELDS.get(name)
        if inner is not None and value is not None:
            value = [_shown(item, inner) for item in value] if isinstance(value, list) else _shown(value, inner)
        shown[field] = value
    return shown


def _completion_causes(spec: Obj, before: Obj) -> Found:
    """The completions of an indexed Job change with its parallelism (KEP-3715)."""
    completions = spec.get("completions")
    if spec.get("completionMode") != "Indexed":
        yield from immutable("spec.completions", before.get("completions"), completions)
    elif completions not in (None, before.get("completions"), spec.get("parallelism")):
        yield invalid("spec.completions", completions, "can only be modified in tandem with spec.parallelism")


def _template_causes(spec: Obj, old: Obj) -> Found:
    template, before = spec["template"], old["spec"]["template"]
    if not _is_at_rest(old):
        yield from immutable("spec.template", before, template)
        return
    pod, known = template["spec"], _directed(before["spec"], template["spec"])
    for name in ("containers", "initContainers"):
        if name in known:
            known[name] = _resourced(known[name], pod.get(name) or ())
    yield from immutable("spec.template.spec", known, pod)


def _is_at_rest(job: Obj) -> bool:
    """A suspended Job without Pods may be told anew where they run and what they need (KEP-2926, KEP-5440)."""
    status = job.get("status") or {}
    is_suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    has_begun = status.get("startTime") is not None and not is_suspended
    return bool(job["spec"].get("suspend")) and not has_begun and not status.get("active")


def _directed(known: Obj, pod: Obj) -> dict[str, Any]:
    """What is known of a Pod, with where it may run by what is told now."""
    directed = {name: value for name, value in known.items() if name not in (*_WHERE, "affinity")}
    directed |= {name: pod[name] for name in _WHERE if name in pod}
    told = pod.get("affinity")
    if told is None:
        left = _without_nodes(known.get("affinity") or {})
        return directed | ({"affinity": left} if left else {})
    affinity = _without_nodes(known.get("affinity") or {})
    nodes = {name: value for name, value in told.items() if name == "nodeAffinity"}
    return {**directed, "affinity": {**affinity, **nodes}}


def _without_nodes(affinity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in affinity.items() if name != "nodeAffinity"}


def _resourced(known: Sequence[Obj], told: Sequence[Obj]) -> list[Obj]:
    """The known containers, with what they need by what is told now."""
    if len(known) != len(told):
        return list(known)
    return [
        {**before, "resources": now["resources"]} if before.get("name") == now.get("name") else before
        for before, now in zip(known, told, strict=True)
    ]
