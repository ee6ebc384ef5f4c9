"""Who owns what: the entries of `metadata.managedFields`, in the form that is calculated with and as objects have it.

Decoding, identity, order and the cap are those of k8s.io/apimachinery, `pkg/util/managedfields/internal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from reconcilekit.testing.apiserver.ownership.field_sets import FieldSet, canonical, ordered, union

APPLY = "Apply"
UPDATE = "Update"

MAX_UPDATERS = 10
"""Entries of updates past which the oldest are put together."""

ANCIENT = "ancient-changes"
"""Who owns what the oldest updates did, once there are too many of them."""


@attrs.frozen
class Manager:
    """What tells one entry from another.

    Attributes:
        api_version: "" for an applier, which has one entry whatever the version that it applied in.
    """

    name: str
    operation: str
    api_version: str = ""
    subresource: str = ""


@attrs.frozen
class Owned:
    """What one manager owns.

    Attributes:
        api_version: in which the fields are named.
        time: of its latest change; "" where none is known.
    """

    fields: FieldSet
    api_version: str
    time: str = ""


Managers = dict[Manager, Owned]


class ManagedFieldsError(ValueError):
    """Entries that can't be read."""


def identify(name: str, operation: str, api_version: str, subresource: str) -> Manager:
    """The identity of an entry."""
    return Manager(name or "unknown", operation, "" if operation == APPLY else api_version, subresource)


def decode(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """The owners out of what the server itself wrote."""
    return {_identity(entry): _owned(entry, entry.get("fieldsV1") or {}) for entry in entries}


def decode_told(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """The owners out of what a client wrote.

    Raises:
        ManagedFieldsError: an entry isn't one; the message is the real server's.
    """
    managers: Managers = {}
    for index, entry in enumerate(entries):
        if entry.get("operation") not in (APPLY, UPDATE):
            raise ManagedFieldsError("operation must be `Apply` or `Update`")
        if not entry.get("apiVersion"):
            raise ManagedFieldsError("apiVersion must not be empty")
        if entry.get("fieldsType", "") != "FieldsV1":
            raise ManagedFieldsError(_fields_type_problem(entry.get("fieldsType"), index))
        try:
            fields = canonical(entry.get("fieldsV1") or {})
        except (ValueError, AttributeError) as error:
            raise ManagedFieldsError(f"error decoding versioned set from {entry}: {error}") from error
        managers[_identity(entry)] = _owned(entry, fields)
    return managers


def _fields_type_problem(fields_type: object, index: int) -> str:
    if not fields_type:
        return f"missing fieldsType in managed fields entry {index}"
    return f'invalid fieldsType "{fields_type}" in managed fields entry {index}'


def is_reset(entries: Sequence[Mapping[str, Any]] | None) -> bool:
    """True if a client asks for the ownership to be forgotten: by [] or [{}]."""
    if entries is None:
        return False
    return not entries or (len(entries) == 1 and not any(entries[0].values()))


def _identity(entry: Mapping[str, Any]) -> Manager:
    operation = entry.get("operation", UPDATE)
    version = "" if operation == APPLY else entry.get("apiVersion", "")
    return Manager(entry.get("manager", ""), operation, version, entry.get("subresource", ""))


def _owned(entry: Mapping[str, Any], fields: FieldSet) -> Owned:
    return Owned(fields, entry.get("apiVersion", ""), entry.get("time") or "")


def encode(owners: Iterable[tuple[Manager, Owned]]) -> list[dict[str, Any]]:
    """The entries: appliers first, then by time, manager, version and subresource.

    A manager may be there twice, as writes to a scale leave it.
    """
    return [_entry(manager, owned) for manager, owned in sorted(owners, key=_order)]


def _order(entry: tuple[Manager, Owned]) -> tuple[str, ...]:
    manager, owned = entry
    return (manager.operation, owned.time, manager.name, owned.api_version, manager.subresource)


def _entry(manager: Manager, owned: Owned) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": owned.api_version,
        "time": owned.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": ordered(owned.fields),
    }
    if not owned.time:
        del entry["time"]
    if not manager.name:
        del entry["manager"]
    if manager.subresource:
        entry["subresource"] = manager.subresource
    return entry


def capped(managers: Managers) -> Managers:
    """The owners with the oldest updates put together until there are few enough."""
    updaters = [manager for manager in managers if manager.operation == UPDATE]
    if len(updaters) <= MAX_UPDATERS:
        return managers
    result = dict(managers)
    excess = len(updaters) - MAX_UPDATERS
    first_of_version: dict[str, Manager] = {}
    for manager in sorted(updaters, key=lambda updater: (managers[updater].time, _identifier(updater))):
        if excess == 0:
            break
        version = managers[manager].api_version
        first = first_of_version.setdefault(version, manager)
        if first is manager:
            continue
        bucket = Manager(ANCIENT, UPDATE, version)
        if bucket not in result:
            result[bucket] = result.pop(first)
        merged = result.pop(manager)
        fields = union(merged.fields, result[bucket].fields)
        # The time is that of the update put in last, because it is the more recent one.
        result[bucket] = Owned(fields, version, merged.time)
        excess -= 1
    return result


def _identifier(manager: Manager) -> tuple[str, ...]:
    return (manager.name, manager.operation, manager.api_version, manager.subresource)
