"""Which old value a part of an update takes the place of (KEP-4008: what was wrong before may stay as it is)."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.crd.values.structure import Structure
from reconcilekit.testing.apiserver.json_values import is_identical


class Pair:
    """A value and the one that it takes the place of.

    Args:
        value: the new one.
        old: the old one.
        node: their schema, None where there is none.
    """

    __slots__ = ("_is_same", "_node", "old", "value")

    def __init__(self, value: Any, old: Any, node: Structure | None) -> None:
        self.value = value
        self.old = old
        self._node = node
        self._is_same: bool | None = None

    def key(self, name: str) -> Pair | None:
        """The pair of a field's values; None where it's new or its schema unknown."""
        if self._node is None or not isinstance(self.value, dict) or not isinstance(self.old, dict):
            return None
        if name not in self.value or name not in self.old:
            return None
        below = self._node.field(name)
        return None if below is None else Pair(self.value[name], self.old[name], below)

    def index(self, i: int) -> Pair | None:
        """The pair of an item's values: only items of map-lists have one, by their keys."""
        node = self._node
        if node is None or node.items is None or node.list_type != "map":
            return None
        if not isinstance(self.value, list) or not isinstance(self.old, list):
            return None
        old = with_same_keys(self.value[i], self.old, node.list_keys)
        return None if old is None else Pair(self.value[i], old, node.items)

    def is_same(self) -> bool:
        """Nothing has changed."""
        if self._is_same is None:
            self._is_same = is_identical(self.value, self.old)
        return self._is_same


def with_same_keys(item: Any, candidates: list[Any], keys: tuple[str, ...]) -> Any:
    """The item of another list that has the same keys, None where none has."""
    if not isinstance(item, dict):
        return None
    wanted = [item.get(key) for key in keys]
    for candidate in candidates:
        if isinstance(candidate, dict) and [candidate.get(key) for key in keys] == wanted:
            return candidate
    return None
