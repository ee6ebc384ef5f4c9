"""Empty maps and lists, and nulls, that a write told, where Go keeps them apart from none until it is done.

A map or a list that is empty is stored as none. Bytes that are null come back as empty ones, but are owned anew, and
are stored in another way, so that neither their write nor the next one comes to nothing.
"""

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
    ("apps", "statefulsets"): (_LABELS, ("spec", "volumeClaimTemplates")),
    ("autoscaling", "horizontalpodautoscalers"): tuple(
        ("spec", "behavior", direction, "policies") for direction in ("scaleUp", "scaleDown")
    ),
    ("batch", "jobs"): (_LABELS,),
}
"""Where it matters: immutable data, which may not become an empty map either, labels and claims, which messages quote,
and an autoscaler's policies, of which none is not the usual ones."""


_BYTES: Mapping[tuple[str, str], str] = {("", "configmaps"): "binaryData", ("", "secrets"): "data"}
"""Maps of bytes."""


def note(target: Target, obj: Mapping[str, Any]) -> None:
    """Keep in mind which of the maps, lists and bytes that matter are empty and null, in what is read of a write."""
    bytes_of = obj.get(_BYTES.get(target.served.storage_key, ""))
    if isinstance(bytes_of, dict):
        target.nulls.extend(name for name, value in bytes_of.items() if value is None)
    for path in _TOLD.get(target.served.storage_key, ()):
        node: object = obj
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if node in ({}, []):
            target.empties.append((path, type(node)()))


def as_told(target: Target, content: dict[str, Any]) -> dict[str, Any]:
    """The object as it is checked: with the maps and lists that were told to be empty."""
    for path, empty in target.empties:
        content = _with_empty(content, path, empty)
    return content


def as_owned(target: Target, content: dict[str, Any]) -> dict[str, Any]:
    """The object as its owners are told: with the bytes that are null."""
    if not target.nulls:
        return content
    name = _BYTES[target.served.storage_key]
    return {**content, name: {**content[name], **dict.fromkeys(target.nulls)}}


def _with_empty(content: Mapping[str, Any], path: tuple[str, ...], empty: object) -> dict[str, Any]:
    name, rest = path[0], path[1:]
    return {**content, name: _with_empty(content.get(name) or {}, rest, empty) if rest else empty}
