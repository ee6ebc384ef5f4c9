"""Sets hold nothing twice, and map-lists no key (KEP-555)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconcilekit.testing.apiserver.crd.problems import child, duplicate, invalid
from reconcilekit.testing.apiserver.crd.values.structure import Structure
from reconcilekit.testing.apiserver.go_text import json_text
from reconcilekit.testing.apiserver.status import Cause


def uniqueness_causes(value: Any, node: Structure | None, path: str = "") -> Iterator[Cause]:
    """What is there twice."""
    if node is None or not node.has_unique:
        return
    if isinstance(value, list):
        if node.list_type == "set":
            yield from (duplicate(f"{path}[{i}]", value[i]) for i in _repeated(value))
        elif node.list_type == "map":
            yield from _map_list_causes(value, node, path)
        if node.items is not None and node.items.has_unique:
            for i, item in enumerate(value):
                yield from uniqueness_causes(item, node.items, f"{path}[{i}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if node.additional is not None:
                yield from uniqueness_causes(item, node.additional, f"{path}[{name}]")
            if (field := node.properties.get(name)) is not None and field.has_unique:
                yield from uniqueness_causes(item, field, child(path, name))


def _map_list_causes(value: list[Any], node: Structure, path: str) -> Iterator[Cause]:
    if _are_told_apart(value, node.list_keys):
        return
    for i, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            yield invalid(f"{path}[{i}]", item, "must be an object for an array of list-type map")
            return
    keys = [{key: item[key] for key in node.list_keys if key in item} if item else {} for item in value]
    yield from (duplicate(f"{path}[{i}]", keys[i]) for i in _repeated(keys))


def _are_told_apart(items: list[Any], names: tuple[str, ...]) -> bool:
    """True where all are objects with different keys, which are strings: so it nearly always is, and soon found."""
    seen = set()
    for item in items:
        if not isinstance(item, dict):
            return False
        key = tuple([item.get(name) for name in names])
        if not all(type(part) is str for part in key):
            return False
        seen.add(key)
    return len(seen) == len(items)


def _repeated(values: list[Any]) -> list[int]:
    """Where something is for the second time; the server doesn't name the third."""
    if all(type(value) is str for value in values) and len(set(values)) == len(values):
        return []
    seen: dict[str, int] = {}
    found = []
    for i, value in enumerate(values):
        text = f"{type(value).__name__}{json_text(value)}"
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            found.append(i)
    return found
