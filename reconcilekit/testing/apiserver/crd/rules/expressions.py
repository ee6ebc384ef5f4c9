"""Checked expressions as trees, from what cel-expr-python writes of them (cel-spec `proto/cel/expr/checked.proto`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import attrs

Form = Literal["constant", "name", "select", "call", "list", "map", "comprehension", ""]

_SCALARS: Final = ("", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN: Final = ("", "any", "timestamp", "duration")


@attrs.frozen
class Kind:
    """The type of an expression.

    Attributes:
        name: "int", "list", "message"; an opaque type's is its own.
        inner: the types that it is made of.
    """

    name: str
    inner: tuple[Kind, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.inner))})" if self.inner else self.name


@attrs.frozen(kw_only=True, eq=False)
class Comprehension:
    """A loop over a list or a map, which is what macros are made of."""

    variable: str
    second_variable: str
    over: Tree
    result_name: str
    beginning: Tree
    condition: Tree
    step: Tree
    result: Tree


@attrs.frozen(kw_only=True, eq=False)
class Tree:
    """An expression.

    Attributes:
        number: its own, by which types and overloads are known.
        form: what it is.
        name: of a name, a selected field or a function.
        value: of a constant.
        target: what a field is selected of, or a function called on.
        parts: arguments, elements, or keys and values in turn.
        is_test: a selection that only asks whether the field is there.
        loop: of a comprehension.
    """

    number: int
    form: Form = ""
    name: str = ""
    value: object = None
    target: Tree | None = None
    parts: tuple[Tree, ...] = ()
    is_test: bool = False
    loop: Comprehension | None = None


@attrs.frozen(kw_only=True)
class CheckedTree:
    """An expression with what the checker found out.

    Attributes:
        kinds: by the expressions' numbers.
        overloads: the functions that a call may mean.
        places: where expressions begin in the source, in characters.
    """

    root: Tree
    kinds: Mapping[int, Kind]
    overloads: Mapping[int, tuple[str, ...]]
    places: Mapping[int, int]


def checked_tree(serialized: bytes) -> CheckedTree:
    """The tree of a checked expression."""
    told = _fields(_one(_fields(serialized), 2, b""))
    overloads, kinds = {}, {}
    for entry in told.get(2, ()):
        pair = _fields(entry)
        overloads[_one(pair, 1, 0)] = tuple(text.decode() for text in _fields(_one(pair, 2, b"")).get(3, ()))
    for entry in told.get(3, ()):
        pair = _fields(entry)
        kinds[_one(pair, 1, 0)] = _kind(_one(pair, 2, b""))
    positions = [_fields(entry) for entry in _fields(_one(told, 5, b"")).get(4, ())]
    places = {_one(pair, 1, 0): _one(pair, 2, 0) for pair in positions}
    return CheckedTree(root=_tree(_one(told, 4, b"")), kinds=kinds, overloads=overloads, places=places)


def _kind(data: bytes) -> Kind:
    for number, (value, *_) in _fields(data).items():
        match number:
            case 3 | 4:
                return Kind(_SCALARS[value])
            case 5:
                return Kind(_WELL_KNOWN[value])
            case 6:
                return Kind("list", (_kind(_one(_fields(value), 1, b"")),))
            case 7:
                pair = _fields(value)
                return Kind("map", (_kind(_one(pair, 1, b"")), _kind(_one(pair, 2, b""))))
            case 14:
                told = _fields(value)
                return Kind(_one(told, 1, b"").decode(), tuple(map(_kind, told.get(2, ()))))
            case _:
                return Kind({2: "null", 9: "message", 10: "parameter", 11: "type"}.get(number, "dyn"))
    return Kind("dyn")


def _tree(data: bytes) -> Tree:
    told = _fields(data)
    number: int = _one(told, 2, 0)
    for field, (value, *_) in told.items():
        if field == 2:
            continue
        inner = _fields(value)
        match field:
            case 3:
                return Tree(number=number, form="constant", value=_constant(inner))
            case 4:
                return Tree(number=number, form="name", name=_text(inner, 1))
            case 5:
                operand = _tree(_one(inner, 1, b""))
                return Tree(
                    number=number, form="select", name=_text(inner, 2), target=operand, is_test=bool(_one(inner, 3, 0))
                )
            case 6:
                target = _tree(inner[1][0]) if 1 in inner else None
                parts = tuple(map(_tree, inner.get(3, ())))
                return Tree(number=number, form="call", name=_text(inner, 2), target=target, parts=parts)
            case 7:
                return Tree(number=number, form="list", parts=tuple(map(_tree, inner.get(1, ()))))
            case 8:
                return Tree(number=number, form="map", parts=tuple(_entries(inner)))
            case 9:
                return Tree(number=number, form="comprehension", loop=_comprehension(inner))
    return Tree(number=number)


def _entries(told: Mapping[int, list[Any]]) -> Iterator[Tree]:
    for entry in told.get(2, ()):
        pair = _fields(entry)
        yield from (_tree(_one(pair, 3, b"")), _tree(_one(pair, 4, b"")))


def _comprehension(told: Mapping[int, list[Any]]) -> Comprehension:
    over, beginning, condition, step, result = (_tree(_one(told, i, b"")) for i in (2, 4, 5, 6, 7))
    return Comprehension(
        variable=_text(told, 1),
        second_variable=_text(told, 8),
        over=over,
        result_name=_text(told, 3),
        beginning=beginning,
        condition=condition,
        step=step,
        result=result,
    )


def _constant(told: Mapping[int, list[Any]]) -> object:
    for number, (value, *_) in told.items():
        match number:
            case 2:
                return bool(value)
            case 3:
                return value - (1 << 64) if value >> 63 else value
            case 4:
                return value
            case 5:
                return struct.unpack("<d", value)[0]
            case 6:
                return value.decode()
            case 7:
                return value
            case _:
                return None
    return None


def _one(fields: Mapping[int, list[Any]], number: int, default: Any) -> Any:
    return fields[number][0] if number in fields else default


def _text(fields: Mapping[int, list[Any]], number: int) -> str:
    text: bytes = _one(fields, number, b"")
    return text.decode()


def _fields(data: bytes) -> dict[int, list[Any]]:
    """A protobuf message: numbers, and bytes for all that has a length or a fixed size."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        match tag & 7:
            case 0:
                value, at = _number(data, at)
                found.setdefault(tag >> 3, []).append(value)
                continue
            case 2:
                length, at = _number(data, at)
            case wire_type:
                length = 8 if wire_type == 1 else 4
        found.setdefault(tag >> 3, []).append(data[at : at + length])
        at += length
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
