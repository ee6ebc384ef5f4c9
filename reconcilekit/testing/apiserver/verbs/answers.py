"""What objects, pages and watch lines look like to who asked for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding.negotiation import Accepted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.zeros import zero_object
from reconcilekit.testing.apiserver.pacing import STEP, Steps
from reconcilekit.testing.apiserver.storage.versions import Stored, watch_line
from reconcilekit.testing.apiserver.tables.partial import partial
from reconcilekit.testing.apiserver.verbs import lists
from reconcilekit.testing.apiserver.verbs.lists import ListForm
from reconcilekit.testing.apiserver.verbs.reads import Page, Search

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.tables.table import TableMaker

_NOT_ACCEPTABLE = "NotAcceptable"

_COUNTED = frozenset({("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets")})
"""Kinds whose replicas are a number even where nothing is set: so the real server has it inside."""


class Presenter:
    """Encodes one request's answer.

    Args:
        served: the kind.
        accepted: the representation.
        query: for `includeObject`.
        now: tells the time, for ages.
        scaled: the kind whose objects' scales are shown; None shows objects themselves.
    """

    def __init__(
        self,
        served: ResourceType,
        accepted: Accepted,
        query: Mapping[str, str],
        now: Callable[[], datetime],
        *,
        scaled: ResourceType | None = None,
    ) -> None:
        self._served = served
        self._accepted = accepted
        self._now = now
        self._query = query
        self._scaled = scaled

    @functools.cached_property
    def _table(self) -> TableMaker | None:
        """Made once there is something to show: whoever asks for what can't be shown is told so last.

        Raises:
            StatusError: 400.
        """
        return _table_maker(self._served, self._accepted, self._query, self._scaled)

    def check(self) -> None:
        """Refuse what can't be shown, before the first of many objects is.

        Raises:
            StatusError: 400.
        """
        _ = self._table

    @property
    def is_plain(self) -> bool:
        """Objects are shown as they are."""
        return not self._accepted.transform

    def one(self, stored: Stored, *, code: int = 200) -> Response:
        """One object.

        Raises:
            StatusError: 406.
        """
        if self.is_plain:
            return _response(stored.body(self._served), code)
        if self._table is not None:
            version = stored.meta.get("resourceVersion")
            metadata = {"resourceVersion": version} if version else {}
            return _json(self._table.of([stored], metadata, now=self._now()), code)
        if self._accepted.transform == "PartialObjectMetadata":
            return _json(partial(stored, self._accepted.version), code)
        kind = f"*{self._package}.{self._served.kind}" if not self._served.is_custom else "*unstructured.Unstructured"
        if self._scaled is not None and self._scaled.is_custom:
            kind = "*v1.Scale"
        raise _refused(f"you requested PartialObjectMetadataList, but the requested object is not a list ({kind})")

    def blank(self) -> Response:
        """An object in which nothing is set.

        Raises:
            StatusError: 406.
        """
        content = zero_object(self._served)
        if self._served.storage_key in _COUNTED:
            content = {**content, "spec": {"replicas": 0, **content["spec"]}}
        if self.is_plain:
            return _json({"kind": self._served.kind, "apiVersion": self._served.api_version, **content}, 200)
        return self.one(Stored(ObjectKey("", ""), 0, {"metadata": {}, **content}))

    @property
    def _package(self) -> str:
        """The Go package of a built-in kind."""
        return self._served.group.partition(".")[0] or "core"

    def page(self, search: Search) -> Response | Steps:
        """A list; in steps where it may be long.

        Raises:
            StatusError: 406.
        """
        return self._listed(search.steps(), search.most)

    def found(self, page: Page) -> Response | Steps:
        """The same of a page that is there.

        Raises:
            StatusError: 406.
        """
        return self._listed(lists.already(page), len(page.objects))

    def _listed(self, pages: Generator[None, None, Page], most: int) -> Response | Steps:
        steps = Steps(lists.steps(pages, self._list_form(), self._accepted))
        return steps if most > STEP else steps.finish()

    def _list_form(self) -> ListForm:
        if self.is_plain:
            return lists.plain(self._served)
        if self._table is not None:
            return lists.table(self._table, now=self._now())
        if self._accepted.transform == "PartialObjectMetadataList":
            return lists.partial_metadata(self._accepted.version)
        kind = (
            f"*{self._package}.{self._served.kind}List"
            if not self._served.is_custom
            else "*unstructured.UnstructuredList"
        )
        raise _refused(f"you requested PartialObjectMetadata, but the requested object is a list ({kind})")

    def line(self, kind: str, stored: Stored, *, is_first: bool) -> bytes:
        """A watch's line, where objects aren't shown as they are."""
        if self._table is not None:
            metadata = {"resourceVersion": stored.meta["resourceVersion"]}
            table = self._table.of([stored], metadata, now=self._now(), has_columns=is_first)
            return watch_line(kind, msgspec.json.encode(table))
        return watch_line(kind, msgspec.json.encode(partial(stored, self._accepted.version)))

    def bookmark(self, metadata: Mapping[str, object], *, is_first: bool) -> bytes:
        """A watch's bookmark, where objects aren't shown as they are."""
        if self._table is not None:
            table = self._table.bookmark(metadata, has_columns=is_first)
            return watch_line("BOOKMARK", msgspec.json.encode(table))
        body = {
            "kind": "PartialObjectMetadata",
            "apiVersion": self._accepted.meta_version,
            "metadata": metadata,
        }
        return watch_line("BOOKMARK", msgspec.json.encode(body))


def _table_maker(
    served: ResourceType, accepted: Accepted, query: Mapping[str, str], scaled: ResourceType | None
) -> TableMaker | None:
    if not accepted.is_table:
        return None
    from reconcilekit.testing.apiserver.tables.scales import scale_columns
    from reconcilekit.testing.apiserver.tables.table import TableMaker, table_options

    columns = None if scaled is None else scale_columns(is_custom=scaled.is_custom)
    return TableMaker(served, table_options(query, accepted.version), columns)


def deleted(served: ResourceType, stored: Stored) -> Response:
    """What a deletion that is done is answered with."""
    details = status.resource_details(served.group, served.plural, stored.key.name, uid=stored.uid)
    return success(200, details)


def success(code: int, details: Mapping[str, object] | None = None, *, tells_code: bool = False) -> Response:
    """A Status that says that something is done."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details is not None:
        body["details"] = details
    if tells_code:
        body["code"] = code
    return _json(body, code)


def _refused(message: str) -> status.StatusError:
    return status.StatusError(406, message, reason=_NOT_ACCEPTABLE)


def _json(body: Mapping[str, Any], code: int) -> Response:
    return _response(msgspec.json.encode(body), code)


def _response(body: bytes, code: int) -> Response:
    return Response(status=code, headers={"content-type": status.JSON}, body=body)
