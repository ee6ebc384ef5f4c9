"""Absence is confirmed: what a run looked for in vain is asked of the server before anything rests on it.

Watches of different kinds run apart, so two caches, each correct, show an effect without its cause. A stale value mends
itself with the next event; a hole that was published hurts. A confirmation holds for every view that contains no event
received after its request was sent, of any kind: a later event may be the effect of an object made after the answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

import attrs

from reconcilekit.cache.scope import Scope
from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Store
from reconcilekit.classification import is_kind_unknown, is_namespace_missing, is_not_found
from reconcilekit.errors import ApiError
from reconcilekit.kube.client import Client
from reconcilekit.kube.discovery import KindAbsentError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource

Vain = tuple[Resource, ObjectKey | Selection]
"""An object or a selection that was looked for in vain."""


@attrs.frozen
class Contradiction:
    """The server has what the view lacks; the run is to be repeated once the cache has it, too."""

    resource: Resource
    key: ObjectKey
    resource_version: str


class AbsenceConfirmer:
    """Asks the server, as seldom as it may. One instance serves all controllers of a cache.

    Args:
        client: for the GETs, and LISTs of one.
        stores: by kind; their scopes bound what is asked for.
        sequence: the cache's present sequence.
        capacity: confirmations remembered; forgetting one costs one request.
    """

    def __init__(
        self,
        client: Client,
        *,
        stores: Callable[[Resource], Store],
        sequence: Callable[[], int],
        capacity: int = 10_000,
    ) -> None:
        self._client = client
        self._stores = stores
        self._sequence = sequence
        self._capacity = capacity
        self._absent_at: OrderedDict[Vain, int] = OrderedDict()
        self._asking: dict[Vain, tuple[int, asyncio.Task[RawObject | None]]] = {}
        self._requests = 0

    @property
    def requests(self) -> int:
        """How many requests this has cost so far."""
        return self._requests

    def unconfirmed(self, vain: Collection[Vain], *, view_sequence: int) -> list[Vain]:
        """Those of `vain` on which a commit from this view can't rest yet."""
        return [entry for entry in vain if self._absent_at.get(entry, -1) < view_sequence]

    async def confirm(self, vain: Collection[Vain], *, view_sequence: int) -> list[Contradiction]:
        """Ask for each of `vain`, as far as that isn't known for this view; empty where all are absent indeed.

        Raises:
            ApiError: the server refuses to say.
            WireError: it doesn't answer.
        """
        found = []
        for entry in self.unconfirmed(vain, view_sequence=view_sequence):
            obj = await self._ask(entry, view_sequence)
            if obj is not None:
                found.append(Contradiction(entry[0], obj.key, obj.meta.resource_version))
        return found

    async def _ask(self, entry: Vain, view_sequence: int) -> RawObject | None:
        asking = self._asking.get(entry)
        if asking is None or asking[0] < view_sequence:
            sent_at = self._sequence()
            asking = (sent_at, asyncio.ensure_future(self._request(entry, sent_at)))
            self._asking[entry] = asking
            asking[1].add_done_callback(lambda task: self._answered(entry, task))
        return await asyncio.shield(asking[1])

    def _answered(self, entry: Vain, task: asyncio.Task[RawObject | None]) -> None:
        if self._asking.get(entry, (0, None))[1] is task:
            del self._asking[entry]
        if not task.cancelled():
            task.exception()  # whoever awaited it was told; if nobody did, there's nobody to tell

    async def _request(self, entry: Vain, sent_at: int) -> RawObject | None:
        self._requests += 1
        found = await self._look(*entry)
        if found is None:
            self._absent_at[entry] = max(sent_at, self._absent_at.get(entry, -1))
            self._absent_at.move_to_end(entry)
            while len(self._absent_at) > self._capacity:
                self._absent_at.popitem(last=False)
        return found

    async def _look(self, resource: Resource, sought: ObjectKey | Selection) -> RawObject | None:
        scope = self._stores(resource).scope
        try:
            if isinstance(sought, Selection):
                return await self._first_of(resource, sought, scope)
            if scope.has_selectors:
                return await self._first_in(resource, sought.namespace or None, _named(sought.name, scope))
            return await self._client.get(resource, sought)
        except KindAbsentError:
            # Proven: discovery was complete and had nothing stale.
            return None
        except ApiError as error:
            if is_not_found(error) or is_kind_unknown(error) or is_namespace_missing(error):
                return None
            raise

    async def _first_of(self, resource: Resource, selection: Selection, scope: Scope) -> RawObject | None:
        labels = ",".join(part for part in (scope.label_selector, str(selection.labels or "")) if part)
        query = {"label_selector": labels, "field_selector": scope.field_selector}
        namespaces = scope.namespaces if selection.namespace is None else (selection.namespace,)
        for namespace in namespaces or (None,):
            found = await self._first_in(resource, namespace, query)
            if found is not None:
                return found
        return None

    async def _first_in(self, resource: Resource, namespace: str | None, query: Mapping[str, str]) -> RawObject | None:
        page = await self._client.list_page(resource, namespace=namespace, limit=1, **query)
        return next((item for item in page.items if isinstance(item, RawObject)), None)


def _named(name: str, scope: Scope) -> Mapping[str, str]:
    fields = ",".join(part for part in (scope.field_selector, f"metadata.name={name}") if part)
    return {"label_selector": scope.label_selector, "field_selector": fields}
