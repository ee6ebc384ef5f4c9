"""Decoded JSON as Go tells it apart: Python takes true for 1, and 3.0 for 3."""

from __future__ import annotations

import re
from typing import Any

import msgspec

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
