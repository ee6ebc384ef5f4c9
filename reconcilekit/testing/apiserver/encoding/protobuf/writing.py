"""From what an object is in JSON to protobuf, byte by byte as Go writes it: zeros are written, nothing is left out."""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.encoding.protobuf.encoding import DELIMITED, FIXED64, VARINT, tag, tagged, varint
from reconcilekit.testing.apiserver.encoding.protobuf.messages import Field, by_number
from reconcilekit.testing.apiserver.encoding.protobuf.values import WRITE

_Write = Callable[[Any], bytes]
_NUMBERS = {"i": VARINT, "b": VARINT, "f": FIXED64}
_NOTHING: Mapping[str, Any] = {}


def write(message: str, obj: Mapping[str, Any]) -> bytes:
    """An object as a message; fields that it doesn't have are left out."""
    return b"".join([write_field(obj) for write_field in _writers(message)])


def field_writer(message: str, name: str) -> Callable[[Mapping[str, Any]], bytes]:
    """Writes one field of an object."""
    return next(_writer(field) for field in by_number(message).values() if field.name == name)


@functools.cache
def _writers(message: str) -> tuple[Callable[[Mapping[str, Any]], bytes], ...]:
    return tuple(_writer(field) for field in by_number(message).values())


def _writer(field: Field) -> Callable[[Mapping[str, Any]], bytes]:
    write_one = _value_writer(field)
    prefix = tag(field.number, _NUMBERS.get(field.kind, DELIMITED))
    if field.is_inlined:
        return lambda obj: prefix + write_one(obj)
    if field.shape == "[]":
        return functools.partial(_write_list, field.name, prefix, write_one)
    if field.shape == "{}":
        return functools.partial(_write_map, field, prefix, write_one)
    is_optional = field.is_pointer or field.kind in "y@"
    return functools.partial(_write_single, field.name, prefix, write_one, is_optional)


def _write_single(name: str, prefix: bytes, write_one: _Write, is_optional: bool, obj: Mapping[str, Any]) -> bytes:
    value = obj.get(name)
    return b"" if value is None and is_optional else prefix + write_one(value)


def _write_list(name: str, prefix: bytes, write_one: _Write, obj: Mapping[str, Any]) -> bytes:
    values = obj.get(name)
    return b"".join([prefix + write_one(value) for value in values]) if values else b""


def _write_map(field: Field, prefix: bytes, write_one: _Write, obj: Mapping[str, Any]) -> bytes:
    values = obj.get(field.name)
    if not values:
        return b""
    before = tag(2, _NUMBERS.get(field.kind, DELIMITED))
    entries = (tagged(1, key.encode()) + before + write_one(value) for key, value in sorted(values.items()))
    return b"".join(prefix + varint(len(entry)) + entry for entry in entries)


def _value_writer(field: Field) -> _Write:
    """Writes a value without its tag; None is Go's zero."""
    match field.kind:
        case "i" | "b":
            return lambda value: varint(int(value or 0))
        case "f":
            return lambda value: struct.pack("<d", value or 0)
        case "#":
            return lambda value: _sized(write(field.of, value or _NOTHING))
        case "@":
            return lambda value: _sized(b"".join(tagged(1, item.encode()) for item in value or ()))
        case "!":
            special = WRITE[field.of]
            return lambda value: _sized(special(value))
        case "y":
            return lambda value: _sized(base64.b64decode(value or ""))
    return lambda value: _sized((value or "").encode())


def _sized(value: bytes) -> bytes:
    return varint(len(value)) + value
