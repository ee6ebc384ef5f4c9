"""Lists: pages that stay consistent, and the meanings of resourceVersion and resourceVersionMatch."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.collection import Collection
from reconcilekit.testing.apiserver.storage.sorted_map import SortedMap
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored
from reconcilekit.testing.apiserver.verbs.field_selectors import parse_field_selector
from reconcilekit.testing.apiserver.verbs.parameters import ListOptions
from reconcilekit.testing.apiserver.verbs.selectors import Predicate, selection, single_name

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_NO_BASE64 = re.compile("[^A-Za-z0-9_-]")
_Objects = SortedMap[ObjectKey, Stored]
INCONSISTENT = -1
"""The revision of a continue token that goes on with the present state: what an expired token is answered with."""


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
    """A resourceVersion, "" counting as 0.

    Raises:
        StatusError: 500, as gets and watches are refused; lists word it in their own way.
    """
    if text and not (text.isascii() and text.isdigit()):
        raise status.StatusError(500, _unparsable_version(text))
    return int(text or "0")


def _unparsable_version(text: str) -> str:
    shown = quoted(text)
    return f"resourceVersion: Invalid value: {shown}: strconv.ParseUint: parsing {shown}: invalid syntax"


def list_page(storage: Storage, served: ResourceType, namespace: str, options: ListOptions) -> Page:
    """One page of a list.

    Raises:
        StatusError: 400 for parameters, 410 for a version that is compacted, 504 for one from the future.
    """
    terms = parse_field_selector(options.field_selector)
    accepts = selection(served, options.label_selector, terms)
    collection = storage.collection(served)
    revision, start = _where(storage, collection, options)
    name = single_name(terms)
    # An answer from the cache is never cut, and neither is one about a single object.
    limit = 0 if name is not None or options.resource_version == "0" else options.limit
    objects = collection.at(revision)
    found: list[Stored] = []
    for stored in _candidates(objects, namespace, start):
        if limit and len(found) == limit:
            remaining = _count_beyond(objects, namespace, found[-1].key) if accepts is None else None
            token = _encode_token(revision, found[-1].key)
            return Page(objects=found, revision=revision, continue_token=token, remaining=remaining)
        if accepts is None or accepts(stored):
            found.append(stored)
    return Page(objects=found, revision=revision)


def _candidates(objects: _Objects, namespace: str, start: ObjectKey | None) -> Iterator[Stored]:
    if start is not None and (not namespace or start.namespace >= namespace):
        pairs = objects.above(start)
    elif namespace:
        pairs = objects.above(ObjectKey(namespace, ""), inclusive=True)
    else:
        return iter(objects.values())
    inside = itertools.takewhile(lambda pair: not namespace or pair[0].namespace == namespace, pairs)
    return (stored for _, stored in inside)


def _count_beyond(objects: _Objects, namespace: str, last: ObjectKey) -> int:
    """How many follow `last`, which is there, in its namespace or at all."""
    end = objects.rank(ObjectKey(f"{namespace}\0", "")) if namespace else len(objects)
    return end - objects.rank(last) - 1


def _where(storage: Storage, collection: Collection, options: ListOptions) -> tuple[int, ObjectKey | None]:
    if options.continue_token:
        return _go_on(storage, collection, options)
    try:
        asked = parse_version(options.resource_version)
    except status.StatusError as error:
        raise status.bad_request(f"invalid resource version: {error}") from error
    if asked > storage.revision:
        raise status.version_too_large(asked, storage.revision)
    # Without a match, a limit makes the version exact: so it was before there were matches.
    is_exact = options.match == "Exact" or (not options.match and bool(options.limit))
    if not asked or not is_exact:
        return storage.revision, None
    if asked < collection.compacted:
        message = f"The resourceVersion for the provided list is too old: {asked} ({collection.compacted})"
        raise status.expired(message)
    return asked, None


def _go_on(storage: Storage, collection: Collection, options: ListOptions) -> tuple[int, ObjectKey]:
    revision, start = _decode_token(options.continue_token)
    if options.resource_version not in ("", "0"):
        raise status.bad_request("specifying resource version is not allowed when using continue")
    if revision == INCONSISTENT:
        return storage.revision, start
    if revision < collection.compacted:
        raise status.expired(CONTINUE_EXPIRED, continue_token=_encode_token(INCONSISTENT, start))
    return min(revision, storage.revision), start


def _encode_token(revision: int, last: ObjectKey) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{last.namespace}/{last.name}\0"}
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _decode_token(token: str) -> tuple[int, ObjectKey]:
    try:
        told = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=dict[str, Any])
        namespace, _, name = told["start"].removesuffix("\0").partition("/")
        return int(told["rv"]), ObjectKey(namespace, name)
    except (ValueError, KeyError, AttributeError, msgspec.DecodeError) as error:
        raise status.bad_request(
            f"invalid continue token: continue key is not valid: {_token_problem(token)}"
        ) from error


def _token_problem(token: str) -> str:
    """What Go says of it: it isn't base64, or no JSON is inside."""
    found = _NO_BASE64.search(token)
    if found is not None or len(token) % 4 == 1:
        return f"illegal base64 data at input byte {found.start() if found else len(token) - 1}"
    first = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:1].decode("latin-1")
    return f"invalid character '{first}' looking for beginning of value"


def watch_selection(served: ResourceType, options: ListOptions) -> Predicate | None:
    """What a watch's selectors accept.

    Raises:
        StatusError: 400.
    """
    return selection(served, options.label_selector, parse_field_selector(options.field_selector))
