"""Which fields of an object its schema doesn't know, and what is left without them."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.crd.values.structure import META_FIELDS, MISSING, Structure


class Pruning:
    """One pass over one object; nothing is changed in place, what stays as it is is shared with the original.

    Attributes:
        unknown: the paths of what was left out, as the strict decoder names them.
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def pruned(self, value: dict[str, Any], root: Structure) -> dict[str, Any]:
        """The object without what its schema doesn't know."""
        result: dict[str, Any] = self._prune(value, root.embedded(), "")
        self.unknown.sort()
        return result

    def pruned_value(self, value: Any, node: Structure) -> Any:
        """A part of an object without what its schema doesn't know; a default, for one."""
        return self._prune(value, node, "")

    def _prune(self, value: Any, node: Structure | None, path: str, *, keeps: bool = False) -> Any:
        keeps = keeps or (node is not None and node.keeps_unknown)
        if node is None and keeps:
            return value
        if isinstance(value, dict):
            if node is None:
                self.unknown += [_child(path, name) for name in value]
                return {} if value else value
            return self._prune_map(value, node, path, keeps=keeps)
        if isinstance(value, list):
            return self._prune_list(value, None if node is None else node.items, path, keeps=keeps)
        return value

    def _prune_list(self, value: list[Any], items: Structure | None, path: str, *, keeps: bool) -> list[Any]:
        changed: list[Any] | None = None
        for i, item in enumerate(value):
            # A list that keeps what it doesn't know hands that on to its items, unlike a map to its fields.
            kept = self._prune(item, items, f"{path}[{i}]", keeps=keeps)
            if kept is not item:
                changed = list(value) if changed is None else changed
                changed[i] = kept
        return value if changed is None else changed

    def _prune_map(self, value: dict[str, Any], node: Structure, path: str, *, keeps: bool) -> dict[str, Any]:
        changed: dict[str, Any] | None = None
        properties, has_additional = node.properties, node.has_additional
        for name, item in value.items():
            if node.is_embedded and name in META_FIELDS:
                continue
            known = properties.get(name)
            if known is None and not has_additional:
                if keeps:
                    continue
                if path or name not in META_FIELDS:
                    self.unknown.append(_child(path, name))
                changed = dict(value) if changed is None else changed
                del changed[name]
                continue
            if not isinstance(item, (dict, list)):
                continue
            kept = self._prune(item, node.additional if known is None else known, _child(path, name))
            if kept is not item:
                changed = dict(value) if changed is None else changed
                changed[name] = kept
        return value if changed is None else changed


def without_undefined_nulls(value: Any, node: Structure | None) -> Any:
    """The value without the nulls that its schema allows neither as such nor by a default to put there."""
    if isinstance(value, dict):
        return _map_without_nulls(value, node)
    if isinstance(value, list):
        items = None if node is None else node.items
        kept = [without_undefined_nulls(item, items) if isinstance(item, (dict, list)) else item for item in value]
        return kept if any(new is not old for new, old in zip(kept, value, strict=True)) else value
    return value


def _map_without_nulls(value: dict[str, Any], node: Structure | None) -> dict[str, Any]:
    changed: dict[str, Any] | None = None
    for name, item in value.items():
        if item is not None and not isinstance(item, (dict, list)):
            continue
        below = None if node is None else node.field(name)
        if item is None:
            if below is not None and not below.nullable and below.default is MISSING:
                changed = dict(value) if changed is None else changed
                del changed[name]
            continue
        kept = without_undefined_nulls(item, below)
        if kept is not item:
            changed = dict(value) if changed is None else changed
            changed[name] = kept
    return value if changed is None else changed


def _child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
