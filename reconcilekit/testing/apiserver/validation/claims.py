"""PersistentVolumeClaims (pkg/apis/core/validation): what they ask for, and how that may change."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    immutable,
    invalid,
    one_of,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.resource_names import amount
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_FIXED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
_CLASS = "volume.beta.kubernetes.io/storage-class"
"""The annotation that named a claim's class before there was a field."""

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_ALONE = "ReadWriteOncePod"
_IDENTITY = ("apiGroup", "kind", "name")
_RESIZING = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)


def claim_causes(claim: Obj, old: Obj | None) -> Found:
    """What is wrong with a PersistentVolumeClaim."""
    yield from claim_spec_causes(claim["spec"], "spec")
    if old is not None:
        yield from _changed_causes(claim, old)


def claim_spec_causes(spec: Obj, field: str) -> Found:
    """What is wrong with what a claim asks for, alone or in a template."""
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{field}.accessModes", "at least 1 access mode is required")
    yield from selector_causes(spec.get("selector") or {}, f"{field}.selector")
    yield from (unsupported(f"{field}.accessModes", mode, _MODES) for mode in modes if mode not in _MODES)
    if _ALONE in modes and any(mode in _MODES and mode != _ALONE for mode in modes):
        yield forbidden(f"{field}.accessModes", f"may not use {_ALONE} with other access modes")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        yield required(f"{field}.resources[storage]")
    elif amount(storage) <= 0:
        yield invalid(f"{field}.resources[storage]", storage, "must be greater than zero")
    if name := spec.get("storageClassName"):
        yield from (invalid(f"{field}.storageClassName", name, why) for why in names.subdomain(name))
    if (mode := spec.get("volumeMode")) is not None:
        yield from one_of(f"{field}.volumeMode", mode, ("Block", "Filesystem"))
    yield from _source_causes(spec, field)
    if name := spec.get("volumeAttributesClassName"):
        yield from (invalid(f"{field}.volumeAttributesClassName", name, why) for why in names.subdomain(name))


def _source_causes(spec: Obj, field: str) -> Found:
    """What is wrong with what a claim's content comes from; the older field and the newer one must say the same."""
    told = [(name, spec[name]) for name in ("dataSource", "dataSourceRef") if spec.get(name) is not None]
    for name, source in told:
        yield from _one_source_causes(source, f"{field}.{name}")
    if len(told) > 1 and len({tuple(source.get(part) for part in _IDENTITY) for _, source in told}) > 1:
        yield invalid(field, {}, "must match dataSourceRef")


def _one_source_causes(source: Obj, field: str) -> Found:
    kind, group = source.get("kind", ""), source.get("apiGroup") or ""
    yield from (required(f"{field}.{name}") for name in ("name", "kind") if not source.get(name))
    if not group and kind != "PersistentVolumeClaim":
        yield invalid(field, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if group:
        yield from (invalid(f"{field}.apiGroup", group, why) for why in names.subdomain(group))


def _changed_causes(claim: Obj, old: Obj) -> Found:
    spec, before = claim["spec"], old["spec"]
    is_bound = (claim.get("status") or {}).get("phase") == "Bound"
    if _fixed(spec, before, claim, is_bound=is_bound) != _fixed(before, before, old, is_bound=is_bound):
        yield forbidden("spec", _FIXED)
    there = amount(((old.get("status") or {}).get("capacity") or {}).get("storage"))
    if size(claim) < size(old) and size(claim) <= there:
        yield forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
    yield from immutable("volumeMode", before.get("volumeMode"), spec.get("volumeMode"))
    current = (old.get("status") or {}).get("currentVolumeAttributesClassName")
    name = spec.get("volumeAttributesClassName")
    if current is not None and not name and name != before.get("volumeAttributesClassName"):
        told = "nil" if name is None else "empty string"
        why = f"update to {told} is forbidden when status.currentVolumeAttributesClassName is not nil"
        yield forbidden("spec.volumeAttributesClassName", why)


def _fixed(spec: Obj, before: Obj, claim: Obj, *, is_bound: bool) -> dict[str, Any]:
    """What of a claim may not change, with amounts that compare by what they are."""
    resources = spec.get("resources") or {}
    amounts = {name: {n: amount(v) for n, v in (resources.get(name) or {}).items()} for name in ("limits", "requests")}
    free = set()
    if not before.get("volumeName"):
        free.add("volumeName")
    if before.get("storageClassName") is None and _CLASS not in (claim["metadata"].get("annotations") or {}):
        free.add("storageClassName")
    if is_bound:
        free.add("volumeAttributesClassName")
        amounts["requests"].pop("storage", None)
    kept = {name: value for name, value in spec.items() if name not in free and value is not None}
    return {**kept, "resources": amounts}


def size(claim: Obj) -> Any:
    """How much storage a claim asks for."""
    return amount(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage"))


def claim_status_causes(claim: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a claim's status."""
    status = claim.get("status") or {}
    for name, value in (status.get("capacity") or {}).items():
        yield from _negative_causes(value, f"status.capacity[{name}]")
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        field = "status.allocatedResourceStatuses"
        yield from _name_causes(name, field)
        if state not in _RESIZING:
            yield unsupported(field, name, _RESIZING)
    for name, value in (status.get("allocatedResources") or {}).items():
        wrong = list(_name_causes(name, "status.allocatedResources"))
        yield from wrong
        if not wrong:
            yield from _negative_causes(value, f"status.allocatedResources[{name}]")


def _name_causes(name: str, field: str) -> Found:
    if name != "storage" and ("/" not in name or "kubernetes.io/" in name):
        yield unsupported(field, name, ["storage"])


def _negative_causes(value: str, field: str) -> Found:
    if (told := amount(value)) < 0:
        yield invalid(field, int(told), "must be a valid resource quantity")
