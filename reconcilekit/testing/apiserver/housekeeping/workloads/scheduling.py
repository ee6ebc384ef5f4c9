"""The scheduler of a cluster that has one Node: Pods that may run there are bound to it, others are told why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_text import quoted, whole_number
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import PODS, spec_of, status_of
from reconcilekit.testing.apiserver.storage.storage import Stored

NODES: StorageKey = ("", "nodes")
CLAIMS: StorageKey = ("", "persistentvolumeclaims")
NAME = "default-scheduler"

_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_NOT_READY = "node.kubernetes.io/not-ready"
_REPELS = ("NoSchedule", "NoExecute")

Requirement = Mapping[str, Any]
"""Of a node selector term: key, operator and values."""


class Scheduler:
    """Binds Pods to the Node, or leaves them Pending with the real scheduler's words.

    Args:
        hands: its reads and writes.
        node: the Node's name; "" for none, where Pods wait and nobody says why.
    """

    def __init__(self, hands: Hands, node: str) -> None:
        self._hands = hands
        self._node = node
        # In the order in which they came, for a set's would differ from run to run.
        self._waiting: dict[ObjectKey, None] = {}

    def waiting_for(self, kind: StorageKey, key: ObjectKey) -> Iterable[ObjectKey]:
        """The Pods that a changed Node or claim may make room for."""
        if kind == NODES:
            return tuple(self._waiting) if key.name == self._node else ()
        return tuple(waiting for waiting in self._waiting if waiting.namespace == key.namespace)

    def forget(self, pod: ObjectKey) -> None:
        """It is gone."""
        self._waiting.pop(pod, None)

    def forget_all(self) -> None:
        """The past has changed."""
        self._waiting.clear()

    def schedule(self, pod: Stored) -> None:
        """Bind it, or say why it waits."""
        spec = spec_of(pod)
        self._waiting.pop(pod.key, None)
        if not self._node or spec.get("schedulingGates") or spec.get("schedulerName", NAME) != NAME:
            return
        why = self._why_not(pod)
        if not why:
            self._hands.put(PODS, pod.key, self._bound)
            self._tell(pod, "Scheduled", f"Successfully assigned {pod.key} to {self._node}")
            return
        self._waiting[pod.key] = None
        known = _condition(status_of(pod), "PodScheduled")
        if known is None or (known.get("reason"), known.get("message")) != ("Unschedulable", why):
            self._tell(pod, "FailedScheduling", why, kind="Warning")
            self._hands.set_status(PODS, pod.key, self._waits(pod, known, why))

    def _why_not(self, pod: Stored) -> str:
        node = self._hands.get(NODES, ObjectKey("", self._node))
        if node is None:
            return "no nodes available to schedule pods"
        why = self._missing_claim(pod) or unfit(spec_of(pod), node)
        if not why:
            return ""
        counted = why if why.startswith("persistentvolumeclaim") else f"1 {why}"
        instead = "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        if spec_of(pod).get("preemptionPolicy") == "Never":
            instead = "not eligible due to preemptionPolicy=Never."
        return f"0/1 nodes are available: {counted}. preemption: {instead}"

    def _missing_claim(self, pod: Stored) -> str:
        for volume in spec_of(pod).get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if not name:
                continue
            claim = self._hands.get(CLAIMS, ObjectKey(pod.key.namespace, name))
            if claim is None:
                return f"persistentvolumeclaim {quoted(name)} not found"
            if claim.meta.get("deletionTimestamp"):
                return f"persistentvolumeclaim {quoted(name)} is being deleted"
        return ""

    def _bound(self, content: dict[str, Any]) -> dict[str, Any]:
        bound = {**content, "spec": {**(content.get("spec") or {}), "nodeName": self._node}}
        status = content.get("status") or {}
        if (known := _condition(status, "PodScheduled")) is not None:
            time = self._hands.timestamp()
            scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": time}
            bound["status"] = _with_condition(status, known, scheduled)
        return bound

    def _waits(self, pod: Stored, known: Mapping[str, Any] | None, why: str) -> dict[str, Any]:
        said = known is not None and known.get("status") == "False"
        since = known["lastTransitionTime"] if said and known is not None else self._hands.timestamp()
        condition = {
            "type": "PodScheduled",
            "observedGeneration": pod.meta.get("generation", 1),
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": since,
            "reason": "Unschedulable",
            "message": why,
        }
        return _with_condition(status_of(pod), known, condition)

    def _tell(self, pod: Stored, reason: str, message: str, *, kind: str = "Normal") -> None:
        involved = {"kind": "Pod", "namespace": pod.key.namespace, "name": pod.key.name, "uid": pod.uid}
        involved |= {"apiVersion": "v1", "resourceVersion": str(pod.revision)}
        self._hands.tell(involved, reason=reason, message=message, component=NAME, kind=kind)


def unfit(pod_spec: Mapping[str, Any], node: Stored) -> str:
    """The first thing that keeps a Pod from a Node, in the real scheduler's order and words; "" for none."""
    spec, tolerations = spec_of(node), pod_spec.get("tolerations") or ()
    if spec.get("unschedulable") and not _is_tolerated(_UNSCHEDULABLE, tolerations):
        return "node(s) were unschedulable"
    if any(not _is_tolerated(taint, tolerations) for taint in _repelling(node)):
        return "node(s) had untolerated taint(s)"
    if not _is_selected(pod_spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


def _repelling(node: Stored) -> Iterable[Mapping[str, Any]]:
    """The taints that keep Pods away; one that says that a ready Node isn't, somebody was to take off."""
    ready = _condition(status_of(node), "Ready")
    is_ready = ready is not None and ready.get("status") == "True"
    for taint in spec_of(node).get("taints") or ():
        if taint.get("effect") in _REPELS and not (is_ready and taint.get("key") == _NOT_READY):
            yield taint


def _is_tolerated(taint: Mapping[str, Any], tolerations: Iterable[Mapping[str, Any]]) -> bool:
    for toleration in tolerations:
        key, effect = toleration.get("key") or "", toleration.get("effect") or ""
        if (key and key != taint.get("key")) or (effect and effect != taint["effect"]):
            continue
        if toleration.get("operator") == "Exists":
            return True
        if key and (toleration.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


def _is_selected(pod_spec: Mapping[str, Any], node: Stored) -> bool:
    labels = node.meta.get("labels") or {}
    if not (pod_spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if needed is None:
        return True
    fields = {"metadata.name": node.key.name}
    return any(_is_met(term, labels, fields) for term in needed.get("nodeSelectorTerms") or ())


def _is_met(term: Mapping[str, Any], labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    by_labels, by_fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    is_something = bool(by_labels or by_fields)
    return is_something and all(_holds(r, labels) for r in by_labels) and all(_holds(r, fields) for r in by_fields)


def _holds(requirement: Requirement, values: Mapping[str, str]) -> bool:
    has, wanted = values.get(requirement.get("key", "")), requirement.get("values") or ()
    tests: dict[str, Callable[[], bool]] = {
        "In": lambda: has in wanted,
        "NotIn": lambda: has not in wanted,
        "Exists": lambda: has is not None,
        "DoesNotExist": lambda: has is None,
        "Gt": lambda: _difference(has, wanted) > 0,
        "Lt": lambda: _difference(has, wanted) < 0,
    }
    test = tests.get(requirement.get("operator", ""))
    return test is not None and test()


def _difference(has: str | None, wanted: Iterable[str]) -> int:
    """0 where one of them is no number, which is neither greater nor less."""
    numbers = [whole_number(text) for text in (has or "", *wanted)]
    first, second = numbers if len(numbers) == 2 else (None, None)
    return 0 if first is None or second is None else first - second


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    found: Iterable[dict[str, Any]] = status.get("conditions") or ()
    return next((condition for condition in found if condition.get("type") == kind), None)


def _with_condition(
    status: Mapping[str, Any], known: Mapping[str, Any] | None, condition: dict[str, Any]
) -> dict[str, Any]:
    others = [other for other in status.get("conditions") or () if other is not known]
    return {**status, "conditions": [*others, condition]}
