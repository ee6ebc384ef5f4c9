"""What the controllers of Pods share: when they look at what they own, and how they make and delete Pods."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of, version_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controller_of, reference_to
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.writing.quotas import QUOTAS

PODS = ("", "pods")
TERMINATING = "NamespaceTerminating"


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
        # What was said of those that may not make what they want, and so wait for a quota.
        self._refused: dict[ObjectKey, set[str]] = {}
        self._refusal: StatusError | None = None

    @property
    def kinds(self) -> frozenset[StorageKey] | None:
        """Its own kind, what it controls, and what may keep it from that."""
        return frozenset({self.kind, self.owned, QUOTAS})

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """The object itself, or what controls the one that changed, or may take it."""
        if kind == self.kind:
            return (key_of(event),)
        if kind == QUOTAS:
            namespace = key_of(event).namespace
            return [owner for owner in self._refused if owner.namespace == namespace]
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
        self._refusal = None
        again = None if live is None else self.sync(live)
        if self._refusal is None:
            self._refused.pop(item, None)
        return again

    def start_over(self) -> Iterable[Hashable]:
        """Every object of its kind."""
        self._refused.clear()
        self._hands.forget_told()
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

    def make_pod(self, live: Stored, pod: dict[str, Any]) -> bool:
        """Create a Pod, or don't, and say so."""
        made = self.create(live, PODS, pod, failed="Error creating: {}")
        if made is not None:
            self.tell(live, "SuccessfulCreate", f"Created pod: {made.key.name}")
        return made is not None

    def create(
        self, live: Stored, kind: StorageKey, obj: dict[str, Any], *, failed: str, reason: str = "FailedCreate"
    ) -> Stored | None:
        """Create something for an object; what is refused is tried again when a quota changes.

        Args:
            live: for whom.
            kind: what.
            obj: its content.
            failed: what a Warning says of it, with the error in place of "{}".
            reason: the Warning's.
        """

        def refused(error: StatusError) -> None:
            if _is_passing(error):
                return
            self._refusal = error
            self.complain(live, error, failed=failed, reason=reason)

        return self._hands.create(kind, obj, refused=refused)

    def complain(self, live: Stored, error: StatusError, *, failed: str, reason: str = "FailedCreate") -> None:
        """Warn of a refusal, once until all goes well again: see `create`."""
        message, said = failed.replace("{}", str(error)), self._refused.setdefault(live.key, set())
        # Other tries have other names, which nobody needs to hear of.
        name = (error.details or {}).get("name")
        why = message.replace(str(name), "") if name else message
        if why not in said:
            said.add(why)
            self.tell(live, reason, message, kind="Warning")

    def delete_pod(self, live: Stored, pod: Stored) -> None:
        """Delete a Pod and say so."""
        self._hands.delete(PODS, pod.key, {"preconditions": {"uid": pod.uid}})
        self.tell(live, "SuccessfulDelete", f"Deleted pod: {pod.key.name}")


def _is_passing(error: StatusError) -> bool:
    """Whether it is no use, or no need, to try again: the name is taken, or the Namespace goes."""
    causes: Any = (error.details or {}).get("causes") or ()
    return error.code == HTTPStatus.CONFLICT or any(cause.get("reason") == TERMINATING for cause in causes)


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
