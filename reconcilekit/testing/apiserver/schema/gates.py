"""Fields behind feature gates that are off: read, owned by whoever told them, and dropped before they are stored.

So are a few that nobody may set any more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.definitions import GoType, definition

_CORE, _RESOURCE = "io.k8s.api.core.v1", "io.k8s.api.resource.v1"

DROPPED: Mapping[str, frozenset[str]] = {
    f"{_CORE}.ClusterTrustBundleProjection": frozenset({"user"}),
    f"{_CORE}.ConfigMapVolumeSource": frozenset({"defaultUser"}),
    f"{_CORE}.DownwardAPIVolumeFile": frozenset({"user"}),
    f"{_CORE}.DownwardAPIVolumeSource": frozenset({"defaultUser"}),
    f"{_CORE}.EmptyDirVolumeSource": frozenset({"mode"}),
    f"{_CORE}.GRPCAction": frozenset({"mode"}),
    f"{_CORE}.HTTPGetAction": frozenset({"protocol"}),
    f"{_CORE}.KeyToPath": frozenset({"user"}),
    f"{_CORE}.Lifecycle": frozenset({"stopSignal"}),
    f"{_CORE}.NodeSpec": frozenset({"configSource", "podPreemptionPolicy"}),
    f"{_CORE}.PodCertificateProjection": frozenset({"user"}),
    f"{_CORE}.PodSpec": frozenset({"evictionResponders", "schedulingGroup"}),
    f"{_CORE}.ProjectedVolumeSource": frozenset({"defaultUser"}),
    f"{_CORE}.SecretVolumeSource": frozenset({"defaultUser"}),
    f"{_CORE}.ServiceAccountTokenProjection": frozenset({"user"}),
    f"{_CORE}.VolumeMount": frozenset({"bindMountOptions"}),
    "io.k8s.api.batch.v1.JobSpec": frozenset({"scheduling"}),
    "io.k8s.api.coordination.v1.LeaseSpec": frozenset({"preferredHolder", "strategy"}),
    "io.k8s.api.discovery.v1.Endpoint": frozenset({"deprecatedTopology"}),
    f"{_RESOURCE}.Device": frozenset({"nodeAllocatableResources"}),
    f"{_RESOURCE}.DeviceSubRequest": frozenset({"derivedAttributes"}),
    f"{_RESOURCE}.ExactDeviceRequest": frozenset({"derivedAttributes"}),
    f"{_RESOURCE}.ResourceSliceSpec": frozenset({"partitionTypeAttribute", "skipNodeOperations"}),
}
"""The fields, by the name of their struct in OpenAPI."""

GONE_WITH_THEM = frozenset({f"{_CORE}.Lifecycle"})
"""The structs that are dropped as well where nothing else was told in them."""

Drop = Callable[[Any], Any]
"""Makes of a value one without these fields: the same where there are none, and else a copy down to them."""


def drop_disabled(name: str, content: dict[str, Any]) -> None:
    """Take an object's fields that are dropped out of it; replaces values, never changes them in place.

    Args:
        name: of its struct in OpenAPI.
        content: the object, of which a copy of its own is changed.
    """
    for field, drop in _within(name):
        if (value := content.get(field)) is not None:
            content[field] = drop(value)


@functools.cache
def _within(name: str) -> tuple[tuple[str, Drop], ...]:
    """The fields that have such fields in them, however deep."""
    return tuple(
        (field.name, drop)
        for field in definition(name).fields.values()
        if field.name != "metadata" and (drop := _dropper(field.type, frozenset({name}))) is not None
    )


def _dropper(go_type: GoType, outer: frozenset[str]) -> Drop | None:
    """What drops from a value of this type, None where there is nothing to drop; `outer` are the structs around it."""
    if go_type.form == "struct":
        return None if go_type.base in outer else _struct_dropper(go_type.base, outer | {go_type.base})
    inner = None if go_type.item is None else _dropper(go_type.item, outer)
    if inner is None:
        return None

    def drop_from_all(value: Any) -> Any:
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        changed = {key: kept for key, item in pairs if item is not None and (kept := inner(item)) is not item}
        if not changed:
            return value
        if isinstance(value, list):
            return [changed.get(i, item) for i, item in enumerate(value)]
        return value | changed

    return drop_from_all


def _struct_dropper(name: str, outer: frozenset[str]) -> Drop | None:
    dropped = DROPPED.get(name, frozenset())
    fields = [field for field in definition(name).fields.values() if field.name not in dropped]
    found = ((field.name, field.type.base, _dropper(field.type, outer)) for field in fields)
    inside = [(field, base in GONE_WITH_THEM, drop) for field, base, drop in found if drop is not None]
    if not dropped and not inside:
        return None

    def drop(value: dict[str, Any]) -> dict[str, Any]:
        result = value
        if not dropped.isdisjoint(value):
            result = {field: item for field, item in value.items() if field not in dropped}
        for field, is_gone_with_them, drop_inside in inside:
            item = value.get(field)
            if item is None or (kept := drop_inside(item)) is item:
                continue
            if result is value:
                result = dict(value)
            if is_gone_with_them and not kept:
                del result[field]
            else:
                result[field] = kept
        return result

    return drop
