"""The server's state, and what one write does to others: definitions make kinds, namespaces take theirs along."""

from __future__ import annotations

from typing import Any

import attrs

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.storage.storage import Event, Storage, StorageSnapshot
from reconcilekit.testing.apiserver.storage.watch import WatchHub
from reconcilekit.testing.apiserver.verbs.admission import Admission
from reconcilekit.testing.apiserver.verbs.preconditions import Target
from reconcilekit.testing.apiserver.verbs.writes import Outcome, Transform, Writer

_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
_FIRST_NAMESPACES = ("default", "kube-system")


@attrs.frozen(kw_only=True)
class Snapshot:
    """The whole state of a server at one revision: what `ApiServer.restore` goes back to and forks begin with."""

    storage: StorageSnapshot
    registry: Registry


class Cluster:
    """Storage, kinds and watches, and the writes that keep them in step.

    Args:
        clock: of everything.
        admission: the checks.
        history: events kept per kind.
        refuses_old_watches: a watch at a compacted version gets HTTP 410, not an ERROR event; some servers do.
        start: the state to begin with; None for a fresh cluster's.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        admission: Admission,
        history: int,
        refuses_old_watches: bool,
        start: Snapshot | None = None,
    ) -> None:
        self.clock = clock
        self.admission = admission
        self.refuses_old_watches = refuses_old_watches
        self.registry = Registry() if start is None else start.registry
        self.storage = Storage(clock=clock, history=history, listener=self._changed)
        self.watches = WatchHub(clock=clock, revision=lambda: self.storage.revision)
        namespaces = self.registry.find("", "v1", "namespaces")
        assert namespaces is not None
        self._namespaces: ResourceType = namespaces
        self._writer = Writer(self.storage, admission, namespaces)
        if start is not None:
            self.restore(start)
            return
        for name in _FIRST_NAMESPACES:
            target = Target(served=namespaces, key=ObjectKey("", name), manager="kube-apiserver")
            self._writer.create(target, {"metadata": {"name": name}})

    def create(self, target: Target, obj: dict[str, Any]) -> Outcome:
        """See `Writer.create`."""
        return self._after(target, self._writer.create(target, obj))

    def replace(self, target: Target, obj: dict[str, Any]) -> Outcome:
        """See `Writer.replace`."""
        return self._after(target, self._writer.replace(target, obj))

    def patch(self, target: Target, transform: Transform) -> Outcome:
        """See `Writer.patch`."""
        return self._after(target, self._writer.patch(target, transform))

    def apply(self, target: Target, config: dict[str, Any]) -> Outcome:
        """See `Writer.apply`."""
        return self._after(target, self._writer.apply(target, config))

    def delete(self, target: Target, preconditions: dict[str, Any]) -> Outcome:
        """See `Writer.delete`; a namespace goes when what it holds has gone."""
        if target.served is self._namespaces and not target.is_dry_run:
            return self._delete_namespace(target, preconditions)
        return self._after(target, self._writer.delete(target, preconditions))

    def snapshot(self) -> Snapshot:
        """Everything as it stands; O(1)."""
        return Snapshot(storage=self.storage.snapshot(), registry=self.registry.copy())

    def restore(self, snapshot: Snapshot) -> None:
        """Everything as it stood; no watch is told."""
        self.watches.clear()
        self.storage.restore(snapshot.storage)
        self.registry = snapshot.registry.copy()

    def rewind(self, revision: int) -> None:
        """Everything as it stood at a revision; no watch is told.

        Raises:
            CompactedError: not all that has happened since is known any more.
            ValueError: it lies in the future.
        """
        undone = self.storage.rewind(revision)
        self.watches.clear()
        for event in undone:
            if event.served.storage_key == _DEFINITIONS:
                self._follow_back(event)

    def _follow_back(self, event: Event) -> None:
        if event.before is not None:
            self.registry.define(event.before.content)
        elif event.after is not None:
            self.registry.undefine(event.after.content)

    def _changed(self, key: tuple[str, str], event: Event) -> None:
        self.watches.publish(key, event)

    def _after(self, target: Target, outcome: Outcome) -> Outcome:
        if target.is_dry_run:
            return outcome
        if target.served.storage_key == _DEFINITIONS and not target.subresource:
            self._follow_definition(target, outcome)
        if outcome.is_gone and target.served.is_namespaced:
            self._finish_namespace(target.key.namespace)
        return outcome

    def _follow_definition(self, target: Target, outcome: Outcome) -> None:
        definition = outcome.stored.content
        if outcome.is_gone:
            spec = definition["spec"]
            for version in spec["versions"]:
                served = self.registry.find(spec["group"], version["name"], spec["names"]["plural"])
                if served is not None:
                    self.storage.drop(served)
            self.registry.undefine(definition)
            return
        self.registry.define(definition)
        status_target = attrs.evolve(target, key=outcome.stored.key, subresource="status", manager="kube-apiserver")
        established = _established(definition, self.storage.timestamp())
        self._writer.patch(status_target, lambda live: {**live, "status": established})

    def _delete_namespace(self, target: Target, preconditions: dict[str, Any]) -> Outcome:
        outcome = self._writer.delete(_held_back(target), preconditions)
        live = outcome.stored
        content = {**live.content, "metadata": {**live.meta}, "status": {"phase": "Terminating"}}
        content["metadata"].setdefault("deletionTimestamp", self.storage.timestamp())
        if content != live.content:
            live = self.storage.put(self._namespaces, target.key, content)
        for served in self.registry.namespaced_types():
            for key in [key for key in self.storage.collection(served).objects if key.namespace == target.key.name]:
                self._writer.delete(Target(served=served, key=key), {})
        is_gone = self._finish_namespace(target.key.name)
        return Outcome(stored=live, is_gone=is_gone)

    def _finish_namespace(self, name: str) -> bool:
        key = ObjectKey("", name)
        namespace = self.storage.collection(self._namespaces).objects.get(key)
        if namespace is None or not namespace.meta.get("deletionTimestamp") or namespace.meta.get("finalizers"):
            return False
        for served in self.registry.namespaced_types():
            if any(key.namespace == name for key in self.storage.collection(served).objects):
                return False
        self.storage.remove(self._namespaces, key)
        return True


def _held_back(target: Target) -> Target:
    """The same deletion, checked but not done: the namespace has to be emptied first."""
    return attrs.evolve(target, is_dry_run=True)


def _established(definition: dict[str, Any], time: str) -> dict[str, Any]:
    spec = definition["spec"]
    known = {c["type"]: c for c in (definition.get("status") or {}).get("conditions") or ()}
    conditions = [
        {"lastTransitionTime": time, "message": message, "reason": reason, "status": "True", "type": kind}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    return {
        "acceptedNames": spec["names"],
        "conditions": [known.get(condition["type"], condition) for condition in conditions],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }
