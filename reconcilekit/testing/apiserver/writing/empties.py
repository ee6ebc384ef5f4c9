"""Maps that a write told to be empty: stored as none, but told from none by Go while it checks the write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.writing.preconditions import Target

_LABELS = ("spec", "template", "metadata", "labels")

_TOLD: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("", "configmaps"): (("binaryData",),),
    ("", "secrets"): (("data",),),
    ("apps", "daemonsets"): (_LABELS,),
    ("apps", "deployments"): (_LABELS,),
    ("apps", "replicasets"): (_LABELS,),
    ("apps", "statefulsets"): (_LABELS,),
}
"""Where it matters: immutable data, which may not become an empty map either, and labels, which messages quote."""


def note(target: Target, obj: Mapping[str, Any]) -> None:
    """Keep in mind which of the maps that matter are there and empty, in what is read of a write."""
    for path in _TOLD.get(target.served.storage_key, ()):
        node: object = obj
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if node == {}:
            target.empties.append(path)


def as_told(target: Target, content: dict[str, Any]) -> dict[str, Any]:
    """The object as it is checked: with the maps that were told to be empty."""
    for path in target.empties:
        content = _with_empty(content, path)
    return content


def _with_empty(content: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    name, rest = path[0], path[1:]
    return {**content, name: _with_empty(content.get(name) or {}, rest) if rest else {}}
