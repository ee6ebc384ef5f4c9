"""Who owns whom: the graph of owner references, kept by uid as the garbage collector needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.storage.storage import Stored


@attrs.frozen(cache_hash=True)
class Node:
    """One object."""

    kind: StorageKey
    key: ObjectKey


class OwnerGraph:
    """Which objects name which uids as their owners, in the order in which they came to it."""

    def __init__(self) -> None:
        self._dependents: dict[str, dict[Node, None]] = {}

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name this owner."""
        return list(self._dependents.get(uid, ()))

    def change(self, node: Node, before: Stored | None, after: Stored | None) -> None:
        """Take a change in."""
        old = _owner_uids(before)
        new = _owner_uids(after)
        if old != new:
            for uid in old:
                named = self._dependents[uid]
                named.pop(node, None)
                if not named:
                    del self._dependents[uid]
            for uid in new:
                self._dependents.setdefault(uid, {})[node] = None

    def clear(self) -> None:
        """Forget everything."""
        self._dependents.clear()


def references(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An object's owner references."""
    found: list[dict[str, Any]] = metadata.get("ownerReferences") or []
    return found


def without_owners(metadata: Mapping[str, Any], uids: Iterable[str]) -> dict[str, Any]:
    """The metadata without references to some owners."""
    gone = frozenset(uids)
    left = [reference for reference in references(metadata) if reference.get("uid") not in gone]
    rest = {name: value for name, value in metadata.items() if name != "ownerReferences"}
    return {**rest, "ownerReferences": left} if left else rest


def without_finalizer(metadata: Mapping[str, Any], finalizer: str) -> dict[str, Any]:
    """The metadata without one finalizer."""
    left = [name for name in metadata.get("finalizers") or () if name != finalizer]
    rest = {name: value for name, value in metadata.items() if name != "finalizers"}
    return {**rest, "finalizers": left} if left else rest


def unblocked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata with references that hold no owner back."""
    freed = [{**reference, "blockOwnerDeletion": False} for reference in references(metadata)]
    return {**metadata, "ownerReferences": freed}


def _owner_uids(stored: Stored | None) -> list[str]:
    found = stored.meta.get("ownerReferences") if stored is not None else None
    return list(dict.fromkeys(reference.get("uid", "") for reference in found)) if found else []
