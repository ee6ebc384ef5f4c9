"""What becomes of Namespaces: they get their first contents, and go when they have been emptied."""

from __future__ import annotations

import collections
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of, version_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event
from reconcilekit.testing.apiserver.writing.settling import FINALIZE

NAMESPACES = ("", "namespaces")
PODS = ("", "pods")
ACCOUNTS = ("", "serviceaccounts")
CONFIG_MAPS = ("", "configmaps")
TOKEN = "kubernetes"  # noqa: S105 -- the finalizer's name
"""The finalizer in `spec.finalizers` that the namespace controller takes off."""

# Condition type, reason and message while nothing is wrong.
_FINE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)


class NamespaceFinalizer:
    """Empties a Namespace that is being deleted, Pods first (KEP-5080), says what is left, and lets it go.

    Args:
        hands: its reads and writes.
        delay: seconds between a change and its next step.
    """

    kinds: frozenset[StorageKey] | None = None

    def __init__(self, hands: Hands, *, delay: float) -> None:
        self.delay = delay
        self._hands = hands
        self._ending: set[str] = set()

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A Namespace that is being deleted, or a deletion inside of one."""
        if kind == NAMESPACES:
            return self._notice_namespace(event)
        if self._ending and event.after is None and (name := key_of(event).namespace) in self._ending:
            return (name,)
        return ()

    def look_at(self, item: Hashable) -> None:
        """Empty it as far as that goes now."""
        namespace = self._hands.get(NAMESPACES, ObjectKey("", str(item)))
        if namespace is None or not namespace.meta.get("deletionTimestamp"):
            return
        if not (namespace.content.get("spec") or {}).get("finalizers"):
            return
        remaining, finalizers = self._empty(namespace.key.name)
        # While Pods are left, the real controller doesn't get to say so: its conditions are then all fine.
        is_held_by_pods = remaining.get("pods.", 0) > 0
        told = {} if is_held_by_pods else _remaining_conditions(remaining, finalizers)
        status = dict(namespace.content.get("status") or {})
        status["conditions"] = _conditions(status.get("conditions") or [], told, self._hands.timestamp())
        self._hands.set_status(NAMESPACES, namespace.key, status)
        if not remaining:
            self._hands.change(NAMESPACES, namespace.key, _finalized, subresource=FINALIZE)

    def start_over(self) -> Iterable[Hashable]:
        """Every Namespace that is being deleted."""
        self._ending = {stored.key.name for stored in self._hands.select(NAMESPACES) if _is_ending(stored.meta)}
        return sorted(self._ending)

    def _notice_namespace(self, event: Event) -> Iterable[Hashable]:
        name = key_of(event).name
        if event.after is None:
            self._ending.discard(name)
            return ()
        if not _is_ending(event.after.meta):
            return ()
        if name in self._ending and _is_status_alone(event):
            return ()
        self._ending.add(name)
        return (name,)

    def _empty(self, name: str) -> tuple[dict[str, int], dict[str, int]]:
        """Delete what is inside; how many are left of each kind, and under each finalizer."""
        counts: dict[str, int] = {}
        finalizers: collections.Counter[str] = collections.Counter()
        kinds = sorted((served.storage_key for served in self._hands.kinds()), key=lambda kind: (kind != PODS, kind))
        for kind in kinds:
            for stored in self._hands.select(kind, name):
                self._hands.delete(kind, stored.key)
            left = self._hands.select(kind, name)
            if left:
                counts[f"{kind[1]}.{kind[0]}"] = len(left)
                finalizers.update(text for stored in left for text in stored.meta.get("finalizers") or ())
            if left and kind == PODS:
                break
        return counts, dict(finalizers)


class NamespaceContents:
    """Gives every Namespace a ServiceAccount "default" and a ConfigMap "kube-root-ca.crt", and gives them back.

    Args:
        hands: its reads and writes.
    """

    delay = 0.0
    kinds: frozenset[StorageKey] | None = frozenset({NAMESPACES, ACCOUNTS, CONFIG_MAPS})

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A Namespace that is new, an account that was deleted, a ConfigMap that was deleted or changed."""
        stored = version_of(event)
        if kind == NAMESPACES:
            return (stored.key.name,) if event.type == "ADDED" else ()
        if kind == CONFIG_MAPS:
            is_ours = event.type != "ADDED" and stored.key.name == _ROOT_CA
        else:
            is_ours = event.after is None and stored.key.name == "default"
        return (stored.key.namespace,) if is_ours else ()

    def look_at(self, item: Hashable) -> None:
        """Fill in what isn't there."""
        name = str(item)
        namespace = self._hands.get(NAMESPACES, ObjectKey("", name))
        if namespace is None or _is_ending(namespace.meta):
            return
        self._publish(name)
        if self._hands.get(ACCOUNTS, ObjectKey(name, "default")) is None:
            self._hands.create(ACCOUNTS, {"metadata": {"name": "default", "namespace": name}})

    def start_over(self) -> Iterable[Hashable]:
        """Every Namespace."""
        return [stored.key.name for stored in self._hands.select(NAMESPACES)]

    def _publish(self, namespace: str) -> None:
        """Write the authority's certificate, and the note beside it, where they aren't there."""
        key, data = ObjectKey(namespace, _ROOT_CA), {"ca.crt": self._hands.cluster.root_certificate()}
        note = {_DESCRIPTION: _ROOT_CA_NOTE}
        live = self._hands.get(CONFIG_MAPS, key)
        if live is None:
            metadata: dict[str, Any] = {"name": key.name, "namespace": namespace, "annotations": note}
            self._hands.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
        elif live.content.get("data") != data or not (live.meta.get("annotations") or {}).get(_DESCRIPTION):
            self._hands.change(CONFIG_MAPS, key, lambda obj: _published(obj, data, note))


