"""What an object has where its kind's scale finds its numbers and its selector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcilekit.testing.apiserver.crd.problems import invalid
from reconcilekit.testing.apiserver.go_text import printed
from reconcilekit.testing.apiserver.status import Cause

MOST = 2**31 - 1
"""Replicas that a Scale can hold."""

_GO_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    type(None): "<nil>",
}


def names_of(path: str) -> tuple[str, ...]:
    """The fields on a path, whose first dot may be left out."""
    return tuple(path.removeprefix(".").split("."))


def scale_causes(obj: Mapping[str, Any], scale: Mapping[str, Any], *, is_status: bool) -> Iterator[Cause]:
    """What is wrong there.

    Args:
        obj: the object.
        scale: as the definition has it.
        is_status: only the object's status is written.
    """
    if not is_status:
        yield from _replicas_causes(obj, scale["specReplicasPath"])
    yield from _replicas_causes(obj, scale["statusReplicasPath"])
    if selector := scale.get("labelSelectorPath"):
        _, problem = _at(obj, names_of(selector), "string")
        if problem:
            yield invalid(selector, "", problem)


def _replicas_causes(obj: Mapping[str, Any], path: str) -> Iterator[Cause]:
    replicas, problem = _at(obj, names_of(path), "int64")
    if problem:
        yield invalid(path, 0, problem)
    elif replicas is not None and replicas < 0:
        yield invalid(path, replicas, "should be a non-negative integer")
    elif replicas is not None and replicas > MOST:
        yield invalid(path, replicas, f"should be less than or equal to {MOST}")


def _at(obj: Mapping[str, Any], names: Sequence[str], wanted: str) -> tuple[Any, str]:
    """What is at a path, None for nothing, and why it can't be had."""
    value: Any = obj
    for i, name in enumerate(names):
        if value is None:
            return None, ""
        if not isinstance(value, dict):
            return None, _misfit(names[: i + 1], value, "map[string]interface{}")
        if name not in value:
            return None, ""
        value = value[name]
    return (value, "") if _GO_TYPES.get(type(value)) == wanted else (None, _misfit(names, value, wanted))


def _misfit(names: Sequence[str], value: object, wanted: str) -> str:
    found = _GO_TYPES.get(type(value), "")
    return f".{'.'.join(names)} accessor error: {printed(value)} is of the type {found}, expected {wanted}"
