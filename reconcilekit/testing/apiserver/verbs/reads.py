"""Lists: pages that stay consistent, and the meanings of resourceVersion and resourceVersionMatch."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted, unsigned_problem, whole_number
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import STEP
from reconcilekit.testing.apiserver.storage.collection import Collection, later_namespaces, within
from reconcilekit.testing.apiserver.storage.sorted_map import SortedMap
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored
from reconcilekit.testing.apiserver.verbs import continuing
from reconcilekit.testing.apiserver.verbs.continuing import Position
from reconcilekit.testing.apiserver.verbs.field_selectors import parse_field_selector
from reconcilekit.testing.apiserver.verbs.parameters import ListOptions
from reconcilekit.testing.apiserver.verbs.selectors import Predicate, selection, single_name

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
LOOKS = 10 * STEP
"""Objects that one step looks at: choosing one takes a tenth of the time of writing it."""

_Objects = SortedMap[ObjectKey, Stored]


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


FUTURE_VERSION_PATIENCE = 3.0
"""Seconds that the real server waits for a resourceVersion from the future before it answers 504."""


def parse_version(text: str) -> int:
    """A resourceVersion, "" counting as 0.

    Raises:
        StatusError: 500, as gets and watches are refused; lists word it in their own way.
    """
    if text and (problem := unsigned_problem(text)):
        raise status.StatusError(500, f"resourceVersion: Invalid value: {quoted(text)}: {problem}")
    return whole_number(text) or 0


@attrs.frozen(kw_only=True)
class Search:
    """A page that is still to be found: what is looked through, as it stood at the beginning, and what is wanted of it.

    Attributes:
        objects: the kind's.
        namespace: of the page, "" for all.
        start: where the page before ended, None for a first one.
        limit: the most objects of the page, 0 for all.
        accepts: what it is chosen by, None for everything.
        revision: the version that the objects stand at.
    """

    objects: _Objects
    namespace: str
    start: Position | None
    limit: int
    accepts: Predicate | None
    revision: int

    @property
    def most(self) -> int:
        """The objects that are looked at, at the most."""
        here = _count_in(self.objects, self.namespace) if self.namespace else len(self.objects)
        return min(here, self.limit) if self.limit and self.accepts is None else here

    def steps(self) -> Generator[None, None, Page]:
        """Look through some, and again, and return the page."""
        found: list[Stored] = []
        for looks, stored in enumerate(_candidates(self.objects, self.namespace, self.start), 1):
            if self.limit and len(found) == self.limit:
                return self._cut(found)
            if self.accepts is None or self.accepts(stored):
                found.append(stored)
            if looks % LOOKS == 0:
                yield
        return Page(objects=found, revision=self.revision)

    def page(self) -> Page:
        """The page, all at once."""
        steps = self.steps()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                page: Page = end.value
                return page

    def _cut(self, found: list[Stored]) -> Page:
        last = found[-1].key
        remaining = _count_beyond(self.objects, self.namespace, last) if self.accepts is None else None
        token = continuing.written(self.revision, last, self.namespace)
        return Page(objects=found, revision=self.revision, continue_token=token, remaining=remaining)


def search(storage: Storage, served: ResourceType, namespace: str, options: ListOptions) -> Search:
    """What a list asks for.

    Raises:
        StatusError: 400 for parameters, 410 for a version that is compacted, 504 for one from the future.
    """
    terms = parse_field_selector(options.field_selector)
    accepts = selection(served, options.label_selector, terms)
    collection = storage.collection(served)
    is_single = single_name(terms) is not None and (namespace or not served.is_namespaced)
    if is_single and not options.continue_token:
        # What is about a single object has neither pages nor, by itself, a version.
        options = attrs.evolve(options, limit=0)
    revision, start = _where(storage, collection, served, namespace, options)
    # An answer from the cache is never cut.
    limit = 0 if options.resource_version == "0" else options.limit
    objects = collection.at(revision)
    found = Search(objects=objects, namespace=namespace, start=start, limit=limit, accepts=accepts, revision=revision)
    # What takes a while is as it stood when it began, whatever is written meanwhile.
    return attrs.evolve(found, objects=objects.copy()) if found.most > STEP else found


def _candidates(objects: _Objects, namespace: str, start: Position | None) -> Iterator[Stored]:
    if start is None:
        return within(objects, namespace)
    if namespace:
        return _from(objects, namespace, start)
    later = later_namespaces(objects, start.key.namespace)
    return itertools.chain(_from(objects, start.key.namespace, start), *(within(objects, each) for each in later))


def _from(objects: _Objects, namespace: str, start: Position) -> Iterator[Stored]:
    for key, stored in objects.above(start.key, inclusive=start.includes_key):
        if key.namespace != namespace:
            return
        yield stored


def _count_beyond(objects: _Objects, namespace: str, last: ObjectKey) -> int:
    """How many follow `last`, which is there, in its namespace or at all."""
    later = () if namespace else later_namespaces(objects, last.namespace)
    beyond = _end(objects, last.namespace) - objects.rank(last) - 1
    return beyond + sum(_count_in(objects, each) for each in later)


def _count_in(objects: _Objects, namespace: str) -> int:
    return _end(objects, namespace) - objects.rank(ObjectKey(namespace, ""))


def _end(objects: _Objects, namespace: str) -> int:
    return objects.rank(ObjectKey(f"{namespace}\0", ""))


def _where(
    storage: Storage, collection: Collection, served: ResourceType, namespace: str, options: ListOptions
) -> tuple[int, Position | None]:
    if options.continue_token:
        start = continuing.read(options.continue_token, namespace, is_namespaced=served.is_namespaced)
        return _go_on(storage, collection, options, start), start
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
        raise status.expired("The resourceVersion for the provided list is too old.")
    return asked, None


def _go_on(storage: Storage, collection: Collection, options: ListOptions, start: Position) -> int:
    if options.resource_version not in ("", "0"):
        raise status.bad_request("specifying resource version is not allowed when using continue")
    if start.revision < 0:
        return storage.revision
    if start.revision > storage.revision:
        raise status.version_too_large(start.revision, storage.revision)
    if start.revision < collection.compacted:
        raise status.expired(CONTINUE_EXPIRED, continue_token=start.at_present())
    return start.revision


def watch_selection(served: ResourceType, options: ListOptions) -> Predicate | None:
    """What a watch's selectors accept.

    Raises:
        StatusError: 400.
    """
    return selection(served, options.label_selector, parse_field_selector(options.field_selector))
