"""Keys that a YAML document has twice in one map, as go-yaml tells them where it is strict.

It decodes the document once more then, follows the aliases wherever they are, and so tells a key of an anchored map as
often as the map is used. A merge sets keys like any other, and a key that is there already stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from reconcilekit.testing.apiserver.encoding.bodies import surely_has_no_twins
from reconcilekit.testing.apiserver.encoding.yaml_reading import Walk, is_json, is_merge, scalar
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
    told: str = ""

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
        composer = _Composer(body)
        root = composer.document()
        return [] if root is None or composer.mistake else list(_twins(root))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []


class _Composer(Walk):
    """Makes nodes of the first document."""

    def _mapping(self, event: Any) -> Callable[[Any], None]:
        return self._container(event, "map")

    def _list(self, event: Any) -> Callable[[Any], None]:
        return self._container(event, "list")

    def _container(self, event: Any, kind: str) -> Callable[[Any], None]:
        node = _Node(event.start_mark.line, kind)
        self._begun(event, node)
        return node.inner.append

    def _alias(self, event: Any) -> _Node:
        return _Node(event.start_mark.line, "alias", target=super()._alias(event))

    def _scalar(self, event: Any) -> _Node:
        self._is_merging = is_merge(event)
        self._visits += not self._is_merging
        line = event.start_mark.line
        node = _Node(line, "merge") if self._is_merging else _Node(line, "scalar", scalar(event, _ignored))
        self._anchored(event, node, 1)
        return node


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
            # An alias may repeat it a hundred thousand times.
            value.told = value.told or f"line {value.line + 1}: key {_shown(found)} already set in map"
            yield value.told
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
