"""Garbage collection: what becomes of objects whose owners go.

The rules are those of kube-controller-manager's garbage collector: an object goes when none of its owners is left;
one that is deleted in the foreground waits for the dependents that block it, one that orphans lets its dependents go
first. An owner is absent where its reference, read in the dependent's own namespace, leads to nothing or
to another uid.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, version_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.ownership import (
    Node,
    OwnerGraph,
    references,
    unblocked,
    without_finalizer,
    without_owners,
)
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.writing.deletion import FOREGROUND, ORPHAN

_IGNORED = frozenset({("", "events"), ("events.k8s.io", "events")})


@attrs.frozen(kw_only=True)
class Owners:
    """An object's references, by what became of their owners."""

    solid: list[dict[str, Any]]
    absent: list[dict[str, Any]]
    waiting: list[dict[str, Any]]

    def gone(self) -> list[str]:
        """The uids of owners that no longer keep it."""
        return [reference["uid"] for reference in (*self.absent, *self.waiting)]


class GarbageCollector:
    """Deletes what nobody owns any more.

    Args:
        hands: its reads and writes.
        delay: seconds between a change and what follows.
    """

    kinds: frozenset[StorageKey] | None = None

    def __init__(self, hands: Hands, *, delay: float) -> None:
        self.delay = delay
        self._hands = hands
        self._graph = OwnerGraph()
        self._blamed: set[tuple[Node, str]] = set()
        self._is_stale = False

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """An object with owners, an owner that goes, or one that waits for its dependents."""
        before, after = event.before, event.after
        stored = version_of(event)
        if kind in _IGNORED:
            return ()
        has_owners = "ownerReferences" in stored.meta or (before is not None and "ownerReferences" in before.meta)
        if not has_owners and not _is_leaving(event):
            return ()
        node = Node(kind, stored.key)
        if after is None:
            self._blamed.discard((node, stored.uid))
        if self._is_stale:
            return [*self._read_all(), *self._consequences(node, event)]
        if has_owners:
            self._graph.change(node, before, after)
        return self._consequences(node, event)

    def look_at(self, item: Hashable) -> None:
        """Decide about one object by what is there now."""
        assert isinstance(item, Node)
        live = self._hands.get(item.kind, item.key)
        if live is None:
            return
        if live.meta.get("deletionTimestamp"):
            self._help_leave(item, live)
        elif references(live.meta):
            self._judge(item, live)

    def start_over(self) -> Iterable[Hashable]:
        """Every object that has an owner or waits for its dependents.

        Without a delay, nothing was left undone, and reading everything can wait until an owner matters: forks that
        never come to that stay cheap.
        """
        self._is_stale = True
        return self._read_all() if self.delay else ()

    def _read_all(self) -> list[Node]:
        self._is_stale = False
        self._graph.clear()
        found = []
        for served in self._hands.all_kinds():
            kind = served.storage_key
            for stored in self._hands.select(kind):
                node = Node(kind, stored.key)
                self._graph.change(node, None, stored)
                if kind not in _IGNORED and ("ownerReferences" in stored.meta or stored.meta.get("deletionTimestamp")):
                    found.append(node)
        return found

    def _consequences(self, node: Node, event: Event) -> list[Node]:
        found: list[Node] = []
        if event.after is None:
            gone = version_of(event)
            found += self._graph.dependents(gone.uid)
            found += self._owners_of(node, gone)
            return found
        found.append(node)
        if FOREGROUND in (event.after.meta.get("finalizers") or ()):
            found += self._graph.dependents(event.after.uid)
        if event.before is not None and references(event.before.meta) != references(event.after.meta):
            found += self._owners_of(node, event.before)
        return found

    def _owners_of(self, node: Node, stored: Stored) -> list[Node]:
        """Owners that may have waited for this dependent."""
        owners = (self._owner_node(node, reference) for reference in references(stored.meta))
        return [owner for owner in owners if owner is not None]

    def _owner_node(self, dependent: Node, reference: Mapping[str, Any]) -> Node | None:
        served = self._hands.kind_of(str(reference.get("apiVersion")), str(reference.get("kind")))
        if served is None:
            return None
        namespace = dependent.key.namespace if served.is_namespaced else ""
        return Node(served.storage_key, ObjectKey(namespace, str(reference.get("name"))))

    def _help_leave(self, node: Node, live: Stored) -> None:
        finalizers = live.meta.get("finalizers") or ()
        if ORPHAN in finalizers:
            for dependent in self._graph.dependents(live.uid):
                self._rewrite(dependent, lambda metadata: without_owners(metadata, [live.uid]))
            self._rewrite(node, lambda metadata: without_finalizer(metadata, ORPHAN))
        elif FOREGROUND in finalizers:
            self._wait_for_dependents(node, live)

    def _wait_for_dependents(self, node: Node, live: Stored) -> None:
        if not any(self._is_blocking(dependent, live.uid) for dependent in self._graph.dependents(live.uid)):
            self._rewrite(node, lambda metadata: without_finalizer(metadata, FOREGROUND))

    def _is_blocking(self, dependent: Node, uid: str) -> bool:
        stored = self._hands.get(dependent.kind, dependent.key)
        return stored is not None and any(
            reference.get("uid") == uid and reference.get("blockOwnerDeletion") for reference in references(stored.meta)
        )

    def _judge(self, node: Node, live: Stored) -> None:
        owners = self._owners(node, live)
        if owners is None:
            return
        if owners.solid:
            if gone := owners.gone():
                self._rewrite(node, lambda metadata: without_owners(metadata, gone))
            return
        dependents = self._graph.dependents(live.uid) if owners.waiting else []
        if dependents and any(self._waits_for_dependents(dependent) for dependent in dependents):
            # A circle of objects that wait for each other would never end.
            self._rewrite(node, unblocked)
        self._hands.delete(node.kind, node.key, {"propagationPolicy": _policy(live, has_dependents=bool(dependents))})

    def _owners(self, node: Node, live: Stored) -> Owners | None:
        """None where a reference can't be followed: such an object is left alone."""
        owners = Owners(solid=[], absent=[], waiting=[])
        for reference in references(live.meta):
            served = self._hands.kind_of(str(reference.get("apiVersion")), str(reference.get("kind")))
            if served is None or (served.is_namespaced and not node.key.namespace):
                self._blame(node, live, reference)
                return None
            namespace = node.key.namespace if served.is_namespaced else ""
            owner = self._hands.get(served.storage_key, ObjectKey(namespace, str(reference.get("name"))))
            if owner is None or owner.uid != reference.get("uid"):
                self._blame(node, live, reference)
                owners.absent.append(reference)
            elif _is_waiting(owner):
                owners.waiting.append(reference)
            else:
                owners.solid.append(reference)
        return owners

    def _blame(self, node: Node, live: Stored, reference: Mapping[str, Any]) -> None:
        """Say it once where the owner lives in another namespace; nothing else tells the user why the object went."""
        uid = str(reference.get("uid"))
        elsewhere = self._hands.find_uid(str(reference.get("apiVersion")), str(reference.get("kind")), uid)
        if elsewhere is None or not elsewhere.key.namespace or (node, live.uid) in self._blamed:
            return
        self._blamed.add((node, live.uid))
        served = self._hands.served(node.kind)
        assert served is not None
        text = (
            f"[{reference['apiVersion']}/{reference['kind']}, namespace: {node.key.namespace}, "
            f"name: {reference['name']}, uid: {uid}]"
        )
        involved = {"kind": served.kind, "apiVersion": served.api_version, "uid": live.uid, "name": node.key.name}
        if node.key.namespace:
            involved["namespace"] = node.key.namespace
        self._hands.tell(
            involved,
            reason="OwnerRefInvalidNamespace",
            message=f'ownerRef {text} does not exist in namespace "{node.key.namespace}"',
            component="garbage-collector-controller",
            kind="Warning",
        )

    def _waits_for_dependents(self, node: Node) -> bool:
        stored = self._hands.get(node.kind, node.key)
        return stored is not None and _is_waiting(stored)

    def _rewrite(self, node: Node, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def transform(live: dict[str, Any]) -> dict[str, Any]:
            return {**live, "metadata": change(live["metadata"])}

        self._hands.change(node.kind, node.key, transform)


def _is_waiting(stored: Stored) -> bool:
    return bool(stored.meta.get("deletionTimestamp")) and FOREGROUND in (stored.meta.get("finalizers") or ())


def _is_leaving(event: Event) -> bool:
    return event.after is None or "deletionTimestamp" in event.after.meta


def _policy(live: Stored, *, has_dependents: bool) -> str:
    if has_dependents:
        return "Foreground"
    finalizers = live.meta.get("finalizers") or ()
    if ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in finalizers else "Background"
