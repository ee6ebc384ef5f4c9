"""Lists as they are written: what stands around the items, and each item, a few at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.encoding.lists import JsonList, ListWriter, YamlList
from reconcilekit.testing.apiserver.encoding.negotiation import PROTOBUF, YAML, Accepted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
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
        arrange: puts a page's objects as the items are to be.
    """

    around: Callable[[Page], dict[str, Any]]
    name: str = "items"
    item: Callable[[Stored], bytes]
    is_null_if_empty: bool = False
    arrange: Callable[[Sequence[Stored]], Sequence[Stored]] | None = None


def steps(pages: Generator[None, None, Page], form: ListForm, accepted: Accepted) -> Generator[None, None, Response]:
    """Find some objects, and write some, and return the answer."""
    page = yield from pages
    writer = _writer(form, page, accepted)
    objects = iter(page.objects if form.arrange is None else form.arrange(page.objects))
    while some := list(itertools.islice(objects, writer.at_once)):
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
        arrange=maker.arranged,
    )


def _writer(form: ListForm, page: Page, accepted: Accepted) -> ListWriter:
    around = form.around(page)
    if accepted.media_type == YAML:
        return YamlList(around, form.name, is_null_if_empty=form.is_null_if_empty)
    if accepted.media_type == PROTOBUF:
        from reconcilekit.testing.apiserver.encoding.protobuf import ProtobufList

        if (found := ProtobufList.of(around, form.name)) is not None:
            return found
    return JsonList(around, form.name, is_null_if_empty=form.is_null_if_empty)
