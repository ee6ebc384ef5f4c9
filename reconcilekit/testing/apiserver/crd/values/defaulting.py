"""What a schema fills in where an object leaves something out."""

from __future__ import annotations

import copy
from typing import Any

from reconcilekit.testing.apiserver.crd.values.structure import MISSING, Structure


def defaulted(value: Any, node: Structure | None) -> Any:
    """The value with its defaults; what needs none is shared with the original, nothing is changed in place.

    A null counts as left out where the schema doesn't allow it.
    """
    if node is None or not node.has_defaults:
        return value
    if isinstance(value, dict):
        return _defaulted_map(value, node)
    if isinstance(value, list):
        items = node.items
        if items is None:
            return value
        kept = [defaulted(_or_default(item, items), items) for item in value]
        return kept if any(new is not old for new, old in zip(kept, value, strict=True)) else value
    return value


def _defaulted_map(value: dict[str, Any], node: Structure) -> dict[str, Any]:
    changed: dict[str, Any] | None = None
    for name, below in node.properties.items():
        if below.default is not MISSING and (name not in value or (value[name] is None and not below.nullable)):
            changed = dict(value) if changed is None else changed
            changed[name] = copy.deepcopy(below.default)
    current = value if changed is None else changed
    for name, item in list(current.items()):
        known = node.properties.get(name)
        if known is None:
            if node.additional is None:
                continue
            known, filled = node.additional, _or_default(item, node.additional)
        else:
            filled = item
        new = defaulted(filled, known)
        if new is not item:
            changed = dict(value) if changed is None else changed
            changed[name] = new
    return value if changed is None else changed


def _or_default(item: Any, node: Structure) -> Any:
    if item is not None or node.nullable:
        return item
    return None if node.default is MISSING else copy.deepcopy(node.default)
