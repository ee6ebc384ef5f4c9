"""The rows of what a cluster is made of: nodes, namespaces, events, access, storage, definitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.tables.ages import UNKNOWN, since
from reconcilekit.testing.apiserver.tables.values import NONE, UNSET, at, born, count, is_true, items, text

_Content = Mapping[str, Any]
_ROLE, _OLD_ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def node_cells(obj: _Content, now: datetime) -> list[Any]:
    """Status, roles, version, addresses, system."""
    info = at(obj, "status", "nodeInfo")
    kernel, architecture = text(info, "kernelVersion") or UNKNOWN, text(info, "architecture")
    return [
        _node_status(obj),
        _node_roles(at(obj, "metadata", "labels") or {}) or NONE,
        born(obj, now),
        text(info, "kubeletVersion"),
        _node_address(obj, "InternalIP"),
        _node_address(obj, "ExternalIP"),
        text(info, "osImage") or UNKNOWN,
        f"{kernel} ({architecture})" if architecture else kernel,
        text(info, "containerRuntimeVersion") or UNKNOWN,
    ]


def _node_status(obj: _Content) -> str:
    ready = [text(c, "status") for c in items(obj, "status", "conditions") if text(c, "type") == "Ready"]
    shown = "Unknown" if not ready else "Ready" if ready[-1] == "True" else "NotReady"
    return f"{shown},SchedulingDisabled" if at(obj, "spec", "unschedulable") else shown


def _node_roles(labels: Mapping[str, str]) -> str:
    roles = {name.removeprefix(_ROLE) for name in labels if name.startswith(_ROLE)} | {labels.get(_OLD_ROLE, "")}
    return ",".join(sorted(roles - {""}))


def _node_address(obj: _Content, kind: str) -> str:
    addresses = items(obj, "status", "addresses")
    return next((text(a, "address") for a in addresses if text(a, "type") == kind), NONE)


def namespace_cells(obj: _Content, now: datetime) -> list[Any]:
    """Phase."""
    return [text(obj, "status", "phase"), born(obj, now)]


def config_map_cells(obj: _Content, now: datetime) -> list[Any]:
    """How many entries."""
    return [len(at(obj, "data") or ()) + len(at(obj, "binaryData") or ()), born(obj, now)]


def secret_cells(obj: _Content, now: datetime) -> list[Any]:
    """Type, and how many entries."""
    return [text(obj, "type"), len(at(obj, "data") or ()), born(obj, now)]


def lease_cells(obj: _Content, now: datetime) -> list[Any]:
    """Holder."""
    return [text(obj, "spec", "holderIdentity"), born(obj, now)]


def event_row(obj: _Content, now: datetime) -> list[Any]:
    """The whole row, which has its name last; both Event kinds have the same."""
    first = at(obj, "firstTimestamp") or at(obj, "deprecatedFirstTimestamp") or at(obj, "eventTime")
    series = at(obj, "series")
    last = at(obj, "lastTimestamp") or at(obj, "deprecatedLastTimestamp") or first
    number = count(obj, "count") or count(obj, "deprecatedCount") or 1
    if series is not None:
        last, number = at(series, "lastObservedTime"), count(series, "count")
    about = at(obj, "involvedObject") or at(obj, "regarding")
    kind, name = text(about, "kind").lower(), text(about, "name")
    return [
        since(last, now),
        text(obj, "type"),
        text(obj, "reason"),
        f"{kind}/{name}" if name else kind,
        text(about, "fieldPath"),
        _event_source(obj),
        (text(obj, "message") or text(obj, "note")).strip(),
        since(first, now),
        number,
        text(obj, "metadata", "name"),
    ]


def _event_source(obj: _Content) -> str:
    source = at(obj, "source") or at(obj, "deprecatedSource")
    component, host = text(source, "component"), text(source, "host")
    if not component and not host:
        component = text(obj, "reportingComponent") or text(obj, "reportingController")
        host = text(obj, "reportingInstance")
    return f"{component}, {host}" if host else component


def role_binding_cells(obj: _Content, now: datetime) -> list[Any]:
    """Role, and who has it."""
    role = f"{text(obj, 'roleRef', 'kind')}/{text(obj, 'roleRef', 'name')}"
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in items(obj, "subjects"):
        kind, name, namespace = text(subject, "kind"), text(subject, "name"), text(subject, "namespace")
        by_kind.get(kind, []).append(f"{namespace}/{name}" if kind == "ServiceAccount" else name)
    return [role, born(obj, now), *(", ".join(names) for names in by_kind.values())]


def definition_cells(obj: _Content, now: datetime) -> list[Any]:
    """Scope, versions, date, names, established."""
    del now
    names = at(obj, "spec", "names")
    versions = ",".join(_version(version) for version in items(obj, "spec", "versions"))
    return [
        text(obj, "spec", "scope"),
        versions,
        text(obj, "metadata", "creationTimestamp"),
        text(obj, "spec", "group"),
        text(names, "kind"),
        ",".join(map(str, items(names, "shortNames"))),
        is_true(items(obj, "status", "conditions"), "Established"),
    ]


def _version(version: Any) -> str:
    marks = [] if at(version, "served") is not False else ["unserved"]
    marks += ["storage"] if at(version, "storage") else []
    marks += ["deprecated"] if at(version, "deprecated") else []
    return f"{text(version, 'name')}({','.join(marks)})" if marks else text(version, "name")


def volume_claim_cells(obj: _Content, now: datetime) -> list[Any]:
    """Phase, volume, capacity, modes, classes."""
    spec, status = at(obj, "spec"), at(obj, "status")
    phase = "Terminating" if at(obj, "metadata", "deletionTimestamp") else text(status, "phase")
    volume = text(spec, "volumeName")
    capacity = text(status, "capacity", "storage") if volume else ""
    modes = _access_modes(items(status, "accessModes")) if volume else ""
    attributes = at(spec, "volumeAttributesClassName")
    return [
        phase,
        volume,
        capacity,
        modes,
        text(spec, "storageClassName"),
        UNSET if attributes is None else attributes,
        born(obj, now),
        text(spec, "volumeMode") or UNSET,
    ]


def _access_modes(modes: list[Any]) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in modes)


def volume_cells(obj: _Content, now: datetime) -> list[Any]:
    """Capacity, modes, policy, phase, claim, classes."""
    spec, status = at(obj, "spec"), at(obj, "status")
    phase = "Terminating" if at(obj, "metadata", "deletionTimestamp") else text(status, "phase")
    claim = at(spec, "claimRef")
    attributes = at(spec, "volumeAttributesClassName")
    return [
        text(spec, "capacity", "storage"),
        _access_modes(items(spec, "accessModes")),
        text(spec, "persistentVolumeReclaimPolicy"),
        phase,
        "" if claim is None else f"{text(claim, 'namespace')}/{text(claim, 'name')}",
        text(spec, "storageClassName"),
        UNSET if attributes is None else attributes,
        text(status, "reason"),
        born(obj, now),
        text(spec, "volumeMode") or UNSET,
    ]


def priority_class_cells(obj: _Content, now: datetime) -> list[Any]:
    """Value, default, policy."""
    policy = text(obj, "preemptionPolicy")
    return [count(obj, "value"), bool(at(obj, "globalDefault")), born(obj, now), policy]


def revision_cells(obj: _Content, now: datetime) -> list[Any]:
    """Controller, revision."""
    owners = [owner for owner in items(obj, "metadata", "ownerReferences") if at(owner, "controller")]
    shown = NONE
    if owners:
        group = text(owners[0], "apiVersion").rpartition("/")[0]
        kind = text(owners[0], "kind").lower() + (f".{group}" if group else "")
        shown = f"{kind}/{text(owners[0], 'name')}"
    return [shown, count(obj, "revision"), born(obj, now)]


def quota_cells(obj: _Content, now: datetime) -> list[Any]:
    """What is used of what may be."""
    hard, used = at(obj, "status", "hard") or {}, at(obj, "status", "used") or {}
    entries = [(name, f"{name}: {used.get(name, 0)}/{hard[name]}") for name in sorted(hard)]
    requests = ", ".join(entry for name, entry in entries if not name.startswith("limits."))
    limits = ", ".join(entry for name, entry in entries if name.startswith("limits."))
    return [requests, limits, born(obj, now)]


def webhooks_cells(obj: _Content, now: datetime) -> list[Any]:
    """How many webhooks."""
    return [len(items(obj, "webhooks")), born(obj, now)]


def api_service_cells(obj: _Content, now: datetime) -> list[Any]:
    """Service, availability."""
    service = at(obj, "spec", "service")
    name = "Local" if service is None else f"{text(service, 'namespace')}/{text(service, 'name')}"
    available: Mapping[str, Any] = next(
        (c for c in items(obj, "status", "conditions") if text(c, "type") == "Available"), {}
    )
    shown = text(available, "status") or "Unknown"
    if shown == "False" and text(available, "reason"):
        shown = f"False ({text(available, 'reason')})"
    return [name, shown, born(obj, now)]


def generic_cells(obj: _Content, now: datetime) -> list[Any]:
    """Age alone."""
    return [born(obj, now)]


def dated_cells(obj: _Content, now: datetime) -> list[Any]:
    """The date alone: for kinds that have no columns of their own."""
    del now
    return [text(obj, "metadata", "creationTimestamp")]
