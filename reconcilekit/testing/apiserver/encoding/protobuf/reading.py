"""From protobuf to what the same object is in JSON."""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable, Iterator
from typing import Any

from reconcilekit.testing.apiserver.encoding.protobuf.encoding import (
    MalformedMessageError,
    numbers,
    read_varint,
    signed,
)
from reconcilekit.testing.apiserver.encoding.protobuf.messages import Field, fields
from reconcilekit.testing.apiserver.encoding.protobuf.values import READ

_Read = Callable[[Any], Any]


def read(message: str, data: bytes) -> dict[str, Any]:
    """A message as an object; what comes twice is merged, as the format asks.

    Raises:
        MalformedMessageError: it is cut off, or holds what doesn't fit its fields.
    """
    met: dict[int, list[int | bytes]] = {}
    for number, value in numbers(data):
        met.setdefault(number, []).append(value)
    decoded: dict[str, Any] = {}
    for field, read_one in _readers(message):
        if values := met.get(field.number):
            _take(decoded, field, read_one, values)
    return decoded


@functools.cache
def _readers(message: str) -> tuple[tuple[Field, _Read], ...]:
    return tuple((field, _reader(field)) for field in fields(message))


def _reader(field: Field) -> _Read:
    match field.kind:
        case "#":
            return lambda value: read(field.of, _delimited(field, value))
        case "@":
            return _strings
        case "!":
            special = READ[field.of]
            return lambda value: special(_delimited(field, value))
        case "i":
            return lambda value: signed(_number(field, value))
        case "b":
            return lambda value: _number(field, value) != 0
        case "f":
            return lambda value: _float(field, value)
        case "y":
            return lambda value: base64.b64encode(_delimited(field, value)).decode()
    return lambda value: _delimited(field, value).decode(errors="replace")


def _take(decoded: dict[str, Any], field: Field, read_one: _Read, values: list[Any]) -> None:
    if field.shape == "[]":
        decoded[field.name] = [read_one(value) for value in _unpacked(field, values)]
    elif field.shape == "{}":
        decoded[field.name] = dict(_entry(field, value, read_one) for value in values)
    else:
        joined = field.kind in "#@!" and len(values) > 1
        found = read_one(b"".join(_delimited(field, value) for value in values) if joined else values[-1])
        if field.is_inlined:
            decoded.update(found)
        # Go leaves out no struct, however empty.
        elif found is not None and (found or field.is_pointer or field.kind in "#!" or not field.omits_empty):
            decoded[field.name] = found


def _unpacked(field: Field, values: list[Any]) -> Iterator[Any]:
    """A list's values; numbers may come in one piece."""
    for value in values:
        if field.kind in "ib" and isinstance(value, bytes):
            position = 0
            while position < len(value):
                one, position = read_varint(value, position)
                yield one
        else:
            yield value


def _entry(field: Field, value: Any, read_one: _Read) -> tuple[str, Any]:
    parts = dict(numbers(_delimited(field, value)))
    key = parts.get(1, b"")
    return _delimited(field, key).decode(errors="replace"), read_one(parts.get(2, b""))


def _strings(value: Any) -> list[str]:
    return [bytes(item).decode(errors="replace") for number, item in numbers(bytes(value)) if number == 1]


def _delimited(field: Field, value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise MalformedMessageError(f"proto: wrong wireType = 0 for field {_go_name(field)}")
    return value


def _number(field: Field, value: Any) -> int:
    if not isinstance(value, int):
        raise MalformedMessageError(f"proto: wrong wireType = 2 for field {_go_name(field)}")
    return value


def _float(field: Field, value: Any) -> float:
    if not isinstance(value, bytes) or len(value) != struct.calcsize("<d"):
        raise MalformedMessageError(f"proto: wrong wireType = 0 for field {_go_name(field)}")
    found: float = struct.unpack("<d", value)[0]
    return found


def _go_name(field: Field) -> str:
    return "ObjectMeta" if field.of.endswith(".ObjectMeta") else field.name[:1].upper() + field.name[1:]
