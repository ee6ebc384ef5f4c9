"""Protobuf's wire format: varints, tags, and what stands behind each."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_MAX_SHIFT = 63


class MalformedMessageError(ValueError):
    """A message can't be read, said in the words of Go's decoder where they are known."""


def numbers(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in their order: each one's number and what it holds.

    Raises:
        MalformedMessageError: it is cut off, or has what no message has.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = read_varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise MalformedMessageError(f"proto: illegal tag 0 (wire type {kind})")
        if kind == VARINT:
            value, position = read_varint(data, position)
            yield number, value
            continue
        if kind == DELIMITED:
            length, position = read_varint(data, position)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        else:
            raise MalformedMessageError(f"proto: illegal wireType {kind}")
        if position + length > end:
            raise MalformedMessageError("unexpected EOF")
        yield number, data[position : position + length]
        position += length


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A whole number without a sign, and where it ends.

    Raises:
        MalformedMessageError: it has no end, or more than 64 bits.
    """
    value = shift = 0
    while True:
        if position >= len(data):
            raise MalformedMessageError("unexpected EOF")
        if shift > _MAX_SHIFT:
            raise MalformedMessageError("proto: integer overflow")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7


def signed(value: int) -> int:
    """A varint's value, where it may be negative."""
    return value - (1 << 64) if value >= 1 << 63 else value


def varint(value: int) -> bytes:
    """A whole number; a negative one takes ten bytes."""
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= 0xFFFF_FFFF_FFFF_FFFF
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def tag(number: int, kind: int) -> bytes:
    """What stands before a field."""
    return varint(number << 3 | kind)


def tagged(number: int, value: bytes) -> bytes:
    """A field that holds bytes: a string or a message."""
    return tag(number, DELIMITED) + varint(len(value)) + value


def counted(number: int, value: int) -> bytes:
    """A field that holds a whole number."""
    return tag(number, VARINT) + varint(value)
