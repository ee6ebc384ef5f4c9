"""What the real server puts into an object besides defaults, owned by nobody.

Its strategies do that (pkg/registry) and its admission plugins (pkg/../plugin/pkg/admission), as they are switched on
without a cluster around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.json_values import is_identical
from reconcilekit.testing.apiserver.kinds.traits import JOB_NAME_LABELS, JOB_UID_LABELS
from reconcilekit.testing.apiserver.schema.defaults.workloads import TEMPLATE_GENERATION
from reconcilekit.testing.apiserver.validation.resizing import quality_of

Prepare = Callable[[dict[str, Any]], None]
"""Puts it into a new or a changed object, in place; what is there already stays."""

WITH_STATUS = frozenset({("", "nodes")})
"""The kinds whose objects can be made with their status: kubelets register so."""

_NAMESPACE_FINALIZER = "kubernetes"
_SECONDS_TO_TOLERATE = 300
_TROUBLES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


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
    told = metadata.get("annotations") or {}
    if "uid" not in metadata and int(told.get(TEMPLATE_GENERATION, 0)) < 1:
        metadata["annotations"] = {**told, TEMPLATE_GENERATION: "1"}


def _count_template(daemon_set: dict[str, Any], old: Mapping[str, Any]) -> None:
    """Nobody sets the generation of a DaemonSet's template; it grows with the template's changes."""
    metadata = daemon_set["metadata"]
    generation = int((old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, 0))
    if not is_identical(daemon_set["spec"]["template"], old["spec"]["template"]):
        generation += 1
    metadata["annotations"] = {**(metadata.get("annotations") or {}), TEMPLATE_GENERATION: str(generation)}


def _protected(finalizer: str) -> Prepare:
    def protect(obj: dict[str, Any]) -> None:
        metadata = obj["metadata"]
        if "uid" not in metadata and finalizer not in (metadata.get("finalizers") or ()):
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]

    return protect


def _prepare_claim(claim: dict[str, Any]) -> None:
    _protected("kubernetes.io/pvc-protection")(claim)
    if "uid" not in claim["metadata"]:
        _name_sources(claim, {"spec": {}})


def _name_sources(claim: dict[str, Any], old: Mapping[str, Any]) -> None:
    """Say what its content comes from in both fields; in the older one other kinds count for nothing (KEP-1495)."""
    spec = claim["spec"]
    if "dataSource" not in spec and "dataSourceRef" not in spec:
        return
    told = {name: spec[name] for name in ("dataSource", "dataSourceRef") if name in spec}
    if told.get("dataSourceRef", {}).get("namespace"):
        # Nothing comes from elsewhere (the gate CrossNamespaceVolumeDataSource is off).
        del told["dataSourceRef"]
    has_source = "dataSource" in old["spec"] or "dataSourceRef" in old["spec"]
    if not has_source and told.keys() == {"dataSource"} and not _is_known_source(told["dataSource"]):
        del told["dataSource"]
    if told.keys() == {"dataSource"}:
        told["dataSourceRef"] = dict(told["dataSource"])
    elif told.keys() == {"dataSourceRef"}:
        told["dataSource"] = {name: value for name, value in told["dataSourceRef"].items() if name != "namespace"}
    kept = {name: value for name, value in spec.items() if name not in ("dataSource", "dataSourceRef")}
    claim["spec"] = kept | told


def _is_known_source(source: Mapping[str, Any]) -> bool:
    return (source.get("apiGroup") or "", source.get("kind")) in _SOURCES


def _prepare_service_account(account: dict[str, Any]) -> None:
    """Of the Secrets that it may use the names count."""
    if secrets := account.get("secrets"):
        account["secrets"] = [{"name": told["name"]} if "name" in told else {} for told in secrets]


def _emptied(*path: str) -> Prepare:
    """Makes a list that is empty null: it is stored as none, where others are left out."""

    def forget(obj: dict[str, Any]) -> None:
        node = obj
        for name in path[:-1]:
            node = node.get(name) or {}
        if node.get(path[-1]) == []:
            # Read anew with this write, and so nobody else's.
            node[path[-1]] = None

    return forget


def _forget_endpoints(endpoint_slice: dict[str, Any]) -> None:
    for name in ("endpoints", "ports"):
        _emptied(name)(endpoint_slice)


def _date_volume(volume: dict[str, Any]) -> None:
    volume["status"] = {**volume["status"], "lastPhaseTransitionTime": volume["metadata"]["creationTimestamp"]}


def _name_job(job: dict[str, Any]) -> None:
    """Put a Job's uid and name into its selector and its pods' labels, unless it selects by itself.

    A Job that was told no labels has its pods', and so gets them, too.
    """
    spec, uid = job["spec"], job["metadata"]["uid"]
    if spec.get("manualSelector"):
        return
    added = dict.fromkeys(JOB_UID_LABELS, uid) | dict.fromkeys(JOB_NAME_LABELS, job["metadata"]["name"])
    template = dict(spec["template"])
    metadata = dict(template.get("metadata") or {})
    labels = job["metadata"].get("labels")
    # Where a name is drawn, the server works on a copy of its own.
    is_shared = labels is metadata.get("labels") and not job["metadata"].get("generateName")
    metadata["labels"] = {**(metadata.get("labels") or {}), **added}
    spec["template"] = {**template, "metadata": metadata}
    selector = dict(spec.get("selector") or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), JOB_UID_LABELS[0]: uid}
    spec["selector"] = selector
    if is_shared or not labels:
        job["metadata"]["labels"] = metadata["labels"]


PREPARE: Mapping[tuple[str, str], Prepare] = {
    ("", "limitranges"): _emptied("spec", "limits"),
    ("", "namespaces"): _prepare_namespace,
    ("", "nodes"): _prepare_node,
    ("", "persistentvolumeclaims"): _prepare_claim,
    ("", "persistentvolumes"): _protected("kubernetes.io/pv-protection"),
    ("", "pods"): _prepare_pod,
    ("", "serviceaccounts"): _prepare_service_account,
    ("apps", "daemonsets"): _prepare_daemon_set,
    ("discovery.k8s.io", "endpointslices"): _forget_endpoints,
    ("rbac.authorization.k8s.io", "clusterroles"): _emptied("rules"),
    ("rbac.authorization.k8s.io", "roles"): _emptied("rules"),
    ("storage.k8s.io", "csinodes"): _emptied("spec", "drivers"),
    ("storage.k8s.io", "volumeattributesclasses"): _protected("kubernetes.io/vac-protection"),
}
"""By group and plural."""


CARRY: Mapping[tuple[str, str], Callable[[dict[str, Any], Mapping[str, Any]], None]] = {
    ("", "persistentvolumeclaims"): _name_sources,
    ("apps", "daemonsets"): _count_template,
}
"""What a change of an object gets from what was there, in place, by group and plural."""


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
