"""Each published Gateway gets its Envoy node: scopes of the StateStore are subscribed to as they appear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol, Self

from examples.gateway.controllers import GATEWAY_SCOPES, scope_of
from reconcilekit import ObjectKey, StateStore
from reconcilekit.state import StateChange, Subscriber, Subscription


def node_id(gateway: ObjectKey) -> str:
    """What a Gateway's Envoys call themselves."""
    return scope_of(gateway)


class Nodes(Protocol):
    """What serves Envoys: `AdsServer`."""

    def node(self, node_id: str, /) -> Subscriber:
        """What offers a scope's publications to the Envoys of this node id; made when first asked for."""
        ...


class Fleet:
    """Connects a StateStore with what serves the Envoys; a context manager that disconnects them.

    Disconnecting takes nothing from the Envoys: they serve what they have until somebody publishes again.

    Args:
        state: where Gateways publish.
        nodes: what serves it to their Envoys.
    """

    def __init__(self, state: StateStore, nodes: Nodes) -> None:
        self._state = state
        self._nodes = nodes
        self._subscriptions: dict[str, Subscription] = {}
        self._unsubscribe: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Fleet {sorted(self._subscriptions)}>"

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def on_change(change: StateChange) -> None:
            # The store calls on whatever thread changed it.
            loop.call_soon_threadsafe(self._changed, change)

        self._unsubscribe = self._state.on_change(on_change)
        self._connect(self._state.snapshot().scopes)
        return self

    def __exit__(self, *_: object) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()

    def _changed(self, change: StateChange) -> None:
        if self._unsubscribe is not None:
            self._connect(change.scopes)

    def _connect(self, scopes: Iterable[str]) -> None:
        for scope in scopes:
            if scope.startswith(GATEWAY_SCOPES) and scope not in self._subscriptions:
                self._subscriptions[scope] = self._state.scope(scope).subscribe(self._nodes.node(scope))
