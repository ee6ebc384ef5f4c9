"""The rows of what storage and devices are had from: classes, drivers, attachments, claims and slices of devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.storage.versions import Stored
from reconcilekit.testing.apiserver.tables.ages import since
from reconcilekit.testing.apiserver.tables.values import NONE, UNSET, at, born, items, text

_Content = Mapping[str, Any]
_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def storage_class_cells(obj: _Content, now: datetime) -> list[Any]:
    """Provisioner, policy, binding, expansion."""
    return [
        text(obj, "provisioner"),
        text(obj, "reclaimPolicy") or "Delete",
        text(obj, "volumeBindingMode") or "Immediate",
        bool(at(obj, "allowVolumeExpansion")),
        born(obj, now),
    ]


def with_default_marked(classes: Iterable[Stored]) -> list[Stored]:
    """A list of StorageClasses in which the name of the one that claims get says so: the newest of the defaults."""
    listed = list(classes)
    defaults = [told for told in listed if _is_default(told)]
    if not defaults:
        return listed
    newest = max(text(told.meta, "creationTimestamp") for told in defaults)
    name = min(told.key.name for told in defaults if text(told.meta, "creationTimestamp") == newest)
    marked = ObjectKey("", f"{name} (default)")
    return [Stored(marked, told.revision, told.content) if told.key.name == name else told for told in listed]


def _is_default(stored: Stored) -> bool:
    annotations = at(stored.meta, "annotations") or {}
    return any(annotations.get(mark) == "true" for mark in _MARKS)


def attributes_class_cells(obj: _Content, now: datetime) -> list[Any]:
    """Driver."""
    return [text(obj, "driverName"), born(obj, now)]


def driver_cells(obj: _Content, now: datetime) -> list[Any]:
    """What a CSIDriver wants of kubelets."""
    spec = at(obj, "spec")
    requests = at(spec, "tokenRequests")
    return [
        at(spec, "attachRequired") is not False,
        bool(at(spec, "podInfoOnMount")),
        bool(at(spec, "storageCapacity")),
        UNSET if requests is None else ",".join(text(each, "audience") for each in requests),
        bool(at(spec, "requiresRepublish")),
        ",".join(items(spec, "volumeLifecycleModes")) or NONE,
        born(obj, now),
    ]


def driver_node_cells(obj: _Content, now: datetime) -> list[Any]:
    """How many drivers a CSINode has."""
    return [len(items(obj, "spec", "drivers")), born(obj, now)]


def attachment_cells(obj: _Content, now: datetime) -> list[Any]:
    """Driver, volume, node, whether it is attached."""
    spec = at(obj, "spec")
    volume = text(spec, "source", "persistentVolumeName")
    is_attached = bool(at(obj, "status", "attached"))
    return [text(spec, "attacher"), volume, text(spec, "nodeName"), is_attached, born(obj, now)]


def resource_claim_cells(obj: _Content, now: datetime) -> list[Any]:
    """How far it has got."""
    states = ["deleted"] if at(obj, "metadata", "deletionTimestamp") else []
    if at(obj, "status", "allocation") is not None:
        states += ["allocated", "reserved"] if items(obj, "status", "reservedFor") else ["allocated"]
    return [",".join(states) or "pending", born(obj, now)]


def resource_slice_cells(obj: _Content, now: datetime) -> list[Any]:
    """Node, driver, pool."""
    spec = at(obj, "spec")
    return [text(spec, "nodeName"), text(spec, "driver"), text(spec, "pool", "name"), born(obj, now)]


def taint_rule_cells(obj: _Content, now: datetime) -> list[Any]:
    """The taint, and since when."""
    taint = at(obj, "spec", "taint")
    added = at(taint, "timeAdded")
    shown = "" if added is None else since(added, now)
    return [text(taint, "key"), text(taint, "value"), text(taint, "effect"), shown, born(obj, now)]