def _published(obj: dict[str, Any], data: dict[str, str], note: dict[str, str]) -> dict[str, Any]:
    metadata = obj["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **note}
    return {**obj, "metadata": {**metadata, "annotations": annotations}, "data": data}


_ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = "kubernetes.io/description"
_ROOT_CA_NOTE = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def _is_ending(metadata: Mapping[str, Any]) -> bool:
    return bool(metadata.get("deletionTimestamp"))


def _is_status_alone(event: Event) -> bool:
    """Whether nothing but the status changed: our own words aren't news."""
    if event.before is None or event.after is None:
        return False
    names = ("deletionTimestamp", "finalizers")
    is_same = all(event.before.meta.get(name) == event.after.meta.get(name) for name in names)
    return is_same and event.before.content.get("spec") == event.after.content.get("spec")


def _finalized(obj: dict[str, Any]) -> dict[str, Any]:
    spec = dict(obj.get("spec") or {})
    left = [name for name in spec.pop("finalizers", ()) if name != TOKEN]
    return {**obj, "spec": {**spec, **({"finalizers": left} if left else {})}}


def _remaining_conditions(counts: Mapping[str, int], finalizers: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Reason and message of the conditions that aren't fine."""
    told = {}
    if counts:
        listed = ", ".join(sorted(f"{kind} has {count} resource instances" for kind, count in counts.items()))
        told["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {listed}")
    if finalizers:
        listed = ", ".join(sorted(f"{name} in {count} resource instances" for name, count in finalizers.items()))
        message = f"Some content in the namespace has finalizers remaining: {listed}"
        told["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return told


def _conditions(
    known: Iterable[Mapping[str, Any]], told: Mapping[str, tuple[str, str]], time: str
) -> list[dict[str, Any]]:
    """The Namespace's conditions; those that say what they said keep their time."""
    old = {condition["type"]: condition for condition in known}
    conditions = []
    for kind, *fine in _FINE:
        status = "True" if kind in told else "False"
        reason, message = told.get(kind, fine)
        before = old.pop(kind, None)
        since = before["lastTransitionTime"] if before and before["status"] == status else time
        entry = {"lastTransitionTime": since, "message": message, "reason": reason, "status": status, "type": kind}
        conditions.append(entry)
    return [*(dict(condition) for condition in old.values()), *conditions]
