"""Conversions of constants, which the real server carries out where a rule is defined; some of them can't be.

Its compiler plans the arguments of a call before the call itself, and takes a conversion of a constant, of what type it
may be, for one itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from reconcilekit.testing.apiserver.crd.rules.expressions import Kind, Tree

Constant = tuple[str, object]
"""The name of its kind, and its value."""

_INTS: Final = range(-(1 << 63), 1 << 63)
_UINTS: Final = range(1 << 64)
_INT: Final = re.compile(r"[+-]?\d+", re.ASCII)
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class ConversionError(ValueError):
    """A constant can't be converted; its text is worded as the real server's."""


def folded(tree: Tree, kinds: Mapping[int, Kind]) -> Constant | None:
    """What a constant or a conversion of one comes to, None for what isn't known before a rule runs.

    Raises:
        ConversionError: a conversion fails.
    """
    if tree.form == "constant":
        return kinds.get(tree.number, Kind("dyn")).name, tree.value
    convert = _CONVERSIONS.get(tree.name) if tree.form == "call" and tree.target is None else None
    if convert is None or len(tree.parts) != 1:
        return None
    told = folded(tree.parts[0], kinds)
    return None if told is None else convert(*told)


def _to_int(kind: str, value: object) -> Constant | None:
    match value:
        case str() if kind == "string":
            number = int(value) if _INT.fullmatch(value) else None
            return "int", _within(_INTS, number, _mismatch("string", "int"))
        case float():
            # The greatest and the least ones are no doubles, and Go takes none that is rounded to them.
            is_within = math.isfinite(value) and -(2.0**63) < value < 2.0**63
            return "int", _within(_INTS, int(value) if is_within else None, "integer overflow")
        case int() if kind in ("int", "uint"):
            return "int", _within(_INTS, value, "integer overflow")
    return None


def _to_uint(kind: str, value: object) -> Constant | None:
    match value:
        case str() if kind == "string":
            number = int(value) if _INT.fullmatch(value) and value[0] not in "+-" else None
            return "uint", _within(_UINTS, number, _mismatch("string", "uint"))
        case float():
            is_within = math.isfinite(value) and 0 <= value < 2.0**64
            return "uint", _within(_UINTS, int(value) if is_within else None, "unsigned integer overflow")
        case int() if kind in ("int", "uint"):
            return "uint", _within(_UINTS, value, "unsigned integer overflow")
    return None


def _within(allowed: range, number: int | None, why: str) -> int:
    if number is None or number not in allowed:
        raise ConversionError(why)
    return number


def _to_double(kind: str, value: object) -> Constant | None:
    if kind in ("int", "uint", "double") and isinstance(value, (int, float)):
        return "double", float(value)
    if kind != "string" or not isinstance(value, str):
        return None
    try:
        number = float(value) if value.isascii() and value == value.strip() else None
    except ValueError:
        # Go reads hexadecimal ones, too.
        return None if "0x" in value.lower() else _fail("double")
    if number is None or (math.isinf(number) and "inf" not in value.lower()):
        return _fail("double")
    return "double", number


def _to_bool(kind: str, value: object) -> Constant | None:
    if kind == "bool":
        return "bool", value
    if kind != "string":
        return None
    return ("bool", value in _TRUE) if value in _TRUE | _FALSE else _fail("bool")


def _to_string(kind: str, value: object) -> Constant | None:
    match value:
        case str():
            return "string", value
        case bool():
            return "string", str(value).lower()
        case int() if kind in ("int", "uint"):
            return "string", str(value)
        case bytes() if kind == "bytes":
            try:
                return "string", value.decode()
            except UnicodeDecodeError as error:
                raise ConversionError("invalid UTF-8 in bytes, cannot convert to string") from error
    return None


def _to_bytes(kind: str, value: object) -> Constant | None:
    if kind == "bytes":
        return "bytes", value
    return ("bytes", value.encode()) if kind == "string" and isinstance(value, str) else None


def _fail(wanted: str) -> Constant:
    raise ConversionError(_mismatch("string", wanted))


def _mismatch(told: str, wanted: str) -> str:
    return f"type conversion error from '{told}' to '{wanted}'"


_CONVERSIONS: Final[Mapping[str, Callable[[str, object], Constant | None]]] = {
    "bool": _to_bool,
    "bytes": _to_bytes,
    "double": _to_double,
    "dyn": lambda kind, value: (kind, value),
    "int": _to_int,
    "string": _to_string,
    "uint": _to_uint,
}
