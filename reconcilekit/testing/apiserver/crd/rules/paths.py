"""The paths that definitions name fields by: `.spec.size`, `.metadata['a.b']`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

_TOKEN = re.compile(r"'(?:\\.|[^'\\])*'|[.\[\]]|[^.\[\]']+|'")


class PathError(ValueError):
    """A path that leads nowhere; its text is worded as the real server's."""


@attrs.frozen(kw_only=True)
class FieldPath:
    """A path that leads somewhere.

    Attributes:
        parts: the names on the way.
        text: as messages write it.
        schema: of what it leads to.
    """

    parts: tuple[str, ...]
    text: str
    schema: Mapping[str, Any]


def resolve(path: str, schema: Mapping[str, Any], *, allows_brackets: bool = True) -> FieldPath:
    """Follow a path through a schema.

    Raises:
        PathError: it isn't one, or leads nowhere.
    """
    tokens = _TOKEN.findall(path)
    parts: list[str] = []
    text = ""
    while tokens:
        head = tokens.pop(0)
        if head == ".":
            if not tokens:
                raise PathError("unexpected end of JSON path")
            name = tokens.pop(0)
        elif head == "[":
            if not allows_brackets:
                raise PathError("array notation is not allowed")
            name = _bracketed(tokens)
        else:
            raise PathError(f"expected [ or . but got: {head}")
        schema, is_named = _below(schema, name)
        text = (f"{text}.{name}" if text else name) if is_named else f"{text}[{name}]"
        parts.append(name)
    return FieldPath(parts=tuple(parts), text=text, schema=schema)


def _bracketed(tokens: list[str]) -> str:
    if not tokens:
        raise PathError("unexpected end of JSON path")
    quoted = tokens.pop(0)
    if len(quoted) < 2 or not (quoted.startswith("'") and quoted.endswith("'")):
        raise PathError(f"expected single quoted string but got {quoted}")
    if not tokens:
        raise PathError("unexpected end of JSON path")
    if (end := tokens.pop(0)) != "]":
        raise PathError(f"expected ] but got {end}")
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


def _below(schema: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], bool]:
    properties, additional = schema.get("properties"), schema.get("additionalProperties")
    if properties:
        if name not in properties:
            raise PathError("does not refer to a valid field")
        return properties[name], True
    if isinstance(additional, Mapping):
        return additional, False
    raise PathError("does not refer to a valid field")


def normalized_path(path: str) -> str:
    """A path that was resolved before, as messages write it."""
    text = ""
    for found in re.finditer(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]", path):
        name = found[1] or re.sub(r"\\(.)", r"\1", found[2])
        text = f"{text}.{name}" if text else name
    return text
