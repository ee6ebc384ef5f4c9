"""Decoded JSON as Go tells it apart: Python takes true for 1, and 3.0 for 3."""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAX_DEPTH = 250
"""Levels of maps and lists in an object: what reads, patches and writes it takes some frames of Python for each, and
Python has a thousand; the real server has ten thousand levels."""

_OWNED_DEEPER = 4
"""Levels between an object and the fields of it that one of its managers owns."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def is_identical(one: Any, other: Any) -> bool:
    """The same values of the same types, as Go's DeepEqual has it: 3.0, which is a float64, isn't 3."""
    return one is other or (bool(one == other) and _encode(one) == _encode(other))


def is_equal(one: Any, other: Any) -> bool:
    """The same values: numbers by what they come to, so that 3.0 is 3, but true isn't 1."""
    if one != other:
        return False
    if isinstance(one, dict):
        return all(is_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(is_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool)


def is_too_deep(value: Any) -> bool:
    """Whether an object has more than `MAX_DEPTH` levels, but for `managedFields`, which are deeper than its fields."""
    if not _has_levels(value, MAX_DEPTH + 1):
        return False
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or _has_levels(value, MAX_DEPTH + 1 + _OWNED_DEEPER):
        return True
    bare = {name: part for name, part in metadata.items() if name != "managedFields"}
    return _has_levels({**value, "metadata": bare}, MAX_DEPTH + 1)


def _has_levels(value: Any, number: int) -> bool:
    level = [value]
    for _ in range(number - 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def may_be_too_deep(body: bytes) -> bool:
    """Whether JSON, or YAML in JSON's style, could be; most that isn't is told by a look at it."""
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH


_WHOLE_FLOAT = re.compile(rb"[0-9](?:\.0|e[0-9]+)[]},]")


def with_whole_numbers(obj: dict[str, Any]) -> dict[str, Any]:
    """An object whose floats that are whole are integers: Go writes them without a fraction, and reads them as such."""
    if not _WHOLE_FLOAT.search(msgspec.json.encode(obj)):
        return obj
    found: dict[str, Any] = _whole(obj)
    return found


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def put_or_drop(into: dict[str, Any], name: str, value: object) -> None:
    """Set a field, or take it away where its value is None."""
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value
