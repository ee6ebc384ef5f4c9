"""The order in which Go writes an object's fields: a struct's as they are declared, a map's by their names."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.definitions import GoType, definition


def in_go_order(obj: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object as Go writes it.

    Args:
        obj: the object; it isn't changed.
        name: its struct, by its name in OpenAPI; "" for a custom kind, which is a map with maps in it.
    """
    return _struct(obj, name) if name else _map(obj, None)


def _struct(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    ranks = _ranks(name)
    known = [key for key in value if key in ranks]
    known.sort(key=ranks.__getitem__)
    if len(known) < len(value):
        known += [key for key in value if key not in ranks]
    fields = definition(name).fields
    return {key: _value(value[key], fields[key].type if key in ranks else None) for key in known}


@functools.cache
def _ranks(name: str) -> dict[str, int]:
    return {field: rank for rank, field in enumerate(definition(name).fields)}


def _value(value: Any, go_type: GoType | None) -> Any:
    if go_type is not None and go_type.form == "special":
        # Such as managedFields' sets, which are written as they are.
        return value
    if isinstance(value, dict):
        if go_type is not None and go_type.form == "struct":
            return _struct(value, go_type.base)
        return _map(value, None if go_type is None else go_type.item)
    if isinstance(value, list):
        item_type = None if go_type is None else go_type.item
        return [_value(item, item_type) for item in value]
    return value


def _map(value: Mapping[str, Any], item_type: GoType | None) -> dict[str, Any]:
    return {name: _value(value[name], item_type) for name in sorted(value)}
