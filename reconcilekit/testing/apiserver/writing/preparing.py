"""What the real server puts into an object besides defaults, owned by nobody.

Its strategies do that (pkg/registry) and its admission plugins (pkg/../plugin/pkg/admission), as they are switched on
without a cluster around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.validation.resizing import quality_of

Prepare = Callable[[dict[str, Any]], None]
"""Puts it into a new or a changed object, in place; what is there already stays."""

WITH_STATUS = frozenset({("", "nodes")})
"""The kinds whose objects can be made with their status: kubelets register so."""

_NAMESPACE_FINALIZER = "kubernetes"
_SECONDS_TO_TOLERATE = 300
_TROUBLES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
_JOB_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")


def _prepare_namespace(namespace: dict[str, Any]) -> None:
    told = namespace["spec"].get("finalizers") or []
    if "uid" not in namespace["metadata"] and _NAMESPACE_FINALIZER not in told:
        namespace["spec"] = {**namespace["spec"], "finalizers": [*told, _NAMESPACE_FINALIZER]}


def _prepare_pod(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    tolerations = spec.get("tolerations") or []
    told = {toleration.get("key") for toleration in tolerations if toleration.get("effect", "NoExecute") == "NoExecute"}
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS_TO_TOLERATE}
        for key in _TROUBLES
        if key not in told
    ]
    if added and None not in told:
        spec["tolerations"] = [*tolerations, *added]
    pod["status"] = {"phase": "Pending", "qosClass": quality_of(spec)} | pod["status"]


def _prepare_node(node: dict[str, Any]) -> None:
    taints = node["spec"].get("taints") or []
    if not any(taint.get("key") == _TROUBLES[0] for taint in taints) and "uid" not in node["metadata"]:
        node["spec"]["taints"] = [*taints, {"key": _TROUBLES[0], "effect": "NoSchedule"}]


def _prepare_daemon_set(daemon_set: dict[str, Any]) -> None:
    metadata = daemon_set["metadata"]
    if "uid" not in metadata:
        told = metadata.get("annotations") or {}
        metadata["annotations"] = {**told, "deprecated.daemonset.template.generation": "1"}


def _protected(finalizer: str) -> Prepare:
    def protect(obj: dict[str, Any]) -> None:
        metadata = obj["metadata"]
        if "uid" not in metadata and finalizer not in (metadata.get("finalizers") or ()):
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]

    return protect


def _prepare_claim(claim: dict[str, Any]) -> None:
    """Say what its content comes from in both fields; in the older one other kinds count for nothing (KEP-1495)."""
    _protected("kubernetes.io/pvc-protection")(claim)
    spec = claim["spec"]
    old, new = spec.get("dataSource"), spec.get("dataSourceRef")
    if "uid" in claim["metadata"] or (old is None and new is None):
        return
    told = {"dataSource": old, "dataSourceRef": None if (new or {}).get("namespace") else new}
    if told["dataSourceRef"] is None and ((old or {}).get("apiGroup") or "", (old or {}).get("kind")) not in _SOURCES:
        told["dataSource"] = None
    source = told["dataSource"] if told["dataSource"] is not None else told["dataSourceRef"]
    kept = {name: value for name, value in spec.items() if name not in told}
    claim["spec"] = (
        kept if source is None else kept | {name: dict(source) if told[name] is None else told[name] for name in told}
    )


def _date_volume(volume: dict[str, Any]) -> None:
    volume["status"] = {**volume["status"], "lastPhaseTransitionTime": volume["metadata"]["creationTimestamp"]}


def _name_job(job: dict[str, Any]) -> None:
    """Put a Job's uid and name into its selector and its pods' labels, unless it selects by itself."""
    spec, uid = job["spec"], job["metadata"]["uid"]
    if spec.get("manualSelector"):
        return
    added = dict.fromkeys(_JOB_LABELS, uid) | dict.fromkeys(_NAME_LABELS, job["metadata"]["name"])
    template = dict(spec["template"])
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **added}
    spec["template"] = {**template, "metadata": metadata}
    selector = dict(spec.get("selector") or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), _JOB_LABELS[0]: uid}
    spec["selector"] = selector
    job["metadata"]["labels"] = {**added, **(job["metadata"].get("labels") or {})}


PREPARE: Mapping[tuple[str, str], Prepare] = {
    ("", "namespaces"): _prepare_namespace,
    ("", "nodes"): _prepare_node,
    ("", "persistentvolumeclaims"): _prepare_claim,
    ("", "persistentvolumes"): _protected("kubernetes.io/pv-protection"),
    ("", "pods"): _prepare_pod,
    ("apps", "daemonsets"): _prepare_daemon_set,
}
"""By group and plural."""


def _gate_pod(pod: dict[str, Any]) -> None:
    """Say that it waits for its gates."""
    told = pod["status"].get("conditions") or []
    if not pod["spec"].get("schedulingGates") or any(condition.get("type") == "PodScheduled" for condition in told):
        return
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": pod["metadata"]["creationTimestamp"],
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }
    pod["status"] = {**pod["status"], "conditions": [*told, condition]}


FINISH: Mapping[tuple[str, str], Prepare] = {
    ("", "persistentvolumes"): _date_volume,
    ("", "pods"): _gate_pod,
    ("batch", "jobs"): _name_job,
}
"""What follows once a new object has its uid and its time, by group and plural."""
