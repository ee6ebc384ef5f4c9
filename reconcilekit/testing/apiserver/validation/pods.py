"""Pods, alone and in templates (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver.validation import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.containers import container_causes, container_list_causes

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_NEEDED = {"configMap": "name", "hostPath": "path", "secret": "secretName", "persistentVolumeClaim": "claimName"}
_MOST_SECONDS = 2147483647
_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_spec_causes(spec: Obj, field: str) -> Found:
    """What is wrong with what a pod and a template have alike."""
    volumes: set[str] = set()
    yield from _volume_causes(spec.get("volumes") or (), volumes, f"{field}.volumes")
    yield from container_list_causes(spec.get("containers") or (), volumes, f"{field}.containers")
    seen = {container.get("name", "") for container in spec.get("containers") or ()}
    for i, container in enumerate(spec.get("initContainers") or ()):
        yield from container_causes(container, volumes, seen, f"{field}.initContainers[{i}]")
    yield from one_of(f"{field}.restartPolicy", spec.get("restartPolicy"), _RESTART_POLICIES)
    yield from one_of(f"{field}.dnsPolicy", spec.get("dnsPolicy"), _DNS_POLICIES)
    yield from names.labels(spec.get("nodeSelector"), f"{field}.nodeSelector")
    if account := spec.get("serviceAccountName"):
        yield from (invalid(f"{field}.serviceAccountName", account, why) for why in names.subdomain(account))
    if node := spec.get("nodeName"):
        yield from (invalid(f"{field}.nodeName", node, why) for why in names.subdomain(node))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MOST_SECONDS:
        yield invalid(f"{field}.activeDeadlineSeconds", deadline, f"must be between 1 and {_MOST_SECONDS}, inclusive")


def _volume_causes(volumes: Sequence[Obj], seen: set[str], field: str) -> Found:
    """What is wrong with the volumes; `seen` gets the names of those that are right."""
    for i, volume in enumerate(volumes):
        wrong = list(_one_volume_causes(volume, seen, f"{field}[{i}]"))
        yield from wrong
        if not wrong:
            seen.add(volume["name"])


def _one_volume_causes(volume: Obj, seen: set[str], field: str) -> Found:
    name, sources = volume.get("name", ""), [source for source in volume if source != "name"]
    for source in sources[:1]:
        needed = _NEEDED.get(source, "")
        if needed and not volume[source].get(needed):
            yield required(f"{field}.{source}.{needed}")
    yield from (forbidden(f"{field}.{source}", "may not specify more than 1 volume type") for source in sources[1:])
    if not name:
        yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
    if name in seen:
        yield duplicate(f"{field}.name", name)


def pod_causes(pod: Obj, old: Obj | None) -> Found:
    """What is wrong with a pod, or with a change of one."""
    if old is None:
        yield from pod_spec_causes(pod["spec"], "spec")
    elif _fixed(pod["spec"]) != _fixed(old["spec"]):
        yield forbidden("spec", _MAY_CHANGE)


def _fixed(spec: Obj) -> dict[str, object]:
    """What of a pod may never change."""
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    fixed: dict[str, object] = {name: value for name, value in spec.items() if name not in free}
    for name in ("containers", "initContainers"):
        fixed[name] = [{**container, "image": ""} for container in spec.get(name) or ()]
    return fixed


def template_causes(template: Obj, selector: Obj | None, field: str) -> Found:
    """What is wrong with the template of a workload whose pods run for ever."""
    metadata = template.get("metadata") or {}
    yield from names.labels(metadata.get("labels"), f"{field}.labels")
    yield from names.labels(dict.fromkeys(metadata.get("annotations") or (), ""), f"{field}.annotations")
    yield from pod_spec_causes(template.get("spec") or {}, f"{field}.spec")


def lasting_template_causes(spec: Obj, field: str) -> Found:
    """What only a workload's template has to keep: its pods are restarted always."""
    if spec.get("restartPolicy") != "Always" and spec.get("restartPolicy") in _RESTART_POLICIES:
        yield from one_of(f"{field}.restartPolicy", spec.get("restartPolicy"), ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        yield forbidden(f"{field}.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")
