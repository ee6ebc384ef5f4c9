"""Single values as Go reads and writes them: numbers in their ranges, times, quantities, base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver import go_times
from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.go_times import GoTime, GoTimeError
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError, TypeMismatchError
from reconcilekit.testing.apiserver.schema.quantities import canonical_quantity

ZEROS: Mapping[str, object] = {"string": "", "bool": False, "int32": 0, "int64": 0, "Bytes": "", "Quantity": "0"}
"""What a null in a map comes to."""

_BITS = {"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UNSIGNED_BITS = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}


def plain(base: str, name: str) -> Callable[[Any], Any]:
    """The reader of a plain type, which messages call `name`."""
    if base in _BITS:
        half = 1 << (_BITS[base] - 1)
        return _integer(name, -half, half - 1)
    if base in _UNSIGNED_BITS:
        return _integer(name, 0, (1 << _UNSIGNED_BITS[base]) - 1)
    wanted: tuple[type, ...] = {"string": (str,), "bool": (bool,)}.get(base, (int, float))

    def read(value: Any) -> Any:
        if type(value) in wanted:
            return value
        raise TypeMismatchError(json_type(value), name)

    return read


def _integer(name: str, least: int, most: int) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is int and least <= value <= most:
            return value
        found = json_type(value)
        raise TypeMismatchError(f"{found} {value}" if found == "number" else found, name)

    return read


def anything(value: Any) -> Any:
    """Whatever it is: a type that reads its JSON itself and takes all."""
    return value


_INT32 = _integer("int32", -(1 << 31), (1 << 31) - 1)


def _int_or_string(value: Any) -> Any:
    return value if type(value) is str else _INT32(value)


def _quantity(value: Any) -> str:
    if type(value) is int or type(value) is float:
        value = str(value)
    return canonical_quantity(value)


def whole_millis(value: Any) -> str:
    """A quantity of a resource, rounded up to the milli."""
    return canonical_quantity(_quantity(value), rounds_to_milli=True)


_BYTE = _integer("uint8", 0, 255)


def _bytes(value: Any) -> str:
    if type(value) is list:
        return base64.b64encode(bytes(0 if item is None else _BYTE(item) for item in value)).decode()
    if type(value) is not str:
        raise TypeMismatchError(json_type(value), "[]uint8")
    if value.isascii() and len(value) % 4 == 0 and not value.endswith("==="):
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            pass
        else:
            return value
    text = value.replace("\n", "").replace("\r", "")
    bad = re.search(r"[^A-Za-z0-9+/]", text)
    at = bad.start() if bad else len(text) // 4 * 4
    if bad or len(text) % 4:
        raise DecodeError(f"illegal base64 data at input byte {at}")
    return text


def _time(value: Any) -> str | None:
    time = _read_time(value, go_times.SECONDS)
    return None if time.is_zero else time.text()


def _micro_time(value: Any) -> str | None:
    time = _read_time(value, go_times.MICROS)
    return None if time.is_zero else time.text(has_micros=True)


def _read_time(value: Any, layout: str) -> GoTime:
    if type(value) is not str:
        raise TypeMismatchError(json_type(value), "string")
    try:
        return go_times.read_time(value, layout)
    except GoTimeError as error:
        raise DecodeError(str(error)) from error


SPECIAL: Mapping[str, Callable[[Any], Any]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Bytes": _bytes,
}
"""The types that read their JSON themselves, by name; the others take anything."""
