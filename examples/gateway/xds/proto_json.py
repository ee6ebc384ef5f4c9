"""Proto-JSON to protobuf's wire format, by the field tables of the generated classes but without their objects.

The generated classes validate a message and everything below it each time one of its parents is encoded, which costs
2.5 ms a route; written straight from the JSON it is an eightieth of that, and an error names the place in the document.

Sources: https://protobuf.dev/programming-guides/encoding/ and https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import re
import reprlib
import struct
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs
import betterproto2

from .messages import AnyMessage, EncodingError, class_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Encode = Callable[[Any], bytes]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_FORMATS = {
    "fixed32": ("<I", _FIXED32),
    "sfixed32": ("<i", _FIXED32),
    "float": ("<f", _FIXED32),
    "fixed64": ("<Q", _FIXED64),
    "sfixed64": ("<q", _FIXED64),
    "double": ("<d", _FIXED64),
}


class _PlacedError(ValueError):
    """A value that doesn't fit, with the way to it; becomes an `EncodingError` at the top."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place: list[str] = []


def encode_proto_json(key: str, value: Mapping[str, Any], type_url: str) -> bytes:
    """Encode proto-JSON as a message of `type_url`.

    Args:
        key: what to call it in an error.
        value: proto-JSON, field names in either form; its own ``@type`` may be absent.
        type_url: the message's type.

    Raises:
        EncodingError: with the key, the place inside and what is wrong there.
    """
    try:
        return _encode_message(class_of(type_url), {k: v for k, v in value.items() if k != "@type"})
    except _PlacedError as error:
        place = ".".join(reversed(error.place)) or "itself"
        raise EncodingError(f"entry {key!r} is no {type_url.rpartition('.')[2]}: {place} {error.problem}") from error


@attrs.frozen
class _Field:
    name: str
    oneof: str | None
    encode: _Encode


def _encode_message(message: type[betterproto2.Message], value: object) -> bytes:
    if message is AnyMessage:
        return _encode_any(value)
    if message.to_dict is not betterproto2.Message.to_dict:
        return _encode_well_known(message, value)
    if not isinstance(value, Mapping):
        raise _PlacedError(f"is {_shown(value)}; give an object with the fields of {message.__name__}")
    parts: list[bytes] = []
    chosen: dict[str, str] = {}
    for key, inner in value.items():
        field = _field(message, key)
        if inner is None:
            continue
        if field.oneof and (other := chosen.setdefault(field.oneof, key)) != key:
            raise _PlacedError(f"has both {other!r} and {key!r}; {message.__name__} takes one of them")
        parts.append(_placed(key, field.encode, inner))
    return b"".join(parts)


def _placed(key: str, encode: _Encode, value: object) -> bytes:
    try:
        return encode(value)
    except _PlacedError as error:
        error.place.append(key)
        raise
    except (struct.error, OverflowError, ValueError, TypeError, AttributeError) as error:
        placed = _PlacedError(f"is {_shown(value)}, which doesn't fit: {error}")
        placed.place.append(key)
        raise placed from error


def _encode_any(value: object) -> bytes:
    if not isinstance(value, Mapping) or not isinstance(url := value.get("@type"), str):
        raise _PlacedError('has no "@type"; give the type URL of the message')
    try:
        message = class_of(url)
    except EncodingError as error:
        raise _PlacedError(str(error)) from error
    rest = {key: inner for key, inner in value.items() if key != "@type"}
    special = message is not AnyMessage and message.to_dict is not betterproto2.Message.to_dict
    return any_of(url, _encode_message(message, rest["value"] if special else rest))


def _encode_well_known(message: type[betterproto2.Message], value: object) -> bytes:
    """Durations, wrappers, Struct and the like have a JSON form of their own: the generated class knows it."""
    if isinstance(value, str | int | float | bool):
        return _encode_well_known_scalar(message, value, is_bool=isinstance(value, bool))
    return bytes(message.from_dict(thaw(value)))


@functools.lru_cache(maxsize=1024)
def _encode_well_known_scalar(message: type[betterproto2.Message], value: object, *, is_bool: bool) -> bytes:
    del is_bool  # part of the cache's key: 1 == True, but a NumberValue isn't a BoolValue
    return bytes(message.from_dict(value))


