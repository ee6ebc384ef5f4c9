"""Keys that a YAML document has twice in one map, as go-yaml tells them where it is strict.

It decodes the document once more then, follows the aliases wherever they are, and so tells a key of an anchored map as
often as the map is used. A merge sets keys like any other, and a key that is there already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from reconcilekit.testing.apiserver.encoding.bodies import surely_has_no_twins
from reconcilekit.testing.apiserver.encoding.yaml_reading import is_json, is_merge, scalar
from reconcilekit.testing.apiserver.go_text import number, quoted

_Key = tuple[type, Any]


@attrs.define(eq=False)
class _Node:
    """A value: a scalar, or a container of others, a map with its keys and values by turns."""

    line: int
    kind: str
    scalar: Any = None
    inner: list[_Node] = attrs.field(factory=list)
    target: _Node | None = None

    def followed(self) -> _Node:
        return self if self.target is None else self.target


def twin_keys(body: bytes) -> list[str]:
    """What is told of each key that is there already, in the order in which they are found.

    Args:
        body: a document that can be read; nothing is told of others.
    """
    if is_json(body) and surely_has_no_twins(body):
        return []
    import yaml

    try:
        root = _composed(body)
        return [] if root is None else list(_twins(root))
    except (yaml.YAMLError, LookupError, RecursionError, UnicodeError):
        return []


def _composed(body: bytes) -> _Node | None:
    """The first document."""
    import yaml

    next_event = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(body).get_event
    anchors: dict[str, _Node] = {}
    top: list[_Node] = []
    into = top
    outer: list[list[_Node]] = []
    containers = {yaml.MappingStartEvent: "map", yaml.SequenceStartEvent: "list"}
    while True:
        event = next_event()
        kind = type(event)
        if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            into = outer.pop()
        elif kind in (yaml.DocumentEndEvent, yaml.StreamEndEvent):
            return top[0] if top else None
        elif kind is yaml.AliasEvent:
            into.append(_Node(event.start_mark.line, "alias", target=anchors[event.anchor]))
        elif kind is yaml.ScalarEvent or kind in containers:
            node = _Node(event.start_mark.line, containers.get(kind, "scalar"))
            into.append(node)
            if event.anchor:
                anchors[event.anchor] = node
            if kind is yaml.ScalarEvent:
                node.kind, node.scalar = ("merge", None) if is_merge(event) else ("scalar", scalar(event, _ignored))
            else:
                outer.append(into)
                into = node.inner


def _twins(node: _Node) -> Iterator[str]:
    """What is told of a value, which is gone through as its decoder does."""
    node = node.followed()
    if node.kind == "map":
        yield from _twins_of_map(node, set())
    elif node.kind == "list":
        for item in node.inner:
            yield from _twins(item)


def _twins_of_map(node: _Node, present: set[_Key]) -> Iterator[str]:
    for key, value in zip(node.inner[::2], node.inner[1::2], strict=True):
        if key.kind == "merge":
            yield from _twins_merged(value.followed(), present)
            continue
        yield from _twins(value)
        found = key.followed().scalar
        known = (type(found), found)
        if known in present:
            yield f"line {value.line + 1}: key {_shown(found)} already set in map"
        present.add(known)


def _twins_merged(value: _Node, present: set[_Key]) -> Iterator[str]:
    """What `<<` brings: a map, or several of which the last comes first."""
    for one in [value] if value.kind == "map" else reversed(value.inner):
        yield from _twins_of_map(one.followed(), present)


def _ignored(why: str) -> None:
    """The document has been read; nothing is wrong with its values."""


def _shown(key: Any) -> str:
    """A key as ``%#v`` writes it."""
    if isinstance(key, str):
        return quoted(key)
    if isinstance(key, bool):
        return "true" if key else "false"
    return "<nil>" if key is None else number(key)
