"""Who owns which field: `managedFields`, and server-side apply on top of it (KEP-555).

The algorithms are those of sigs.k8s.io/structured-merge-diff, `merge/update.go`: an update takes what it changes away
from everybody else, an apply may take it only by force, and what an applier no longer names is removed if nobody else
owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.ownership.fields import (
    NO_FIELDS,
    FieldSet,
    ancestors,
    compare,
    decode_fields,
    encode_fields,
    leaves,
    merge,
    print_path,
    remove,
    without_unowned,
)
from reconcilekit.testing.apiserver.schema.shapes import Shape

APPLY = "Apply"
UPDATE = "Update"


@attrs.frozen(kw_only=True)
class Manager:
    """What tells one entry of managedFields from another; its time doesn't."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def __str__(self) -> str:
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == UPDATE:
            text += f" using {self.api_version}"
        return text


@attrs.frozen(kw_only=True)
class Ownership:
    """What one manager owns."""

    fields: FieldSet
    time: str


Managers = dict[Manager, Ownership]


def decode_managers(entries: Iterable[Mapping[str, Any]]) -> Managers:
    """The owners out of `metadata.managedFields`."""
    managers: Managers = {}
    for entry in entries:
        if not entry:
            continue
        manager = Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", UPDATE),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
        )
        fields = frozenset(decode_fields(entry.get("fieldsV1") or {}))
        known = managers.get(manager)
        managers[manager] = Ownership(fields=fields | known.fields if known else fields, time=entry.get("time", ""))
    return managers


def encode_managers(managers: Managers) -> list[dict[str, Any]]:
    """`metadata.managedFields`: appliers first, then by time and name."""
    ordered = sorted(managers.items(), key=lambda entry: (entry[0].operation, entry[1].time, entry[0].name))
    return [_encode_entry(manager, owned) for manager, owned in ordered]


def _encode_entry(manager: Manager, owned: Ownership) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": owned.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode_fields(owned.fields),
    }
    if manager.subresource:
        entry["subresource"] = manager.subresource
    return entry


def fields_by_manager(managers: Managers) -> dict[Manager, FieldSet]:
    """The ownership without its times: what a no-op leaves as it is."""
    return {manager: owned.fields for manager, owned in managers.items()}


def track_update(
    live: Mapping[str, Any], new: Mapping[str, Any], managers: Managers, manager: Manager, *, shape: Shape, time: str
) -> Managers:
    """The owners after an update (POST, PUT or patch) from `live` to `new`."""
    difference = compare(live, new, shape)
    changed = without_unowned(difference.changed)
    lost = changed | difference.removed
    after = _take(managers, lost, but=manager)
    mine = managers.get(manager)
    owned = ((mine.fields if mine else NO_FIELDS) | changed) - difference.removed
    after.pop(manager, None)
    if owned:
        same = mine is not None and owned == mine.fields and not changed
        after[manager] = Ownership(fields=owned, time=mine.time if same and mine else time)
    return after


def apply_config(
    live: Mapping[str, Any],
    config: Mapping[str, Any],
    managers: Managers,
    manager: Manager,
    *,
    shape: Shape,
    time: str,
    force: bool,
) -> tuple[dict[str, Any], Managers]:
    """What an apply makes of the live object, and who owns it then.

    Args:
        live: the object as it is, {} for none; never changed.
        config: what is applied, without managedFields.
        managers: the owners so far.
        manager: who applies.
        shape: how the kind's fields merge.
        time: for the entry, if it changes.
        force: take what others own, instead of failing.

    Raises:
        StatusError: 409, with the conflicts.
    """
    wanted = without_unowned(leaves(config, shape))
    mine = managers.get(manager)
    new = merge(live, config, shape)
    if mine is not None:
        new = _prune(new, mine.fields, wanted, managers, manager, shape)
    difference = compare(live, new, shape)
    changed = without_unowned(difference.changed)
    conflicts = _conflicts(managers, changed, manager)
    if conflicts and not force:
        raise _conflict_error(conflicts)
    after = _take(managers, changed | difference.removed, but=manager)
    same = mine is not None and mine.fields == wanted and not changed and not difference.removed
    after[manager] = Ownership(fields=wanted, time=mine.time if same and mine else time)
    return new, after


def _prune(
    new: dict[str, Any], last: FieldSet, wanted: FieldSet, managers: Managers, manager: Manager, shape: Shape
) -> dict[str, Any]:
    others: set[tuple[str, ...]] = set()
    for other, owned in managers.items():
        if other != manager:
            others |= owned.fields
    kept = others | wanted
    # A field inside holds its container, but not the item of a keyed list: that one needs an owner of its own.
    containers = {path for path in ancestors(kept) if not path[-1].startswith("k:")}
    gone = last - kept - containers
    if not gone:
        return new
    pruned: dict[str, Any] = remove(new, set(gone), shape)
    return pruned


def _take(managers: Managers, fields: set[tuple[str, ...]] | FieldSet, *, but: Manager) -> Managers:
    after: Managers = {}
    for manager, owned in managers.items():
        if manager == but or owned.fields.isdisjoint(fields):
            after[manager] = owned
        elif rest := owned.fields - fields:
            after[manager] = attrs.evolve(owned, fields=rest)
    return after


def _conflicts(managers: Managers, changed: FieldSet, manager: Manager) -> list[tuple[Manager, tuple[str, ...]]]:
    return [
        (other, path)
        for other, owned in sorted(managers.items(), key=lambda entry: str(entry[0]))
        if other != manager
        for path in sorted(owned.fields & changed)
    ]


def _conflict_error(conflicts: list[tuple[Manager, tuple[str, ...]]]) -> status.StatusError:
    causes = [
        status.Cause(
            reason="FieldManagerConflict", message=f"conflict with {manager}", field=print_path(path)
        ).encoded()
        for manager, path in conflicts
    ]
    return status.StatusError(409, _conflict_message(conflicts), reason="Conflict", details={"causes": causes})


def _conflict_message(conflicts: list[tuple[Manager, tuple[str, ...]]]) -> str:
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {manager}: {print_path(path)}"
    by_manager: dict[str, list[str]] = {}
    for manager, path in conflicts:
        by_manager.setdefault(str(manager), []).append(f"- {print_path(path)}")
    blocks = [f"conflicts with {manager}:\n" + "\n".join(paths) for manager, paths in sorted(by_manager.items())]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(blocks)
