"""What the cache asks of a client: pages of a list, and a watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from reconcilekit.kube.client import Page
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.watch import WatchEvent


class ListWatch(Protocol):
    """The part of a client that reads whole kinds; `reconcilekit.kube.client.Client` has it.

    Methods raise `ApiError`, `WireError` and the `ReconcileError`s of discovery. After a 404 for the kind's own path
    the next call asks discovery anew.
    """

    async def list_page(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        continue_token: str = "",
    ) -> Page:
        """One page; `limit=0` for all at once."""

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        timeout_seconds: int = 290,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """A watch that is open once the context is entered, until the iteration ends."""
