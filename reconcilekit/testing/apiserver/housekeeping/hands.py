"""How controllers read and write: through the same checks as requests, without the way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from reconcilekit.kube.resource import ObjectKey, Resource, is_nameable
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.housekeeping.cluster import KeptCluster
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.writing.preconditions import Target

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.housekeeping.recording import Correlator

MANAGER = "kube-controller-manager"
EVENTS = ("", "events")


class Hands:
    """A controller's reads and writes; what isn't there any more, or is refused, is None.

    A write that the server can't make, such as on a full disk, raises its StatusError (500).

    Args:
        cluster: where.
        manager: the field manager, as the real one's user agent makes it.
    """

    def __init__(self, cluster: KeptCluster, manager: str = MANAGER) -> None:
        self._cluster = cluster
        self._manager = manager
        self._told: Correlator | None = None

    @property
    def cluster(self) -> KeptCluster:
        """Where they are."""
        return self._cluster

    def timestamp(self) -> str:
        """Now, as objects have it."""
        return self._cluster.storage.timestamp()

    def served(self, kind: StorageKey) -> ResourceType | None:
        """A kind in its preferred version, or the one that its objects are stored in, where that is told."""
        group, plural = kind
        registry = self._cluster.registry
        found = [served for v in registry.versions(group) if (served := registry.find(group, v, plural)) is not None]
        stored = (served for served in found if served.custom is not None and served.custom.is_storage)
        return next(stored, found[0] if found else None)

    def kinds(self) -> list[ResourceType]:
        """Every kind whose objects live in namespaces."""
        return self._cluster.registry.namespaced_types()

    def all_kinds(self) -> list[ResourceType]:
        """Every kind, one version of each."""
        registry = self._cluster.registry
        types = [t for group in registry.groups() for v in registry.versions(group) for t in registry.types(group, v)]
        return list({t.storage_key: t for t in types}.values())

    def kind_of(self, api_version: str, kind: str) -> ResourceType | None:
        """What an owner reference names."""
        if not is_nameable(api_version, kind):
            return None
        try:
            return self._cluster.registry.of(Resource(api_version, kind))
        except KeyError:
            return None

    def find_uid(self, api_version: str, kind: str, uid: str) -> Stored | None:
        """The object of a kind that has this uid, wherever it is."""
        served = self.kind_of(api_version, kind)
        objects = self._cluster.storage.collection(served).objects.values() if served is not None else ()
        return next((stored for stored in objects if stored.uid == uid), None)

    def get(self, kind: StorageKey, key: ObjectKey) -> Stored | None:
        """One object."""
        served = self.served(kind)
        return None if served is None else self._cluster.storage.collection(served).objects.get(key)

    def select(self, kind: StorageKey, namespace: str = "") -> list[Stored]:
        """A kind's objects in the order of lists, of one namespace or of all."""
        served = self.served(kind)
        if served is None:
            return []
        return list(self._cluster.storage.collection(served).within(namespace))

    def has_any(self, kind: StorageKey) -> bool:
        """Whether there is any object of a kind."""
        served = self.served(kind)
        return served is not None and len(self._cluster.storage.collection(served).objects) > 0

    def create(
        self, kind: StorageKey, obj: dict[str, Any], *, refused: Callable[[StatusError], None] | None = None
    ) -> Stored | None:
        """Create it, in the namespace that its metadata names.

        Args:
            kind: what it is.
            obj: its content.
            refused: told why where it isn't created.
        """
        metadata = obj["metadata"]
        key = ObjectKey(metadata.get("namespace", ""), metadata.get("name", ""))
        return self._write(kind, key, lambda target: self._cluster.create(target, obj).stored, refused=refused)

    def change(
        self,
        kind: StorageKey,
        key: ObjectKey,
        transform: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        subresource: str = "",
    ) -> Stored | None:
        """Write what `transform` makes of the live object, which it mustn't change in place."""
        return self._write(
            kind, key, lambda target: self._cluster.patch(target, transform).stored, subresource=subresource
        )

    def set_status(self, kind: StorageKey, key: ObjectKey, status: Mapping[str, Any]) -> Stored | None:
        """Replace the status where it differs."""
        live = self.get(kind, key)
        if live is None or live.content.get("status") == status:
            return live
        return self.change(kind, key, lambda obj: {**obj, "status": status}, subresource="status")

    def delete(self, kind: StorageKey, key: ObjectKey, options: Mapping[str, Any] | None = None) -> None:
        """Delete it, in the background where `options` don't say otherwise."""
        told = {"propagationPolicy": "Background", **(options or {})}
        self._write(kind, key, lambda target: self._cluster.delete(target, told).stored)

    def put(self, kind: StorageKey, key: ObjectKey, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Store a version past all checks and managed fields, as a binding is; `change` gets a copy."""
        served, live = self.served(kind), self.get(kind, key)
        if served is not None and live is not None:
            content = change({**live.content, "metadata": dict(live.meta)})
            self._cluster.storage.put(served, key, content)

    def expire(self, kind: StorageKey, key: ObjectKey) -> None:
        """Remove an object at once, whatever its finalizers say, as a lease's end does."""
        served = self.served(kind)
        if served is not None and self.get(kind, key) is not None:
            self._cluster.storage.remove(served, key)

    def tell(
        self, involved: Mapping[str, str], *, reason: str, message: str, component: str, kind: str = "Normal"
    ) -> None:
        """Record an Event about an object, or that one came about again; see `recording`."""
        from reconcilekit.testing.apiserver.housekeeping.recording import Correlator

        time, namespace = self.timestamp(), involved.get("namespace", "default")
        event: dict[str, Any] = {
            "involvedObject": dict(involved),
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "type": kind,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": "",
        }
        if self._told is None:
            self._told = Correlator()
        name = f"{involved['name']}.{self._cluster.clock.random.getrandbits(63):016x}"
        correlated = self._told.correlate(event, name=name, now=self._cluster.clock.monotonic())
        if correlated is None:
            return
        body, line = correlated
        key = ObjectKey(namespace, line.name)
        if self.get(EVENTS, key) is None:
            self.create(EVENTS, {"metadata": {"name": line.name, "namespace": namespace}, **body})
        else:
            again = {part: body[part] for part in ("count", "lastTimestamp", "message")}
            self.change(EVENTS, key, lambda live: {**live, **again})

    def forget_told(self) -> None:
        """Begin anew with what was told: the past has changed."""
        self._told = None

    def _write(
        self,
        kind: StorageKey,
        key: ObjectKey,
        write: Callable[[Target], Stored],
        *,
        subresource: str = "",
        refused: Callable[[StatusError], None] | None = None,
    ) -> Stored | None:
        served = self.served(kind)
        if served is None:
            return None
        target = Target(served=served, key=key, subresource=subresource, manager=self._manager)
        try:
            return write(target)
        except StatusError as error:
            if error.code == HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            if refused is not None:
                refused(error)
            # Gone, taken, terminating or refused: as in the real ones, the next change leads to the next look.
            return None
