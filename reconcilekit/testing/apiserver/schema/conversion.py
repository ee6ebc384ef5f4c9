"""Maps made into Go structs without JSON, as the real server reads what strategic patches and applies come to.

Its converter goes by the structs' fields, ends at the first mistake, and has words and rules of its own: a float that
is whole is taken for an integer, whose range nobody looks at.
"""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.schema import scalars
from reconcilekit.testing.apiserver.schema.definitions import GoType, definition
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

_KINDS = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice", dict: "map"}
_BITS = {"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64}


def converted(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A map as the reader of a struct takes it; fields that the struct hasn't stay.

    Args:
        value: the map.
        name: the struct's name in OpenAPI.

    Raises:
        DecodeError: a value doesn't fit, in the converter's words.
    """
    result = dict(value)
    for key, field in definition(name).fields.items():
        if result.get(key) is not None:
            result[key] = _value(result[key], field.type)
    return result


def _value(value: Any, go_type: GoType) -> Any:
    found = _KINDS[type(value)]
    match go_type.form:
        case "struct":
            if not isinstance(value, dict):
                raise DecodeError(f"cannot restore struct from: {found}")
            return converted(value, go_type.base)
        case "list":
            if not isinstance(value, list):
                raise DecodeError(f"cannot restore slice from {found}")
            return [item if item is None else _value(item, _item(go_type)) for item in value]
        case "map":
            if not isinstance(value, dict):
                raise DecodeError(f"cannot restore map from {found}")
            return {key: item if item is None else _value(item, _item(go_type)) for key, item in value.items()}
        case "special":
            return _special(value, go_type.base, found)
    return _scalar(value, go_type)


def _item(go_type: GoType) -> GoType:
    assert go_type.item is not None
    return go_type.item


def _special(value: Any, base: str, found: str) -> Any:
    if base == "Bytes":
        if isinstance(value, list):
            return [0 if item is None else _byte(item) for item in value]
        if not isinstance(value, str):
            raise DecodeError(f"cannot restore slice from {found}")
        try:
            return scalars.SPECIAL[base](value)
        except DecodeError as error:
            raise DecodeError(f"error decoding from json: {error}") from error
    if isinstance(value, float) and value.is_integer():
        # It goes through JSON after all, where a float that is whole has no point.
        value = int(value)
    scalars.SPECIAL.get(base, scalars.anything)(value)
    return value


def _byte(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value & 255
    if isinstance(value, float):
        if value.is_integer():
            return int(value) & 255
        raise DecodeError("cannot convert float64 to uint8")
    raise DecodeError("unrecognized type: uint8")


def _scalar(value: Any, go_type: GoType) -> Any:
    base = go_type.base
    if type(value) is {"string": str, "bool": bool}.get(base):
        return value
    if base in _BITS and isinstance(value, int) and not isinstance(value, bool):
        half = 1 << (_BITS[base] - 1)
        return (value + half) % (2 * half) - half
    if base.startswith("float") and type(value) in (int, float):
        return float(value)
    if base in _BITS and isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise DecodeError(f"cannot convert float64 to {go_type.name}")
    if base == "string" and type(value) is int:
        raise DecodeError(f"cannot convert int64 to {go_type.name}")
    raise DecodeError(f"unrecognized type: {base}")
