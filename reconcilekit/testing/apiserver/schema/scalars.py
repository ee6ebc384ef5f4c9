"""Single values as Go reads and writes them: numbers in their ranges, times, quantities, base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from reconcilekit.testing.apiserver.go_text import json_type
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


_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_PARTS = (
    (re.compile(r"\d{4}"), "2006"),
    (re.compile(r"-"), "-"),
    (re.compile(r"\d{2}"), "01"),
    (re.compile(r"-"), "-"),
    (re.compile(r"\d{2}"), "02"),
    (re.compile(r"T"), "T"),
    (re.compile(r"\d{2}"), "15"),
    (re.compile(r":"), ":"),
    (re.compile(r"\d{2}"), "04"),
    (re.compile(r":"), ":"),
    (re.compile(r"\d{2}(\.\d+)?"), "05"),
)
_FRACTION = re.compile(r"\.\d{6}")
_ZONE = re.compile(r"Z|[+-]\d{2}:\d{2}")


def _time(value: Any) -> str:
    moment = _moment(value, _LAYOUT, ())
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: Any) -> str:
    moment = _moment(value, _MICRO_LAYOUT, ((_FRACTION, ".000000"),))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(value: Any, layout: str, more: tuple[tuple[re.Pattern[str], str], ...]) -> datetime:
    if type(value) is not str:
        raise TypeMismatchError(json_type(value), "string")
    seconds = (re.compile(r"\d{2}"), "05") if more else _PARTS[-1]
    at = 0
    for pattern, shown in (*_PARTS[:-1], seconds, *more, (_ZONE, "Z07:00")):
        found = pattern.match(value, at)
        if found is None:
            raise DecodeError(f'parsing time "{value}" as "{layout}": cannot parse "{value[at:]}" as "{shown}"')
        at = found.end()
    if at < len(value):
        raise DecodeError(f'parsing time "{value}": extra text: "{value[at:]}"')
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError as error:
        raise DecodeError(f'parsing time "{value}": {_out_of_range(value)} out of range') from error


def _out_of_range(value: str) -> str:
    if not 1 <= int(value[5:7]) <= 12:
        return "month"
    if int(value[11:13]) > 23:
        return "hour"
    if int(value[14:16]) > 59:
        return "minute"
    return "second" if int(value[17:19]) > 59 else "day"


SPECIAL: Mapping[str, Callable[[Any], Any]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Bytes": _bytes,
}
"""The types that read their JSON themselves, by name; the others take anything."""
