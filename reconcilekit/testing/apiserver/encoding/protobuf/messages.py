"""The messages of the built-in kinds, each made from the recording when it is first met."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal, cast

import attrs
import msgspec

from reconcilekit.testing.apiserver import recorded

Shape = Literal["", "[]", "{}"]


@attrs.frozen
class Field:
    """One field of a message.

    Attributes:
        number: on the wire.
        name: in JSON.
        shape: one value, a list of them, or a map by strings.
        kind: of a value: s, i, b, y, f for strings, whole numbers, booleans, bytes and floats; "#" a message, "@" a
            message that is a list of strings in JSON, "!" a type that has its own form in JSON.
        of: the name of the message or type.
        is_pointer: Go tells its zero from its absence.
        omits_empty: JSON has it only if it isn't zero.
        is_inlined: JSON has its fields among those of the message that holds it.
    """

    number: int
    name: str
    shape: Shape
    kind: str
    of: str
    is_pointer: bool
    omits_empty: bool
    is_inlined: bool


class _Recording(msgspec.Struct, frozen=True):
    kinds: dict[str, str]
    messages: dict[str, msgspec.Raw]


def message_of(api_version: str, kind: str) -> str | None:
    """The name of a kind's message, if it has one."""
    return _recording().kinds.get(f"{api_version}/{kind}")


@functools.cache
def fields(message: str) -> tuple[Field, ...]:
    """A message's fields, in the order that JSON has them in."""
    told = msgspec.json.decode(_recording().messages[message], type=list[tuple[int, str, str, str]])
    return tuple(_field(*one) for one in told)


@functools.cache
def _recording() -> _Recording:
    return msgspec.json.decode(recorded.read("protobuf.json"), type=_Recording)


def _field(number: int, name: str, kind: str, flags: str) -> Field:
    is_pointer = kind.startswith("*")
    kind = kind.removeprefix("*")
    shape = cast(Shape, kind[:2] if kind[:2] in ("[]", "{}") else "")
    kind = kind[len(shape) :]
    return Field(number, name, shape, kind[0], kind[1:], is_pointer, "o" in flags, "~" in flags)


def by_number(message: str) -> Mapping[int, Field]:
    """A message's fields as Go writes them: by their numbers."""
    return {field.number: field for field in sorted(fields(message), key=lambda field: field.number)}
