"""What is created below a Pod: its binding to a node, and its eviction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.tables.values import at, text
from reconcilekit.testing.apiserver.verbs.answers import success
from reconcilekit.testing.apiserver.verbs.label_selectors import parse_label_selector
from reconcilekit.testing.apiserver.verbs.parameters import delete_options, write_options
from reconcilekit.testing.apiserver.writing.preconditions import check_delete_preconditions

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

BINDING = ResourceType(
    group="", version="v1", kind="Binding", plural="bindings", singular="binding", is_namespaced=True
)
EVICTION = ResourceType(
    group="policy", version="v1", kind="Eviction", plural="evictions", singular="eviction", is_namespaced=True
)
EVICTION_WAIT = 10
"""Seconds after which an eviction that a budget forbids may be tried again."""


def create(call: Call, name: str) -> Response:
    """POST below a Pod.

    Raises:
        StatusError: the answer is a failure.
    """
    served = {"binding": BINDING, "eviction": EVICTION}[name]
    bodies.check_media_type(call.request)
    obj = bodies.decode_object(call.request.body or b"", served, call.request)
    if text(obj, "metadata", "name") != call.route.name:
        raise status.bad_request(f"name in URL does not match name in {served.kind} object")
    return bind(call, obj) if name == "binding" else _evict(call, obj)


def bind(call: Call, binding: Mapping[str, Any]) -> Response:
    """Give a Pod its node.

    Raises:
        StatusError: 404, 409, or 500 for a target that is none.
    """
    options = write_options(call.request.query, "CreateOptions")
    kind, node = text(binding, "target", "kind"), text(binding, "target", "name")
    problems = []
    if kind not in ("", "Node"):
        problems.append(f'target.kind: Unsupported value: "{kind}": supported values: "Node", "<empty>"')
    if not node:
        problems.append("target.name: Required value")
    if problems:
        raise status.StatusError(500, problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    pods = call.cluster.registry.find("", "v1", "pods")
    assert pods is not None
    key = ObjectKey(call.route.namespace, text(binding, "metadata", "name"))
    now = call.cluster.storage.timestamp()

    def bound(live: dict[str, Any]) -> dict[str, Any]:
        spec = live.get("spec") or {}
        if spec.get("nodeName"):
            why = f'pod {key.name} is already assigned to node "{spec["nodeName"]}"'
            raise status.conflict("", "pods/binding", key.name, why)
        if spec.get("schedulingGates"):
            why = f"pod {key.name} has non-empty .spec.schedulingGates"
            raise status.conflict("", "pods/binding", key.name, why)
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        return _with_condition({**live, "spec": {**spec, "nodeName": node}}, scheduled, now)

    target = attrs.evolve(call.target(options), served=pods, key=key, subresource="binding")
    call.cluster.patch(target, bound)
    return success(201, tells_code=True)


def _evict(call: Call, eviction: Mapping[str, Any]) -> Response:
    options = write_options(call.request.query, "CreateOptions")
    told = at(eviction, "deleteOptions")
    deletion = delete_options({}, told if isinstance(told, dict) else {})
    options = attrs.evolve(options, is_dry_run=_is_dry_run(call, deletion))
    pod = call.live()
    if not _is_free(pod):
        _check_budgets(call, pod, is_dry_run=options.is_dry_run)
    target = attrs.evolve(call.target(options), subresource="")
    check_delete_preconditions(target, pod, at(deletion, "preconditions") or {})
    if not pod.meta.get("deletionTimestamp"):
        evicted = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
        now = call.cluster.storage.timestamp()
        marked = attrs.evolve(target, subresource="eviction")
        call.cluster.patch(marked, lambda live: _with_condition(live, evicted, now))
    call.cluster.delete(target, deletion)
    return success(201, tells_code=True)


def _is_dry_run(call: Call, deletion: Mapping[str, object]) -> bool:
    """Whether the query or the deletion in the body says so; saying two different things is an error."""
    asked, told = call.request.query.get("dryRun"), deletion.get("dryRun")
    shown = told if isinstance(told, list) else []
    if asked is not None and shown and shown != [asked]:
        said = " ".join(str(value) for value in shown)
        why = f"Non-matching dry-run options in request and content: [{asked}] and [{said}]"
        raise status.StatusError(500, why)
    return bool(asked) or bool(shown)


def _with_condition(pod: dict[str, Any], condition: dict[str, Any], now: str) -> dict[str, Any]:
    found = pod.get("status") or {}
    others = [known for known in found.get("conditions") or () if known["type"] != condition["type"]]
    return {**pod, "status": {**found, "conditions": [*others, {**condition, "lastTransitionTime": now}]}}


def _is_free(pod: Stored) -> bool:
    """No budget counts it: it has ended, waits, or goes away already."""
    phase = text(pod.content, "status", "phase")
    return phase in ("Succeeded", "Failed", "Pending", "") or bool(pod.meta.get("deletionTimestamp"))


def _check_budgets(call: Call, pod: Stored, *, is_dry_run: bool) -> None:
    kind = call.cluster.registry.find("policy", "v1", "poddisruptionbudgets")
    assert kind is not None
    labels = pod.meta.get("labels") or {}
    for budget in call.cluster.storage.collection(kind).within(pod.key.namespace):
        selector = at(budget.content, "spec", "selector")
        if selector is None or not parse_label_selector(_text_of(selector))(labels):
            continue
        if not at(budget.content, "status", "disruptionsAllowed"):
            raise _too_many(budget)
        if not is_dry_run:
            _use_up(call, kind, budget, pod)


def _text_of(selector: Mapping[str, Any]) -> str:
    from reconcilekit.testing.apiserver.tables.values import label_selector

    return label_selector(selector)


def _too_many(budget: Stored) -> status.StatusError:
    observed = at(budget.content, "status", "observedGeneration") or 0
    said = f"The disruption budget {budget.key.name} is still being processed by the server."
    if observed >= (budget.meta.get("generation") or 0):
        needed, healthy = (at(budget.content, "status", name) or 0 for name in ("desiredHealthy", "currentHealthy"))
        said = f"The disruption budget {budget.key.name} needs {needed} healthy pods and has {healthy} currently"
    details: dict[str, object] = {"causes": [{"reason": "DisruptionBudget", "message": said}]}
    wait = None if "needs" in said else EVICTION_WAIT
    if wait is not None:
        details["retryAfterSeconds"] = wait
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return status.StatusError(429, message, reason="TooManyRequests", details=details, retry_after=wait)


def _use_up(call: Call, kind: ResourceType, budget: Stored, pod: Stored) -> None:
    now = call.cluster.storage.timestamp()

    def used(live: dict[str, Any]) -> dict[str, Any]:
        allowed = at(live, "status", "disruptionsAllowed") - 1
        # So that whoever counts knows that it is about to go.
        disrupted = {**(at(live, "status", "disruptedPods") or {}), pod.key.name: now}
        return {**live, "status": {**live["status"], "disruptionsAllowed": allowed, "disruptedPods": disrupted}}

    options = write_options({}, "UpdateOptions")
    target = attrs.evolve(call.target(options), served=kind, key=budget.key, subresource="status")
    call.cluster.patch(target, used)
