"""From what a folder holds to a cluster's state."""

from __future__ import annotations

from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.crd.definitions.acceptance import is_established
from reconcilekit.testing.apiserver.kinds.resources import Registry
from reconcilekit.testing.apiserver.storage.definitions import define
from reconcilekit.testing.apiserver.storage.folder import Kept, KeptChange
from reconcilekit.testing.apiserver.storage.records import DamagedDataError
from reconcilekit.testing.apiserver.storage.storage import Storage
from reconcilekit.testing.apiserver.storage.versions import Event, EventType, Stored

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


def recover(kept: Kept, storage: Storage, registry: Registry) -> None:
    """Bring a storage and a registry to where the folder's server stopped.

    Raises:
        DamagedDataError: a change doesn't fit what stands before it.
    """
    storage.load(kept.revision, kept.objects)
    for kind, stored in kept.objects:
        if kind == DEFINITIONS and is_established(stored.content):
            define(stored.content, registry, storage)
    # A definition goes before its objects do, whose changes still need the kind.
    gone: dict[ObjectKey, dict[str, Any]] = {}
    for change in kept.changes:
        event = _event(change, storage, registry)
        storage.replay(event)
        if event.served.storage_key != DEFINITIONS:
            continue
        if event.after is not None:
            gone.pop(event.key, None)
            if is_established(event.after.content):
                define(event.after.content, registry, storage)
        elif event.before is not None:
            gone[event.key] = event.before.content
    for definition in gone.values():
        registry.undefine(definition)


def _event(change: KeptChange, storage: Storage, registry: Registry) -> Event:
    served = registry.find(*change.kind)
    if served is None:
        raise DamagedDataError(*change.place, f"its kind {'/'.join(change.kind)} isn't served")
    before = storage.collection(served).objects.get(change.key)
    if change.after is None and before is None:
        raise DamagedDataError(*change.place, f"{change.key} goes without having been there")
    after = None if change.after is None else Stored(change.key, change.revision, change.after)
    kind: EventType = "DELETED" if after is None else "MODIFIED" if before else "ADDED"
    return Event(kind, change.revision, before, after, served=served)
