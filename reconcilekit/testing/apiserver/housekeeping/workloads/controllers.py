"""What the controllers of Pods share: when they look at what they own, and how they make and delete Pods."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of, version_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controller_of, reference_to
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

PODS = ("", "pods")


class Controller(abc.ABC):
    """A controller of one kind, woken by it and by the objects that it controls.

    Args:
        hands: its reads and writes.
        delay: seconds between a change and a look.
    """

    kind: ClassVar[StorageKey]
    api_version: ClassVar[str]
    kind_name: ClassVar[str]
    owned: ClassVar[StorageKey] = PODS
    component: ClassVar[str]

    def __init__(self, hands: Hands, *, delay: float) -> None:
        self.delay = delay
        self._hands = hands

    @property
    def kinds(self) -> frozenset[StorageKey] | None:
        """Its own kind and what it controls."""
        return frozenset({self.kind, self.owned})

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """The object itself, or what controls the one that changed, or may take it."""
        if kind == self.kind:
            return (key_of(event),)
        stored = version_of(event)
        reference = controller_of(stored)
        if reference.get("kind") == self.kind_name and reference.get("apiVersion") == self.api_version:
            return (ObjectKey(stored.key.namespace, reference["name"]),)
        if not reference and event.after is not None:
            return [owner.key for owner in self._hands.select(self.kind, stored.key.namespace)]
        return ()

    def look_at(self, item: Hashable) -> float | None:
        """Bring the world closer to what is wanted."""
        assert isinstance(item, ObjectKey)
        live = self._hands.get(self.kind, item)
        return None if live is None else self.sync(live)

    def start_over(self) -> Iterable[Hashable]:
        """Every object of its kind."""
        return [stored.key for stored in self._hands.select(self.kind)]

    @abc.abstractmethod
    def sync(self, live: Stored) -> float | None:
        """One look at one object; seconds until the next one, None for no more."""

    def reference(self, live: Stored) -> dict[str, Any]:
        """How its objects name it."""
        return reference_to(live, api_version=self.api_version, kind=self.kind_name)

    def tell(self, live: Stored, reason: str, message: str, *, kind: str = "Normal") -> None:
        """An Event about it."""
        involved = {
            "kind": self.kind_name,
            "namespace": live.key.namespace,
            "name": live.key.name,
            "uid": live.uid,
            "apiVersion": self.api_version,
            "resourceVersion": str(live.revision),
        }
        self._hands.tell(involved, reason=reason, message=message, component=self.component, kind=kind)

    def make_pod(self, live: Stored, pod: dict[str, Any]) -> None:
        """Create a Pod and say so."""
        if (made := self._hands.create(PODS, pod)) is not None:
            self.tell(live, "SuccessfulCreate", f"Created pod: {made.key.name}")

    def delete_pod(self, live: Stored, pod: Stored) -> None:
        """Delete a Pod and say so."""
        self._hands.delete(PODS, pod.key, {"preconditions": {"uid": pod.uid}})
        self.tell(live, "SuccessfulDelete", f"Deleted pod: {pod.key.name}")


def spec_of(stored: Stored) -> Mapping[str, Any]:
    """Its spec."""
    return stored.content.get("spec") or {}


def status_of(stored: Stored) -> Mapping[str, Any]:
    """Its status."""
    return stored.content.get("status") or {}


def replicas_of(stored: Stored) -> int:
    """How many Pods are wanted; 1 where nothing is said."""
    wanted = spec_of(stored).get("replicas")
    return 1 if wanted is None else int(wanted)


def counts(**numbers: int) -> dict[str, int]:
    """Counts as Go leaves them out of a status: those that are 0."""
    return {name: number for name, number in numbers.items() if number}
