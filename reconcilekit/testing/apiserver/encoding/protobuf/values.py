"""Go types that have a form of their own in JSON: times, quantities, numbers or strings, and what is JSON itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from reconcilekit.testing.apiserver.encoding.protobuf.encoding import (
    MalformedMessageError,
    counted,
    numbers,
    signed,
    tagged,
)
from reconcilekit.testing.apiserver.go_times import NANOSECONDS, read_duration, stored_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(data: bytes) -> str | None:
    moment = _moment(data)
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


def _micro_time(data: bytes) -> str | None:
    moment = _moment(data)
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _moment(data: bytes) -> datetime | None:
    if not data:
        return None
    parts = dict(numbers(data))
    try:
        return _EPOCH + timedelta(seconds=_int(parts.get(1, 0)), microseconds=_int(parts.get(2, 0)) // 1000)
    except OverflowError as error:
        raise MalformedMessageError("Time.MarshalJSON: year outside of range [0,9999]") from error


def _write_time(value: Any) -> bytes:
    return _write_moment(value, precision=0)


def _write_micro_time(value: Any) -> bytes:
    return _write_moment(value, precision=1)


def _write_moment(value: Any, *, precision: int) -> bytes:
    if value is None:
        return b""
    time = stored_time(value)
    return counted(1, time.seconds) + counted(2, time.rest.microsecond * 1000 * precision)


def _duration(data: bytes) -> str:
    total = _int(dict(numbers(data)).get(1, 0))
    sign, left = ("-", -total) if total < 0 else ("", total)
    if left < 10**9:
        unit = next(unit for unit in ("ms", "µs", "ns") if left >= NANOSECONDS[unit] or unit == "ns")
        return "0s" if not left else f"{sign}{_decimal(left, NANOSECONDS[unit])}{unit}"
    minutes, seconds = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    told = f"{_decimal(seconds, 10**9)}s"
    if left >= NANOSECONDS["m"]:
        told = f"{minutes}m{told}"
    return f"{sign}{hours}h{told}" if hours else f"{sign}{told}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".")


def _write_duration(value: Any) -> bytes:
    return counted(1, read_duration(value) if value else 0)


def _quantity(data: bytes) -> str:
    return _text(dict(numbers(data)).get(1, b"0"))


def _write_quantity(value: Any) -> bytes:
    return tagged(1, str("0" if value is None else value).encode())


def _int_or_string(data: bytes) -> int | str:
    parts = dict(numbers(data))
    return _text(parts.get(3, b"")) if parts.get(1) else _int(parts.get(2, 0))


def _write_int_or_string(value: Any) -> bytes:
    is_text = isinstance(value, str)
    number, text = (0, value) if is_text else (value or 0, "")
    return counted(1, int(is_text)) + counted(2, number) + tagged(3, text.encode())


def _json(data: bytes) -> Any:
    raw = dict(numbers(data)).get(1)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(bytes(raw)) if isinstance(raw, bytes) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessageError(f"json: {error}") from error


def _write_json(value: Any) -> bytes:
    return b"" if value is None else tagged(1, msgspec.json.encode(value))


_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


def _schema(data: Any) -> dict[str, Any]:
    from reconcilekit.testing.apiserver.encoding.protobuf.reading import read

    return read(_SCHEMA, data)


def _write_schema(value: dict[str, Any]) -> bytes:
    from reconcilekit.testing.apiserver.encoding.protobuf.writing import write

    return write(_SCHEMA, value)


def _schema_or_bool(data: bytes) -> Any:
    parts = dict(numbers(data))
    return _schema(parts[2]) if 2 in parts else bool(parts.get(1, 0))


def _write_schema_or_bool(value: Any) -> bytes:
    if isinstance(value, dict):
        return counted(1, 1) + tagged(2, _write_schema(value))
    return counted(1, int(bool(value)))


def _schema_or_list(data: bytes) -> Any:
    parts = list(numbers(data))
    if any(number == 2 for number, _ in parts):
        return [_schema(value) for number, value in parts if number == 2]
    return _schema(dict(parts)[1]) if parts else None


def _write_schema_or_list(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(tagged(2, _write_schema(item)) for item in value)
    return b"" if value is None else tagged(1, _write_schema(value))


def _schema_or_strings(data: bytes) -> Any:
    parts = list(numbers(data))
    if any(number == 2 for number, _ in parts):
        return [_text(value) for number, value in parts if number == 2]
    return _schema(dict(parts)[1]) if parts else None


def _write_schema_or_strings(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(tagged(2, item.encode()) for item in value)
    return b"" if value is None else tagged(1, _write_schema(value))


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise MalformedMessageError("proto: wrong wireType = 2 for a number")
    return signed(value)


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise MalformedMessageError("proto: wrong wireType = 0 for a string")
    return value.decode(errors="replace")


READ: Mapping[str, Callable[[bytes], Any]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Duration": _duration,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "RawExtension": _json,
    "FieldsV1": _json,
    "JSON": _json,
    "JSONSchemaPropsOrBool": _schema_or_bool,
    "JSONSchemaPropsOrArray": _schema_or_list,
    "JSONSchemaPropsOrStringArray": _schema_or_strings,
}
"""What each type's message is in JSON; None is null."""

WRITE: Mapping[str, Callable[[Any], bytes]] = {
    "Time": _write_time,
    "MicroTime": _write_micro_time,
    "Duration": _write_duration,
    "Quantity": _write_quantity,
    "IntOrString": _write_int_or_string,
    "RawExtension": _write_json,
    "FieldsV1": _write_json,
    "JSON": _write_json,
    "JSONSchemaPropsOrBool": _write_schema_or_bool,
    "JSONSchemaPropsOrArray": _write_schema_or_list,
    "JSONSchemaPropsOrStringArray": _write_schema_or_strings,
}
"""The other way round; None is what Go has before anybody sets it."""
