"""What is wrong with a version's printer columns, subresources, selectable fields and deprecation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconcilekit.testing.apiserver.crd.problems import child, duplicate, invalid, required, too_many
from reconcilekit.testing.apiserver.crd.rules.paths import PathError, resolve
from reconcilekit.testing.apiserver.status import Cause

MAX_SELECTABLE = 8
"""Selectable fields of a version."""

_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS: Final = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_MAX_WARNING = 256


def deprecation_causes(version: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """Of a version's deprecation."""
    told = version.get("deprecationWarning")
    if told is None:
        return
    problems = []
    if version.get("deprecated") is not True:
        problems = ["can only be set for deprecated versions"]
    else:
        if len(told.encode()) > _MAX_WARNING:
            problems.append("must be <= 256 characters long")
        if not told:
            problems.append("must not be an empty string")
        index = next((i for i, char in enumerate(told) if not char.isprintable()), -1)
        if index >= 0:
            where = len(told[:index].encode())
            what = "must only contain printable UTF-8 characters; non-printable character found at index"
            problems.append(f"{what} {where}")
    yield from (invalid(child(path, "deprecationWarning"), told, problem) for problem in problems)


def column_causes(column: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """Of a printer column."""
    if not column.get("name"):
        yield required(child(path, "name"))
    told, types = column.get("type") or "", f"must be one of {','.join(_COLUMN_TYPES)}"
    if not told:
        yield required(child(path, "type"), types)
    elif told not in _COLUMN_TYPES:
        yield invalid(child(path, "type"), told, types)
    told_format = column.get("format") or ""
    if told_format and told_format not in _COLUMN_FORMATS:
        yield invalid(child(path, "format"), told_format, f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not column.get("jsonPath"):
        yield required(child(path, "JSONPath"))
    else:
        yield from _path_causes(column["jsonPath"], child(path, "JSONPath"))


def subresource_causes(subresources: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """Of the status and scale subresources."""
    scale = subresources.get("scale")
    if scale is None:
        return
    for name, root in (("specReplicasPath", "spec"), ("statusReplicasPath", "status")):
        told, where = scale.get(name) or "", f"{path}.scale.{name}"
        if not told:
            yield required(where)
        elif found := list(_path_causes(told, where)):
            yield from found
        elif not told.startswith(f".{root}."):
            yield invalid(where, told, f"should be a json path under .{root}")
    selector, where = scale.get("labelSelectorPath") or "", f"{path}.scale.labelSelectorPath"
    if selector:
        found = list(_path_causes(selector, where))
        yield from found
        if not found and not selector.startswith((".spec.", ".status.")):
            yield invalid(where, selector, "should be a json path under either .spec or .status")


def _path_causes(path: str, where: str) -> Iterator[Cause]:
    if not path.startswith("."):
        yield invalid(where, path, "must be a simple json path starting with .")


def selectable_causes(
    fields: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None, path: str
) -> Iterator[Cause]:
    """Of the fields that field selectors may name."""
    if schema is None:
        yield invalid(path, "", "may only be set when `version.schema.openAPIV3Schema` is not included")
        return
    seen: set[str] = set()
    for i, field in enumerate(fields):
        told, where = field.get("jsonPath") or "", f"{path}[{i}].jsonPath"
        if not told:
            yield required(where)
            continue
        try:
            found = resolve(told, schema, allows_brackets=False)
        except PathError as error:
            yield invalid(where, told, f"is an invalid path: {error}")
            continue
        if found.parts[0] == "metadata":
            yield invalid(where, told, "must not point to fields in metadata")
        if found.schema.get("type") not in ("string", "boolean", "integer"):
            detail = (
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats "
                "are allowed."
            )
            yield invalid(where, told, detail)
        if found.text in seen:
            yield duplicate(where, told)
        seen.add(found.text)
    if len(seen) > MAX_SELECTABLE:
        yield too_many(path, len(seen), MAX_SELECTABLE)
