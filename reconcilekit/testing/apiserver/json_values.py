"""Decoded JSON as Go tells it apart: Python takes true for 1, and 3.0 for 3."""

from __future__ import annotations

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
