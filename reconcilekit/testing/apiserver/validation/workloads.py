"""Deployments, StatefulSets, DaemonSets and ReplicaSets (pkg/apis/apps/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    as_struct,
    forbidden,
    immutable,
    invalid,
    not_negative,
    one_of,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.claim_templates import claim_templates_causes, with_claimed_volumes
from reconcilekit.testing.apiserver.validation.percentages import known_share, most_causes, share_causes
from reconcilekit.testing.apiserver.validation.pods import lasting_template_causes, template_causes
from reconcilekit.testing.apiserver.validation.selectors import is_empty, matches, selector_causes


def deployment_causes(deployment: Obj, old: Obj | None) -> Found:
    """What is wrong with a Deployment."""
    spec = deployment["spec"]
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from _selected_template_causes(spec, "deployment")
    yield from _strategy_causes(spec["strategy"])
    for name in ("minReadySeconds", "revisionHistoryLimit"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    deadline = spec.get("progressDeadlineSeconds")
    yield from not_negative("spec.progressDeadlineSeconds", deadline)
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    if old is not None:
        yield from _changed_causes(spec, old["spec"])


def _changed_causes(spec: Obj, old: Obj) -> Found:
    yield from immutable("spec.selector", old.get("selector"), spec.get("selector"))


def _selected_template_causes(spec: Obj, kind: str) -> Found:
    selector, template, wrong = spec.get("selector"), spec.get("template") or {}, False
    labels = (template.get("metadata") or {}).get("labels")
    if selector is None:
        if kind != "daemonset":
            # Of a DaemonSet only that nothing matches is said.
            yield required("spec.selector")
    else:
        found = list(selector_causes(selector, "spec.selector"))
        yield from found
        wrong = bool(found)
        if is_empty(selector):
            yield invalid("spec.selector", {}, f"empty selector is invalid for {kind}")
        if wrong and kind != "daemonset":
            yield invalid("spec.selector", selector, "" if kind == "statefulset" else "invalid label selector")
            return
    if selector is None or not (wrong or is_empty(selector) or matches(selector, labels or {})):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from template_causes(template, selector, "spec.template")
    yield from lasting_template_causes(template.get("spec") or {}, "spec.template.spec")


def _strategy_causes(strategy: Obj) -> Found:
    field, rolling = "spec.strategy.rollingUpdate", strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate":
        if rolling is not None:
            yield forbidden(field, "may not be specified when strategy `type` is 'Recreate'")
        return
    if strategy["type"] != "RollingUpdate":
        told = {"Type": strategy["type"], "RollingUpdate": _shown(rolling)}
        yield unsupported("spec.strategy", told, ("Recreate", "RollingUpdate"))
        return
    wanted = rolling or {}
    unavailable, surge = wanted.get("maxUnavailable", 0), wanted.get("maxSurge", 0)
    yield from share_causes(unavailable, f"{field}.maxUnavailable")
    yield from share_causes(surge, f"{field}.maxSurge")
    if not known_share(unavailable) and not known_share(surge):
        yield invalid(f"{field}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    yield from most_causes(unavailable, f"{field}.maxUnavailable")


def _shown(rolling: Obj | None) -> Obj | None:
    return None if rolling is None else as_struct(rolling, ("MaxUnavailable", "MaxSurge"))


def stateful_set_causes(stateful_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a StatefulSet."""
    spec = stateful_set["spec"]
    if spec["podManagementPolicy"] not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'")
    yield from _updating_set_causes(spec["updateStrategy"], "spec.updateStrategy")
    kept = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for name in ("whenDeleted", "whenScaled"):
        if name in kept:
            yield from one_of(f"spec.persistentVolumeClaimRetentionPolicy.{name}", kept[name], ("Retain", "Delete"))
    yield from claim_templates_causes(spec, old)
    for name in ("replicas", "minReadySeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    yield from not_negative("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    if old is None and (service := spec.get("serviceName")):
        yield from (invalid("spec.serviceName", service, why) for why in names.label(service))
    yield from _selected_template_causes(with_claimed_volumes(spec), "statefulset")
    if old is not None:
        for name in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"):
            yield from immutable(f"spec.{name}", old["spec"].get(name), spec.get(name))


def _updating_set_causes(strategy: Obj, field: str) -> Found:
    kind, rolling = strategy["type"], strategy.get("rollingUpdate")
    shown = None
    if rolling is not None:
        shown = as_struct(rolling, ("Partition",), unset=0) | as_struct(rolling, ("MaxUnavailable",))
    if kind not in ("RollingUpdate", "OnDelete"):
        yield invalid(field, {"Type": kind, "RollingUpdate": shown}, "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling is not None and kind == "OnDelete":
        yield invalid(f"{field}.rollingUpdate", shown, "only allowed for updateStrategy 'RollingUpdate'")
    elif rolling is not None:
        yield from not_negative(f"{field}.rollingUpdate.partition", rolling.get("partition"))
        unavailable = rolling.get("maxUnavailable")
        if unavailable is not None:
            yield from _unavailable_causes(unavailable, f"{field}.rollingUpdate.maxUnavailable")


def _unavailable_causes(unavailable: int | str, field: str) -> Found:
    yield from share_causes(unavailable, field)
    if not known_share(unavailable):
        yield invalid(field, unavailable, "cannot be 0")
    yield from most_causes(unavailable, field)


def daemon_set_causes(daemon_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a DaemonSet."""
    spec = daemon_set["spec"]
    if old is not None:
        yield from _changed_causes(spec, old["spec"])
    yield from _selected_template_causes(spec, "daemonset")
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate":
        yield from _updating_daemon_causes(rolling or {}, "spec.updateStrategy.rollingUpdate")
    elif strategy.get("type") != "OnDelete":
        told = {"Type": strategy.get("type"), "RollingUpdate": _shown(rolling)}
        yield unsupported("spec.updateStrategy", told, ("RollingUpdate", "OnDelete"))
    yield from not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _updating_daemon_causes(rolling: Obj, field: str) -> Found:
    told = {name: rolling.get(name, 0) for name in ("maxUnavailable", "maxSurge")}
    for check in (share_causes, most_causes):
        for name, value in told.items():
            yield from check(value, f"{field}.{name}")
    unavailable, surge = map(known_share, told.values())
    if unavailable and surge:
        yield invalid(f"{field}.maxSurge", told["maxSurge"], "may not be set when maxUnavailable is non-zero")
    elif not unavailable and not surge:
        yield required(f"{field}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def replica_set_causes(replica_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a ReplicaSet."""
    spec = replica_set["spec"]
    for name in ("replicas", "minReadySeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    yield from _selected_template_causes(spec, "deployment")
    if old is not None:
        yield from _changed_causes(spec, old["spec"])


def pod_template_causes(template: Obj, old: Obj | None) -> Found:
    """What is wrong with a PodTemplate."""
    return template_causes(template["template"], None, "template")


def replication_controller_causes(controller: Obj, old: Obj | None) -> Found:
    """What is wrong with a ReplicationController."""
    spec = controller.get("spec") or {}
    selector, template = spec.get("selector"), spec.get("template")
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    if not selector:
        yield required("spec.selector")
    yield from not_negative("spec.replicas", spec.get("replicas"))
    if template is None:
        yield required("spec.template")
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not matches({"matchLabels": selector}, labels):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from template_causes(template, None, "spec.template")
    yield from lasting_template_causes(template.get("spec") or {}, "spec.template.spec")
