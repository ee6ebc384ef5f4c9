"""Absence is confirmed: what a run looked for in vain is asked of the server before anything rests on it.

Watches of different kinds run apart, so two caches, each correct, show an effect without its cause. A stale value mends
itself with the next event; a hole that was published hurts. A confirmation holds for every view that contains no event
received after its request was sent, of any kind: a later event may be the effect of an object made after the answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

import attrs

from reconcilekit.cache.scope import Scope
from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Store
from reconcilekit.classification import is_kind_unknown, is_namespace_missing, is_not_found
from reconcilekit.errors import ApiError, TransientError
from reconcilekit.kube.client import Client
from reconcilekit.kube.discovery import KindAbsentError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.live import whole

T = TypeVar("T")

CONCURRENCY = 8
"""Requests in flight for one run: enough that their latencies don't add up, few beside the server's own limit."""

Vain = tuple[Resource, ObjectKey | Selection]
"""An object or a selection that was looked for in vain, with the kind as it was declared by who looked for it."""

_Question = tuple[Resource, ObjectKey | Selection, bool]


@attrs.frozen
class Contradiction:
    """The server has what the view lacks; the run is to be repeated once the cache has it, too.

    Attributes:
        resource: the kind.
        sought: what was looked for in vain.
        key: of an object that the server found for it.
        resource_version: of that object.
    """

    resource: Resource
    sought: ObjectKey | Selection
    key: ObjectKey
    resource_version: str

    def is_shown_by(self, store: Store) -> bool:
        """True where the cache has the object by now."""
        current = store.get(self.key)
        if current is None or isinstance(self.sought, ObjectKey):
            return current is not None
        return store.matches(self.sought, current)


async def read_if_there(client: Client, resource: Resource, reading: Awaitable[T]) -> T | None:
    """What `reading` of this kind gives, or None where the server says that there is nothing.

    A 404 for the kind's own path is no such answer: an API server that has just started gives it for kinds that it
    serves. Discovery has the last word.

    Raises:
        KindAbsentError: it's proven that the server doesn't serve the kind.
        TransientError: that can't be said now.
        ApiError: the server refuses to say.
        WireError: it doesn't answer.
    """
    try:
        return await reading
    except ApiError as error:
        if is_not_found(error) or is_namespace_missing(error):
            return None
        if not is_kind_unknown(error):
            raise
        await client.discovery.find(resource)
        raise TransientError(f"{resource} is served, but {error.request} was answered as if it weren't") from error


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
        self._absent_at: OrderedDict[_Question, int] = OrderedDict()
        self._asking: dict[_Question, tuple[int, asyncio.Task[RawObject | None]]] = {}
        self._requests = 0

    @property
    def requests(self) -> int:
        """How many requests this has cost so far."""
        return self._requests

    def unconfirmed(self, vain: Collection[Vain], *, view_sequence: int) -> list[Vain]:
        """Those of `vain` on which a commit from this view can't rest yet."""
        return [entry for entry in vain if self._absent_at.get(_question(entry), -1) < view_sequence]

    async def confirm(self, vain: Collection[Vain], *, view_sequence: int) -> list[Contradiction]:
        """Ask for each of `vain`, as far as that isn't known for this view; empty where all are absent indeed.

        Raises:
            ApiError: the server refuses to say.
            WireError: it doesn't answer.
            TransientError: it can't be said now.
            UndecodableObjectError: what the server found can't be read, so it's neither there nor absent.
        """
        entries = sorted(self.unconfirmed(vain, view_sequence=view_sequence), key=_order)
        found = []
        for first in range(0, len(entries), CONCURRENCY):
            batch = entries[first : first + CONCURRENCY]
            # All are awaited before any failure is raised, so that none goes on unseen.
            answers = await asyncio.gather(
                *(self._ask(entry, view_sequence) for entry in batch), return_exceptions=True
            )
            for entry, answer in zip(batch, answers, strict=True):
                if isinstance(answer, BaseException):
                    raise answer
                if answer is not None:
                    found.append(Contradiction(*entry, answer.key, answer.meta.resource_version))
        return found

    async def _ask(self, entry: Vain, view_sequence: int) -> RawObject | None:
        question = _question(entry)
        asking = self._asking.get(question)
        if asking is None or asking[0] < view_sequence:
            sent_at = self._sequence()
            asking = (sent_at, asyncio.ensure_future(self._request(entry, sent_at)))
            self._asking[question] = asking
            asking[1].add_done_callback(lambda task: self._answered(question, task))
        return await asyncio.shield(asking[1])

    def _answered(self, question: _Question, task: asyncio.Task[RawObject | None]) -> None:
        if self._asking.get(question, (0, None))[1] is task:
            del self._asking[question]
        if not task.cancelled():
            task.exception()  # whoever awaited it was told; if nobody did, there's nobody to tell

    async def _request(self, entry: Vain, sent_at: int) -> RawObject | None:
        self._requests += 1
        found = await self._look(*entry)
        if found is None:
            question = _question(entry)
            self._absent_at[question] = max(sent_at, self._absent_at.get(question, -1))
            self._absent_at.move_to_end(question)
            while len(self._absent_at) > self._capacity:
                self._absent_at.popitem(last=False)
        return found

    async def _look(self, resource: Resource, sought: ObjectKey | Selection) -> RawObject | None:
        try:
            return await read_if_there(self._client, resource, self._read(resource, sought))
        except KindAbsentError as error:
            if resource.is_optional:
                return None
            raise TransientError(error.message) from error

    async def _read(self, resource: Resource, sought: ObjectKey | Selection) -> RawObject | None:
        scope = self._stores(resource).scope
        if isinstance(sought, Selection):
            return await self._first_of(resource, sought, scope)
        key = await self._place(resource, sought)
        if scope.has_selectors:
            return await self._first_in(resource, key.namespace or None, _named(key.name, scope))
        return await self._client.get(resource, key)

    async def _place(self, resource: Resource, key: ObjectKey) -> ObjectKey:
        """Where the object would stand: what a kind's scope is may be known only since the run looked for it."""
        info = await self._client.discovery.find(resource)
        if info.namespaced and not key.namespace:
            raise TransientError(f"{resource} has turned out to be namespaced since the run looked for {key}")
        return key if info.namespaced else ObjectKey("", key.name)

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
        token = ""
        while True:
            page = await self._client.list_page(resource, namespace=namespace, limit=1, continue_token=token, **query)
            for item in page.items:
                return whole(item)
            # A page may be empty though a later one isn't.
            token = page.continue_token
            if not token:
                return None


def _question(entry: Vain) -> _Question:
    # Where the kind itself is absent, that is an answer for those alone who can do without it.
    return (*entry, entry[0].is_optional)


def _order(entry: Vain) -> tuple[str, str, str, str]:
    resource, sought = entry
    name = str(sought.labels or "") if isinstance(sought, Selection) else sought.name
    return str(resource), type(sought).__name__, sought.namespace or "", name


def _named(name: str, scope: Scope) -> Mapping[str, str]:
    fields = ",".join(part for part in (scope.field_selector, f"metadata.name={name}") if part)
    return {"label_selector": scope.label_selector, "field_selector": fields}
