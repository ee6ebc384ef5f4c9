"""What becomes of a definition that is deleted: the objects of its kind go first, and may hold it up.

It is kube-apiserver that does this, so it is always at work (apiextensions-apiserver `pkg/controller/finalizer`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.crd.definitions import ending
from reconcilekit.testing.apiserver.crd.definitions.acceptance import is_established
from reconcilekit.testing.apiserver.crd.definitions.ending import Step
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


class DefinitionFinalizer:
    """Deletes the objects of kinds that are to go, and lets their definitions go after the last one.

    Args:
        hands: its reads and writes.
    """

    kinds: frozenset[StorageKey] | None = None
    delay = 0.0

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._ending: dict[StorageKey, str] = {}

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A definition that is to go, or an object that went."""
        if kind == DEFINITIONS:
            return self._notice_definition(event)
        if self._ending and event.after is None and kind in self._ending:
            return (self._ending[kind],)
        return ()

    def look_at(self, item: Hashable) -> None:
        """Take it as far as that goes now."""
        key = ObjectKey("", str(item))
        found = self._hands.get(DEFINITIONS, key)
        if found is None or not ending.is_ending(found.content):
            return
        time = self._hands.timestamp()
        self._hands.change(DEFINITIONS, key, lambda obj: ending.at(obj, "in progress", time), subresource="status")
        if is_established(found.content) and self._is_held_up(_kind_of(found)):
            return
        step: Step = "completed" if is_established(found.content) else "never established"
        self._hands.change(DEFINITIONS, key, lambda obj: ending.released(obj, step, time), subresource="status")

    def start_over(self) -> Iterable[Hashable]:
        """Every definition that is to go."""
        found = [stored for stored in self._hands.select(DEFINITIONS) if ending.is_ending(stored.content)]
        self._ending = {_kind_of(stored): stored.key.name for stored in found}
        return sorted(self._ending.values())

    def _notice_definition(self, event: Event) -> Iterable[Hashable]:
        if event.after is not None and ending.is_ending(event.after.content):
            self._ending[_kind_of(event.after)] = event.after.key.name
            return (event.after.key.name,)
        name = key_of(event).name
        self._ending = {kind: known for kind, known in self._ending.items() if known != name}
        return ()

    def _is_held_up(self, kind: StorageKey) -> bool:
        for stored in self._hands.select(kind):
            self._hands.delete(kind, stored.key, {"propagationPolicy": None})
        return bool(self._hands.select(kind))


def _kind_of(definition: Stored) -> StorageKey:
    spec = definition.content["spec"]
    return (spec["group"], spec["names"]["plural"])
