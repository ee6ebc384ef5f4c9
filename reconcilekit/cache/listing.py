"""One whole list of a kind, page by page."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from reconcilekit.cache.scope import Scope
from reconcilekit.cache.source import ListWatch
from reconcilekit.kube.client import ContinueExpiredError, Page
from reconcilekit.kube.objects import RawObject, UndecodableObject
from reconcilekit.kube.resource import ObjectKey, Resource


@attrs.define(kw_only=True)
class Listing:
    """What a list found.

    Attributes:
        resource_version: the version that it shows, where a watch goes on from.
        objects: what could be decoded.
        undecodable: what couldn't.
    """

    resource_version: str
    objects: dict[ObjectKey, RawObject] = attrs.field(factory=dict)
    undecodable: list[UndecodableObject] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class Lister:
    """Lists one kind in one namespace, or in all.

    Args:
        client: asked for the pages.
        resource: the kind.
        namespace: None for all.
        scope: its selectors narrow the list.
        page_size: objects per page.
        reuse: gives an equal object that is held already, or the one it is given: a relist of an unchanged kind then
            needs no more memory than one page.
    """

    client: ListWatch
    resource: Resource
    namespace: str | None
    scope: Scope
    page_size: int
    reuse: Callable[[RawObject], RawObject]

    async def list_all(self) -> Listing:
        """The kind as it is now, by a consistent read (no resourceVersion: "0" can go back in time, k/k#59848).

        A continue token that expires on the way (410) means starting over: what was read is dropped, and the second
        try asks for everything in one page, which can't expire.
        """
        first = await self._page(limit=self.page_size)
        try:
            return await self._collect(first)
        except ContinueExpiredError:
            del first
        return await self._collect(await self._page(limit=0))

    async def fresh_version(self) -> str:
        """The server's present resourceVersion, by the smallest consistent read."""
        return (await self._page(limit=1)).resource_version

    async def _collect(self, page: Page) -> Listing:
        listing = Listing(resource_version=page.resource_version)
        self._take(page, listing)
        while page.continue_token:
            page = await self._page(limit=self.page_size, continue_token=page.continue_token)
            self._take(page, listing)
        return listing

    def _take(self, page: Page, listing: Listing) -> None:
        for item in page.items:
            if isinstance(item, UndecodableObject):
                listing.undecodable.append(item)
            else:
                listing.objects[item.key] = self.reuse(item)

    async def _page(self, *, limit: int, continue_token: str = "") -> Page:
        return await self.client.list_page(
            self.resource,
            namespace=self.namespace,
            label_selector=self.scope.label_selector,
            field_selector=self.scope.field_selector,
            limit=limit,
            continue_token=continue_token,
        )
