"""Lists as they are written: what stands around the items, and each item, a few at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.encoding.negotiation import JSON, PROTOBUF, Accepted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import STEP
from reconcilekit.testing.apiserver.storage.versions import Stored
from reconcilekit.testing.apiserver.tables.partial import partial
from reconcilekit.testing.apiserver.verbs.reads import Page

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.tables.table import TableMaker


@attrs.frozen(kw_only=True)
class ListForm:
    """What a list is turned into.

    Attributes:
        around: the list without its items.
        name: of the field that holds the items.
        item: one of them, as JSON.
        is_null_if_empty: the field is null where there are none.
    """

    around: Callable[[Page], dict[str, Any]]
    name: str = "items"
    item: Callable[[Stored], bytes]
    is_null_if_empty: bool = False


class Writer(Protocol):
    """Takes a list's items in, a few at a time."""

    @property
    def media_type(self) -> str:
        """Of the body."""

    def add(self, items: Iterable[bytes]) -> None:
        """Write some, which are JSON."""

    def body(self) -> bytes:
        """The whole list."""


def steps(pages: Generator[None, None, Page], form: ListForm, accepted: Accepted) -> Generator[None, None, Response]:
    """Find some objects, and write some, and return the answer."""
    page = yield from pages
    writer = _writer(form, page, accepted)
    objects = iter(page.objects)
    while some := list(itertools.islice(objects, STEP)):
        writer.add(map(form.item, some))
        yield
    return Response(status=200, headers={"content-type": writer.media_type}, body=writer.body())


def already(page: Page) -> Generator[None, None, Page]:
    """A page that is there: no steps."""
    yield from ()
    return page


def plain(served: ResourceType) -> ListForm:
    """Objects as they are. Items of built-in kinds come without kind and apiVersion, as the real server's do."""
    if served.custom is not None:
        kind = {"kind": served.custom.list_kind, "apiVersion": served.api_version}
        return ListForm(
            around=lambda page: {**kind, "metadata": {"continue": "", **page.metadata()}},
            item=lambda stored: stored.body(served),
        )
    kind = {"kind": f"{served.kind}List", "apiVersion": served.api_version}
    return ListForm(
        around=lambda page: {**kind, "metadata": page.metadata()}, item=lambda stored: stored.encoded_as(served)
    )


def partial_metadata(version: str) -> ListForm:
    """Objects as their metadata."""
    kind = {"kind": "PartialObjectMetadataList", "apiVersion": f"meta.k8s.io/{version}"}
    return ListForm(
        around=lambda page: {**kind, "metadata": page.metadata()},
        item=lambda stored: msgspec.json.encode(partial(stored, version)),
        is_null_if_empty=True,
    )


def table(maker: TableMaker, *, now: datetime) -> ListForm:
    """Objects as the rows of a Table, aged at `now`."""
    return ListForm(
        around=lambda page: maker.around(page.metadata()),
        name="rows",
        item=lambda stored: msgspec.json.encode(maker.row(stored, now)),
        is_null_if_empty=maker.is_null_if_empty,
    )


def _writer(form: ListForm, page: Page, accepted: Accepted) -> Writer:
    around = form.around(page)
    if accepted.media_type == PROTOBUF:
        from reconcilekit.testing.apiserver.encoding.protobuf import ListWriter

        if (found := ListWriter.of(around, form.name)) is not None:
            return found
    return _JsonWriter(around, form)


class _JsonWriter:
    media_type = JSON

    def __init__(self, around: dict[str, Any], form: ListForm) -> None:
        self._form = form
        self._written = [b'%s,"%s":' % (msgspec.json.encode(around)[:-1], form.name.encode())]

    def add(self, items: Iterable[bytes]) -> None:
        self._written += [b"," if len(self._written) > 1 else b"[", b",".join(items)]

    def body(self) -> bytes:
        # Once, because each copy of some megabytes takes a millisecond in which nobody else is served.
        is_empty = len(self._written) == 1
        end = b"]}" if not is_empty else b"null}" if self._form.is_null_if_empty else b"[]}"
        return b"".join([*self._written, end])
