"""Which objects a controller's object controls: by their controller reference, taken by its selector, and let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.cache.selection import LabelSelector
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Stored


def controller_of(stored: Stored) -> Mapping[str, Any]:
    """The reference to what controls it, {} where nothing does."""
    for reference in stored.meta.get("ownerReferences") or ():
        if reference.get("controller"):
            found: dict[str, Any] = reference
            return found
    return {}


def reference_to(owner: Stored, *, api_version: str, kind: str) -> dict[str, Any]:
    """A controller reference."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner.key.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled(hands: Hands, owner: Stored, kind: StorageKey) -> list[Stored]:
    """The objects of a kind that it controls."""
    everything = hands.select(kind, owner.key.namespace)
    return [stored for stored in everything if controller_of(stored).get("uid") == owner.uid]


def claim(hands: Hands, owner: Stored, kind: StorageKey, reference: Mapping[str, Any]) -> list[Stored]:
    """The objects of a kind that it controls, after it has taken free ones that its selector matches."""
    selector = LabelSelector.from_object((owner.content.get("spec") or {}).get("selector") or {})
    claimed = []
    for stored in hands.select(kind, owner.key.namespace):
        found: Stored | None = stored
        controller, matches = controller_of(stored).get("uid"), selector.matches(stored.meta.get("labels") or {})
        if controller == owner.uid and not matches and not owner.meta.get("deletionTimestamp"):
            _set_references(hands, kind, stored, lambda known: [r for r in known if r.get("uid") != owner.uid])
            continue
        if controller is None and matches and not {*stored.meta, *owner.meta} & {"deletionTimestamp"}:
            found = _set_references(hands, kind, stored, lambda known: [*known, dict(reference)])
        elif controller != owner.uid:
            continue
        if found is not None:
            claimed.append(found)
    return claimed


def _set_references(hands: Hands, kind: StorageKey, stored: Stored, change: Any) -> Stored | None:
    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        references = change(obj["metadata"].get("ownerReferences") or [])
        return {**obj, "metadata": {**obj["metadata"], "ownerReferences": references}}

    return hands.change(kind, stored.key, transform)
