"""What became of a write isn't always known: then it is read, before its key runs again."""

from __future__ import annotations

from reconcilekit.errors import ApiError, ReconcileError, WireError
from reconcilekit.kube.discovery import KindAbsentError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.absence import read_if_there
from reconcilekit.runtime.own_writes import OwnWrites
from reconcilekit.runtime.reconciler import Reconciler
from reconcilekit.runtime.services import Services


class Settler:
    """Settles the doubts of one controller.

    Args:
        reconciler: the user's.
        services: what it's read with.
        own_writes: of this controller; it holds the doubts.
    """

    def __init__(self, reconciler: Reconciler, *, services: Services, own_writes: OwnWrites) -> None:
        self._declared = {resource: resource for resource in reconciler.declared}
        self._client = services.client
        self._cache = services.cache
        self._classifier = services.classifier
        self._own_writes = own_writes

    async def settle(self, key: ObjectKey) -> ReconcileError | None:
        """Read live what it isn't known of what became of it, so that it's known what the view must have seen.

        Returns:
            The verdict on a read that failed: the key then stays in doubt.
        """
        for resource, object_key in self._own_writes.doubts(key):
            try:
                live = await self._read_live(self._declared[resource], object_key)
            except (ApiError, WireError, ReconcileError) as error:
                return self._classifier.classify(error)
            if live is None:
                self._await_absence(key, resource, object_key)
            else:
                self._own_writes.await_version(key, resource, object_key, live.meta.resource_version)
            self._own_writes.resolve(key, resource, object_key)
        return None

    async def _read_live(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        client = self._client
        try:
            info = await client.discovery.find(resource)
            if info.namespaced != bool(key.namespace):
                return None  # the kind was made anew with another scope, in which there is no such key
            return await read_if_there(client, resource, client.get(resource, key))
        except KindAbsentError:
            if resource.is_optional:
                return None
            raise

    def _await_absence(self, key: ObjectKey, resource: Resource, object_key: ObjectKey) -> None:
        cached = self._cache.store(resource).get(object_key)
        if cached is not None:
            self._own_writes.await_gone(key, resource, object_key, cached.meta.uid, until_removed=True)
