"""How large values can get, as their schemas say, or as a request can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver.crd.rules.types import escaped, with_meta

MAX_REQUEST: Final = 3 * 1024 * 1024
"""Bytes of a request, which no value is larger than."""

_MAX_STRING: Final = MAX_REQUEST - 2

_STRINGS: Final[Mapping[str, tuple[int, int]]] = {"duration": (3, 32), "date": (12, 12), "date-time": (21, 32)}
"""Formats of strings: the least bytes in JSON, and the most characters."""


@attrs.frozen(kw_only=True)
class Bounds:
    """What a schema says of its values' sizes.

    Attributes:
        most: items, entries, or bytes of a string.
        least_bytes: in JSON.
        inner: of the items, or of a map's values.
        fields: of an object, by their escaped names.
        is_map: its keys are strings of any length.
    """

    most: int = 0
    least_bytes: int = 1
    inner: Bounds | None = None
    fields: Mapping[str, Bounds] = attrs.field(factory=dict)
    is_map: bool = False

    def at(self, path: Sequence[str]) -> int | None:
        """The most that is at a path, None where that isn't known."""
        found = self
        for name in path:
            below = found._below(name)
            if below is None:
                return None
            found = below
        return found.most

    def _below(self, name: str) -> Bounds | None:
        if name in ("@items", "@values"):
            return self.inner
        if name == "@keys":
            return Bounds() if self.is_map else None
        return self.fields.get(name)


def bounds_of(schema: Mapping[str, Any] | None, *, is_root: bool = False) -> Bounds | None:
    """The bounds of a schema, None where rules see nothing of it."""
    if schema is None:
        return None
    if schema.get("x-kubernetes-int-or-string") is True:
        return Bounds(most=_length(schema))
    if is_root or schema.get("x-kubernetes-embedded-resource") is True:
        schema = with_meta(schema)
    match schema.get("type"):
        case "array":
            return _list(schema)
        case "object":
            additional = schema.get("additionalProperties")
            return _map(schema, additional) if isinstance(additional, Mapping) else _object(schema)
        case "string":
            return _string(schema)
        case "boolean":
            return Bounds(least_bytes=4)
        case "number" | "integer":
            return Bounds()
    return None


def cardinality(schema: Mapping[str, Any]) -> int | None:
    """How often what is directly below a schema can be there, None where the schema doesn't say."""
    told: int | None = 1
    if schema.get("type") == "array":
        told = schema.get("maxItems")
    elif schema.get("type") == "object" and schema.get("additionalProperties") is not None:
        told = schema.get("maxProperties")
    return None if told is None else max(told, 0)


def _list(schema: Mapping[str, Any]) -> Bounds | None:
    inner = bounds_of(schema.get("items"))
    if inner is None:
        return None
    told = schema.get("maxItems")
    return Bounds(
        most=max(told, 0) if told is not None else _MAX_STRING // (inner.least_bytes + 1), least_bytes=2, inner=inner
    )


def _map(schema: Mapping[str, Any], additional: Mapping[str, Any]) -> Bounds | None:
    inner = bounds_of(additional)
    if inner is None:
        return None
    told = schema.get("maxProperties")
    most = max(told, 0) if told is not None else _MAX_STRING // (inner.least_bytes + 6)
    return Bounds(most=most, least_bytes=2, inner=inner, is_map=True)


def _object(schema: Mapping[str, Any]) -> Bounds:
    fields, least, wanted = {}, 2, schema.get("required") or ()
    for name, sub in (schema.get("properties") or {}).items():
        found = bounds_of(sub)
        if found is None:
            continue
        if (field := escaped(name)) is not None:
            fields[field] = found
        if name in wanted and sub.get("default") is None:
            least += len(name.encode()) + found.least_bytes + 4
    return Bounds(least_bytes=least, fields=fields)


def _string(schema: Mapping[str, Any]) -> Bounds:
    told_format = schema.get("format") or ""
    if told_format in _STRINGS:
        least, most = _STRINGS[told_format]
        return Bounds(most=most, least_bytes=least)
    if told_format == "byte":
        told = schema.get("maxLength")
        return Bounds(most=_MAX_STRING if told is None else max(told, 0), least_bytes=2)
    if schema.get("maxLength") is None and (choices := schema.get("enum")):
        most = max((len(choice.encode()) for choice in choices if isinstance(choice, str)), default=0)
        return Bounds(most=most, least_bytes=2)
    return Bounds(most=_length(schema), least_bytes=2)


def _length(schema: Mapping[str, Any]) -> int:
    """Bytes: the schema counts characters, which take up to four."""
    told = schema.get("maxLength")
    return _MAX_STRING if told is None else max(told, 0) * 4
