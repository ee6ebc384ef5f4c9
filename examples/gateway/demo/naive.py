"""The controller that this project was started for: what Envoy Gateway v1.4.0 did, with this example's translation.

Its reads come from caches, but for the extension kind, which each reconcile lists from the server. Where that list
fails it logs the error and continues (envoyproxy/gateway#6284 had `continue` in place of `return err`), publishes what
there is, and returns no error, so that nothing is tried again until something else happens to change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from examples.gateway.controllers import DataPlanes, scope_of
from examples.gateway.kinds import GATEWAY, GATEWAY_CLASS, READ_BY_TRANSLATION, TOKEN_POLICY
from examples.gateway.model import Object, parse_metadata
from examples.gateway.reads import Objects
from examples.gateway.translate import is_managed, translate
from reconcilekit import ApiError, Client, Clock, Resource, StateStore, WireError
from reconcilekit.cache.cache import Cache
from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Change

CACHED = (GATEWAY_CLASS, GATEWAY, *(kind for kind in READ_BY_TRANSLATION if kind != TOKEN_POLICY))
ROUTING = frozenset({"HTTPRoute", "Service", "EndpointSlice"})
"""What is put into the resource tree after the extension kind was listed."""

DEBOUNCE = 0.02
"""Seconds in which changes are gathered."""

_log = logging.getLogger(__name__)


class NaiveController:
    """Reconciles everything whenever anything changes.

    Args:
        client: of the API server.
        state: where it publishes, in one stage per Gateway.
        data_planes: where each Gateway's Envoy listens.
        clock: the real one.

    Attributes:
        reconciles: how often it ran.
        logged: the errors that it logged and went on from.
    """

    def __init__(self, client: Client, *, state: StateStore, data_planes: DataPlanes, clock: Clock) -> None:
        self._client = client
        self._state = state
        self._data_planes = data_planes
        self._clock = clock
        self._cache = Cache(client, clock=clock)
        self._changed = asyncio.Event()
        self.reconciles = 0
        self.logged: list[str] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[NaiveController]:
        """Run for the length of an ``async with`` block."""
        for resource in CACHED:
            self._cache.declare(resource)
        await self._cache.start()
        await self._cache.wait_synced(CACHED)
        unsubscribe = self._cache.subscribe(self)
        self._changed.set()
        loop = asyncio.create_task(self._reconcile_whenever_something_changes())
        try:
            yield self
        finally:
            loop.cancel()
            await asyncio.wait({loop})
            unsubscribe()
            await self._cache.aclose()

    def changed(self, change: Change) -> None:
        """Every event is a reason to reconcile everything."""
        self._changed.set()

    def progressed(self, resource: Resource) -> None:
        """Nothing follows from it."""

    def health_changed(self, resource: Resource) -> None:
        """Nothing follows from it."""

    async def _reconcile_whenever_something_changes(self) -> None:
        while True:
            await self._changed.wait()
            await self._clock.sleep(DEBOUNCE)
            self._changed.clear()
            await self.reconcile()

    async def reconcile(self) -> None:
        """Build the resource tree and publish it; no error leaves this function."""
        self.reconciles += 1
        tree: list[Object] = [obj for kind in CACHED if kind.kind not in ROUTING for obj in self._cached(kind)]
        for _ in self._cached(GATEWAY_CLASS):
            try:
                policies = await self._list_live(TOKEN_POLICY)
            except (ApiError, WireError) as error:
                message = f"failed to list {TOKEN_POLICY.kind}, skipping it: {error}"
                _log.error(message)
                self.logged.append(message)
                continue
            tree += policies
            tree += [obj for kind in CACHED if kind.kind in ROUTING for obj in self._cached(kind)]
        self._publish(Objects(tree))

    def _publish(self, objects: Objects) -> None:
        for gateway in objects.select(GATEWAY):
            if not is_managed(gateway, objects):
                continue
            key = parse_metadata(gateway).key
            translation = translate(gateway, objects, data_plane=self._data_planes(key))
            with self._state.stage(owner=f"naive:{key}", replace=True) as stage:
                stage[scope_of(key)].update(translation.snapshot.entries())

    def _cached(self, resource: Resource) -> list[dict[str, Any]]:
        with self._cache.view() as view:
            return [obj.decode() for obj in view.select(resource, Selection())]

    async def _list_live(self, resource: Resource) -> list[dict[str, Any]]:
        page = await self._client.list_page(resource)
        return [item.decode() for item in page.items if hasattr(item, "decode")]
