"""Get and list: pages that stay consistent, and the meanings of resourceVersion."""

from __future__ import annotations

import base64
import bisect
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Collection, Storage, Stored
from reconcilekit.testing.apiserver.verbs import table
from reconcilekit.testing.apiserver.verbs.selectors import selection
from reconcilekit.testing.apiserver.wire.negotiation import Accepted

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@attrs.frozen(kw_only=True)
class Page:
    """One answer to a list.

    Attributes:
        objects: its items.
        revision: the version that they stood at.
        continue_token: for the rest, "" where there is none.
        remaining: how many are left, None where a selector makes it unknown.
    """

    objects: list[Stored]
    revision: int
    continue_token: str = ""
    remaining: int | None = None

    def metadata(self) -> dict[str, Any]:
        """The list's metadata."""
        metadata: dict[str, Any] = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            metadata["continue"] = self.continue_token
            if self.remaining:
                metadata["remainingItemCount"] = self.remaining
        return metadata


def parse_version(text: str) -> int:
    """A request's resourceVersion, "" counting as 0.

    Raises:
        StatusError: 400.
    """
    if text and not text.isdigit():
        raise status.bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": strconv.ParseUint: '
            f'parsing "{text}": invalid syntax'
        )
    return int(text or "0")


def parse_count(query: Mapping[str, str], name: str) -> int:
    """A parameter that is a whole number, 0 where it is missing.

    Raises:
        StatusError: 400.
    """
    text = query.get(name) or "0"
    if not text.isdigit():
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def list_page(storage: Storage, served: ResourceType, namespace: str, query: Mapping[str, str]) -> Page:
    """One page of a list.

    Raises:
        StatusError: 400 for parameters, 410 for a version that is compacted, 504 for one from the future.
    """
    collection = storage.collection(served)
    accepts = selection(served, query)
    limit = parse_count(query, "limit")
    revision, start = _where(storage, collection, query)
    objects = collection.at(revision)
    keys = collection.sorted_keys() if objects is collection.objects else sorted(objects)
    found: list[Stored] = []
    for index in range(_first(keys, namespace, start), len(keys)):
        key = keys[index]
        if namespace and key.namespace != namespace:
            break
        if limit and len(found) == limit:
            remaining = _count_rest(keys, index, namespace) if accepts is None else None
            token = _encode_token(revision, found[-1].key)
            return Page(objects=found, revision=revision, continue_token=token, remaining=remaining)
        if accepts is None or accepts(objects[key]):
            found.append(objects[key])
    return Page(objects=found, revision=revision)


def _where(storage: Storage, collection: Collection, query: Mapping[str, str]) -> tuple[int, ObjectKey | None]:
    if token := query.get("continue"):
        revision, start = _decode_token(token)
        if revision < 0:
            return storage.revision, start
        if revision < collection.compacted:
            raise status.expired(CONTINUE_EXPIRED, continue_token=_encode_token(-1, start))
        return revision, start
    asked = parse_version(query.get("resourceVersion", ""))
    if asked > storage.revision:
        raise status.version_too_large(asked, storage.revision)
    if asked and query.get("resourceVersionMatch") == "Exact":
        if asked < collection.compacted:
            message = f"The resourceVersion for the provided list is too old: {asked} ({collection.compacted})"
            raise status.expired(message)
        return asked, None
    return storage.revision, None


def _first(keys: list[ObjectKey], namespace: str, start: ObjectKey | None) -> int:
    if start is not None:
        return bisect.bisect_right(keys, start)
    return bisect.bisect_left(keys, ObjectKey(namespace, "")) if namespace else 0


def _count_rest(keys: list[ObjectKey], index: int, namespace: str) -> int:
    end = bisect.bisect_left(keys, ObjectKey(namespace + "\0", "")) if namespace else len(keys)
    return end - index


def _encode_token(revision: int, last: ObjectKey) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([revision, *last])).decode()


def _decode_token(token: str) -> tuple[int, ObjectKey]:
    try:
        revision, namespace, name = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[int, str, str])
    except (ValueError, msgspec.DecodeError) as error:
        why = "continue key is not valid: invalid character 'i' looking for beginning of value"
        raise status.bad_request(f"invalid continue token: {why}") from error
    return revision, ObjectKey(namespace, name)


def encode_page(served: ResourceType, page: Page, accepted: Accepted, *, now: datetime) -> Response:
    """The list in the representation that was asked for."""
    if accepted.is_table:
        return table.response(table.of_objects(page.objects, page.metadata(), now=now))
    metadata = msgspec.json.encode(page.metadata())
    # Items of built-in kinds come without kind and apiVersion, as the real server's do.
    items = b",".join(_items(served, page.objects))
    head = f'{{"kind":"{served.kind}List","apiVersion":"{served.api_version}","metadata":'.encode()
    body = b'%s%s,"items":[%s]}' % (head, metadata, items)
    return Response(status=200, headers={"content-type": status.JSON}, body=body)


def _items(served: ResourceType, objects: Iterable[Stored]) -> Iterable[bytes]:
    if served.is_custom:
        return (stored.body(served) for stored in objects)
    return (stored.encoded() for stored in objects)


def encode_object(
    served: ResourceType, stored: Stored, accepted: Accepted, *, now: datetime, code: int = 200
) -> Response:
    """One object in the representation that was asked for."""
    if accepted.is_table:
        return table.response(table.of_objects([stored], {"resourceVersion": str(stored.revision)}, now=now), code=code)
    return Response(status=code, headers={"content-type": status.JSON}, body=stored.body(served))