def thaw(value: Any) -> Any:
    """Plain dicts and lists again, from what a StateStore froze."""
    if isinstance(value, Mapping):
        return {key: thaw(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(inner) for inner in value]
    return value


def _shown(value: object) -> str:
    """Cut short: values may be long, and the rest of a private key has no place in a log."""
    return reprlib.repr(value)


def _field(message: type[betterproto2.Message], key: str) -> _Field:
    try:
        return _fields(message)[key]
    except KeyError:
        raise _PlacedError(f"has the unknown field {key!r}; see the fields of {message.__name__}") from None


@functools.cache
def _fields(message: type[betterproto2.Message]) -> Mapping[str, _Field]:
    hints = typing.get_type_hints(message)
    fields: dict[str, _Field] = {}
    for declared in dataclasses.fields(cast("type[DataclassInstance]", message)):
        meta = betterproto2.FieldMetadata.get(declared)
        name = declared.name.removesuffix("_")
        field = _Field(name, meta.group, _encoder(meta, hints[declared.name]))
        fields[name] = fields[re.sub("_(.)", lambda match: match[1].upper(), name)] = field
    return fields


def _encoder(meta: betterproto2.FieldMetadata, hint: object) -> _Encode:
    if meta.map_meta is not None:
        key, value = meta.map_meta
        return _map_encoder(meta.number, _encoder(key, str), _encoder(value, _inner(hint)[-1]))
    single, wire = _single(meta, hint)
    if not meta.repeated:
        tag = _varint(meta.number << 3 | wire)
        if wire != _BYTES:
            return lambda value: tag + single(value)
        return lambda value: tag + _sized(single(value))
    if wire != _BYTES:
        return lambda values: record(meta.number, b"".join(single(value) for value in _items(values)))
    return lambda values: b"".join(record(meta.number, single(value)) for value in _items(values))


def _map_encoder(number: int, encode_key: _Encode, encode_value: _Encode) -> _Encode:
    def encode(value: Mapping[str, Any]) -> bytes:
        return b"".join(
            record(number, encode_key(key) + _placed(str(key), encode_value, inner)) for key, inner in value.items()
        )

    return encode


def _items(values: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise _PlacedError(f"is {values!r}; give a list")
    return values


def _single(meta: betterproto2.FieldMetadata, hint: object) -> tuple[_Encode, int]:
    """How one value is written, and its wire type."""
    kind = meta.proto_type
    if kind == "message":
        return functools.partial(_encode_message, meta.unwrap() if meta.unwrap else _inner(hint)[-1]), _BYTES
    if kind == "enum":
        return functools.partial(_encode_enum, _inner(hint)[-1]), _VARINT
    if kind in _FIXED_FORMATS:
        layout, wire = _FIXED_FORMATS[kind]
        number = float if layout[-1] in "fd" else int
        return (lambda value: struct.pack(layout, number(value))), wire
    return _PLAIN[kind]


def _inner(hint: object) -> list[Any]:
    """The classes inside ``X | None``, ``list[X]``, ``dict[K, X]`` and ``Annotated[X, ...]``, outermost first."""
    if typing.get_origin(hint) is typing.Annotated:
        return _inner(typing.get_args(hint)[0])
    inner = [argument for argument in typing.get_args(hint) if argument is not type(None)]
    return [one for argument in inner for one in _inner(argument)] if inner else [hint]


def _encode_enum(enum: type[betterproto2.Enum], value: object) -> bytes:
    if isinstance(value, int):
        return _varint(value)
    renamed = enum.betterproto_renamed_proto_names_to_value()
    return _varint(renamed[value] if value in renamed else int(enum.from_string(str(value))))


def _encode_string(value: object) -> bytes:
    if not isinstance(value, str):
        raise _PlacedError(f"is {_shown(value)}; give a string")
    return value.encode()


def _encode_bytes(value: object) -> bytes:
    try:
        return base64.b64decode(_encode_string(value), validate=True)
    except binascii.Error as error:
        raise _PlacedError(f"isn't base64: {error}") from error


def _encode_bool(value: object) -> bytes:
    if not isinstance(value, bool):
        raise _PlacedError(f"is {_shown(value)}; give true or false")
    return b"\x01" if value else b"\x00"


def _encode_integer(value: Any) -> bytes:
    if isinstance(value, bool) or int(value) != float(value):
        raise _PlacedError(f"is {_shown(value)}; give a whole number")
    return _varint(int(value))


def _encode_zigzag(value: Any) -> bytes:
    number = int(value)
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


_PLAIN: Mapping[str, tuple[_Encode, int]] = {
    "string": (_encode_string, _BYTES),
    "bytes": (_encode_bytes, _BYTES),
    "bool": (_encode_bool, _VARINT),
    **dict.fromkeys(("int32", "int64", "uint32", "uint64"), (_encode_integer, _VARINT)),
    **dict.fromkeys(("sint32", "sint64"), (_encode_zigzag, _VARINT)),
}


def any_of(type_url: str, encoded: bytes) -> bytes:
    """A `google.protobuf.Any` around an encoded message."""
    return record(1, type_url.encode()) + record(2, encoded)


def record(number: int, payload: bytes) -> bytes:
    """A length-delimited field: a string, bytes or an encoded message."""
    return _varint(number << 3 | _BYTES) + _sized(payload)


def _sized(payload: bytes) -> bytes:
    return _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    if 0 <= number < 0x80:
        return _SMALL[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF  # a negative number is sent as its 64-bit two's complement
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_SMALL = tuple(bytes((number,)) for number in range(0x80))
