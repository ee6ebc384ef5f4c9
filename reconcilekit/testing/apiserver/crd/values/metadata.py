"""The metadata of custom objects and of the resources embedded in them, read as Go reads it into its struct."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconcilekit.testing.apiserver.go_text import json_type

_STRINGS = ("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion")
_INTEGERS = ("generation", "deletionGracePeriodSeconds")
_TIMES = ("creationTimestamp", "deletionTimestamp")
_OWNER_FIELDS: Final = {
    "apiVersion": "string",
    "kind": "string",
    "name": "string",
    "uid": "string",
    "controller": "bool",
    "blockOwnerDeletion": "bool",
}
_MANAGER_FIELDS = ("manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource")
_GO_TYPES: Final = {"uid": "types.UID"}


def problem(metadata: object) -> str:
    """Why Go can't read it, "" if it can."""
    if metadata is None:
        return ""
    if not isinstance(metadata, dict):
        return f"json: cannot unmarshal {json_type(metadata)} into Go value of type v1.ObjectMeta"
    for name, value in metadata.items():
        check = _FIELDS.get(name)
        if check is not None and value is not None and (found := check(name, value)):
            return found
    return ""


def settled(metadata: dict[str, Any], path: str) -> tuple[dict[str, Any], list[str]]:
    """What Go keeps of it: no unknown fields, nothing empty; and the paths of what is unknown."""
    unknown = [f"{path}.{name}" for name in metadata if name not in _FIELDS]
    kept = {name: value for name, value in metadata.items() if name in _FIELDS and value not in _EMPTY}
    if owners := kept.get("ownerReferences"):
        for i, owner in enumerate(owners):
            unknown += [f"{path}.ownerReferences[{i}].{name}" for name in owner if name not in _OWNER_FIELDS]
        if any(name not in _OWNER_FIELDS for owner in owners for name in owner):
            known = [{name: owner[name] for name in owner if name in _OWNER_FIELDS} for owner in owners]
            kept["ownerReferences"] = known
    return (metadata, unknown) if len(kept) == len(metadata) and not unknown else (kept, unknown)


_EMPTY: Final[tuple[object, ...]] = (None, "", 0, {}, [])


def without_malformed(metadata: dict[str, Any]) -> dict[str, Any]:
    """It without the fields that Go can't read: what the server does to what it stored itself."""
    return {name: value for name, value in metadata.items() if not problem({name: value})}


def _mismatch(field: str, value: object, wanted: str) -> str:
    found = json_type(value)
    if found == "number" and not isinstance(value, int):
        found = f"number {value}"
    return f"json: cannot unmarshal {found} into Go struct field ObjectMeta.{field} of type {wanted}"


def _string(name: str, value: object) -> str:
    return "" if isinstance(value, str) else _mismatch(name, value, _GO_TYPES.get(name, "string"))


def _integer(name: str, value: object) -> str:
    return "" if type(value) is int else _mismatch(name, value, "int64")


def _time(name: str, value: object) -> str:
    if not isinstance(value, str):
        return f"json: cannot unmarshal {json_type(value)} into Go value of type string"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
        return ""
    return f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'


def _string_map(name: str, value: object) -> str:
    if not isinstance(value, dict):
        return _mismatch(name, value, "map[string]string")
    wrong = next((item for item in value.values() if not isinstance(item, str) and item is not None), None)
    return "" if wrong is None else _mismatch(name, wrong, "string")


def _string_list(name: str, value: object) -> str:
    if not isinstance(value, list):
        return _mismatch(name, value, "[]string")
    wrong = next((item for item in value if not isinstance(item, str) and item is not None), None)
    return "" if wrong is None else _mismatch(name, wrong, "string")


def _owners(name: str, value: object) -> str:
    if not isinstance(value, list):
        return _mismatch(name, value, "[]v1.OwnerReference")
    for owner in value:
        if not isinstance(owner, dict):
            return _mismatch(name, owner, "v1.OwnerReference")
        for field, wanted in _OWNER_FIELDS.items():
            found = owner.get(field)
            if found is not None and json_type(found) != wanted:
                go_type = _GO_TYPES.get(field, wanted)
                inner = f"OwnerReference.ownerReferences.{field}"
                return f"json: cannot unmarshal {json_type(found)} into Go struct field {inner} of type {go_type}"
    return ""


def _managers(name: str, value: object) -> str:
    if not isinstance(value, list):
        return _mismatch(name, value, "[]v1.ManagedFieldsEntry")
    wrong = next((entry for entry in value if not isinstance(entry, dict)), None)
    return "" if wrong is None else _mismatch(name, wrong, "v1.ManagedFieldsEntry")


_FIELDS: Final[Mapping[str, Callable[[str, object], str]]] = {
    **dict.fromkeys(_STRINGS, _string),
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_TIMES, _time),
    "labels": _string_map,
    "annotations": _string_map,
    "finalizers": _string_list,
    "ownerReferences": _owners,
    "managedFields": _managers,
}
