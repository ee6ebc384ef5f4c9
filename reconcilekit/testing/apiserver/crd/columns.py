"""Printer columns: what `kubectl get` shows of custom objects, and the JSONPaths that say where it is."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver.go_text import json_text, number, whole_number

_STEP = re.compile(
    r"\.(?P<name>(?:[^.\[\]\\]|\\.)+)"
    r"|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
    r"|\[(?P<index>-?\d+|\*)\]"
    r"|\[\?\(@\.(?P<filter>[^=<>!]+?)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<operand>.*?)\)\]"
    r"|(?P<every>\.\*)"
)

Step = Callable[[Any], list[Any]]


@attrs.frozen(kw_only=True)
class Column:
    """One column.

    Attributes:
        read: the cell's value in an object; dates are there as they are stored, for the table to make an age of them.
    """

    name: str
    type: str
    format: str
    description: str
    priority: int
    read: Callable[[Mapping[str, Any]], Any]

    def definition(self) -> dict[str, Any]:
        """The column's entry in a Table."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


_AGE: Final = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_AGE_DESCRIPTION: Final = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
    "in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)


def columns(version: Mapping[str, Any]) -> list[Column]:
    """The columns behind the name's of a definition's version; the age where it says none."""
    told: Sequence[Mapping[str, Any]] = version.get("additionalPrinterColumns") or [
        {**_AGE, "description": _AGE_DESCRIPTION}
    ]
    return [_column(column) for column in told]


def _column(told: Mapping[str, Any]) -> Column:
    path, type_name = told["jsonPath"], told["type"]
    return Column(
        name=told["name"],
        type=type_name,
        format=told.get("format") or "",
        description=told.get("description") or f"Custom resource definition column (in JSONPath format): {path}",
        priority=told.get("priority") or 0,
        read=functools.partial(_cell, steps(path), type_name),
    )


def _cell(path: Sequence[Step], type_name: str, obj: Mapping[str, Any]) -> Any:
    found = follow(path, obj)
    if not found:
        return None
    value = found[0]
    match type_name:
        case "string":
            return printed(value)
        case "integer":
            return int(value) if type(value) in (int, float) else None
        case "number":
            return float(value) if type(value) in (int, float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return value if isinstance(value, str) else None


def printed(value: Any) -> str:
    """A value as Go's JSONPath prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json_text(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "<nil>"}[value]
    return number(value)


def steps(path: str) -> list[Step]:
    """A JSONPath, parsed: fields, quoted keys, indexes, ``[*]`` and filters like ``[?(@.type=="Ready")]``.

    A part that isn't understood finds nothing, and neither does the whole then.
    """
    found: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return [lambda _: []]
        found.append(_step(match))
        position = match.end()
    return found


def follow(path: Sequence[Step], value: Any) -> list[Any]:
    """What a parsed path leads to."""
    values = [value]
    for step in path:
        values = [inner for outer in values for inner in step(outer)]
    return values


def _step(match: re.Match[str]) -> Step:
    if match["index"] == "*" or match["every"] or match["name"] == "*":
        return lambda value: list(
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
    if match["index"]:
        i = whole_number(match["index"]) or 0
        return lambda value: [value[i]] if isinstance(value, list) and -len(value) <= i < len(value) else []
    if match["filter"]:
        return _filter(match)
    name = match["key"] if match["quote"] else re.sub(r"\\(.)", r"\1", match["name"])
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def _filter(match: re.Match[str]) -> Step:
    inner = steps(f".{match['filter'].strip()}")
    operator, operand = _OPERATORS[match["operator"]], _literal(match["operand"].strip())

    def accepts(item: Any) -> bool:
        found = follow(inner, item)
        return bool(found) and type(found[0]) is type(operand) and operator(found[0], operand)

    return lambda value: [item for item in value if accepts(item)] if isinstance(value, list) else []


def _literal(text: str) -> Any:
    if text[:1] in "\"'" and text[-1:] == text[:1]:
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    value = None if text.startswith("+") else whole_number(text)
    return text if value is None else value
