"""Reads past the view: what the server has now.

They are marked by their name, since they break what the view promises: two of them may differ, and what they see wakes
nobody. Their failures are classified like every other.
"""

from __future__ import annotations

from typing import Any

from reconcilekit.kube.client import Client
from reconcilekit.kube.objects import RawObject, UndecodableObject, UndecodableObjectError
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.workers import Workers

Objects = list[dict[str, Any]]
"""Whole objects, each a dict of its own."""


class LiveReader:
    """Live reads of one run.

    Args:
        client: whose transport is used.
        workers: through which a `def` reconciler's thread reaches the event loop.
        namespace: the primary's.
    """

    def __init__(self, client: Client, *, workers: Workers, namespace: str = "") -> None:
        self._client = client
        self._workers = workers
        self._namespace = namespace
        self._count = 0

    @property
    def count(self) -> int:
        """How many live reads this run has made; the run's log says so."""
        return self._count

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> dict[str, Any]:
        """The object as the server has it now; for `async def`.

        Args:
            resource: any kind that the server serves.
            name: of the object.
            namespace: default the primary's; passed over for cluster-scoped kinds.

        Raises:
            ApiError: the server refuses; 404 where there is none.
            WireError: no answer.
        """
        self._count += 1
        info = await self._client.discovery.find(resource)
        place = self._namespace if namespace is None else namespace
        return (await self._client.get(resource, ObjectKey(place if info.namespaced else "", name))).decode()

    def get_blocking(self, resource: Resource, name: str, *, namespace: str | None = None) -> dict[str, Any]:
        """The same for a `def`, which waits in its thread."""
        return self._workers.call_from_thread(self.get(resource, name, namespace=namespace))

    async def list(self, resource: Resource, *, namespace: str | None = None, labels: str = "") -> Objects:
        """All objects that match, as the server has them now; for `async def`."""
        self._count += 1
        found: Objects = []
        token = ""
        while True:
            page = await self._client.list_page(
                resource, namespace=namespace, label_selector=labels, continue_token=token
            )
            found += [whole(item).decode() for item in page.items]
            token = page.continue_token
            if not token:
                return found

    def list_blocking(self, resource: Resource, *, namespace: str | None = None, labels: str = "") -> Objects:
        """The same for a `def`, which waits in its thread."""
        return self._workers.call_from_thread(self.list(resource, namespace=namespace, labels=labels))


def whole(item: RawObject | UndecodableObject) -> RawObject:
    """The item of a list, which with a hole in it would be taken for the whole.

    Raises:
        UndecodableObjectError: it can't be read.
    """
    if isinstance(item, UndecodableObject):
        raise UndecodableObjectError(item)
    return item
