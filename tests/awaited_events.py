"""What the watches of a real server still have to tell of the writes that it has answered.

An answer to a write comes before the watches' events, by as much as the machine is busy. Where time is virtual it must
not pass in between, so what is known to come is waited for, however long that takes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver.encoding.routes import Route, parse_route


@attrs.frozen(kw_only=True)
class Write:
    """A write that has taken effect.

    Attributes:
        path: of its request.
        version: of the event that tells of it; 0 where the answer doesn't say, as for a deletion.
        gone: the uid of what was deleted; "" where nothing was.
        since: the latest version that any answer had told of before.
    """

    path: str
    version: int = 0
    gone: str = ""
    since: int = 0

    def is_after(self, version: int) -> bool:
        """True where a watch from this version tells of it."""
        return self.version > version if self.version else self.since >= version


class Feed(Protocol):
    """One watch."""

    path: str
    seen: int
    """The latest version that it told of, at first the one that it began at."""
    selects: bool
    """True where it tells of some objects alone, so that nobody knows whether of this one."""
    gone: set[str]
    """The uids of what it told was deleted."""


class AwaitedEvents:
    """Keeps what was written, and which watch has yet to tell of what."""

    def __init__(self) -> None:
        self._latest = 0
        self._writes: list[Write] = []
        self._left: dict[Feed, list[Write]] = {}

    def __bool__(self) -> bool:
        return bool(self._left)

    def __str__(self) -> str:
        return "; ".join(f"{feed.path}: {writes}" for feed, writes in self._left.items())

    def answered(self, request: Request, answer: Response, feeds: Iterable[Feed]) -> list[Write]:
        """Await what an answer implies for these watches; gives what was written."""
        body = _document(answer.body)
        is_write = request.method != "GET" and answer.status < 300 and "dryRun" not in request.query
        writes = list(_writes(request, body, since=self._latest)) if is_write else []
        self._latest = max(self._latest, version_of(body))
        self._writes += writes
        for feed in feeds:
            self._await(feed, writes)
        return writes

    def begun(self, feed: Feed, after: int) -> None:
        """Await what a watch from a version of the past tells at once; one from 0 tells only of what is there."""
        if after:
            self._await(feed, [write for write in self._writes if write.is_after(after)])

    def told(self, feed: Feed) -> None:
        """Wait no more for what a watch has told."""
        self._await(feed, self._left.pop(feed, []))

    def ended(self, feed: Feed) -> None:
        """A watch tells nothing more."""
        self._left.pop(feed, None)

    def clear(self) -> None:
        """Forget all writes: the server is as new."""
        self._writes.clear()
        self._left.clear()

    def _await(self, feed: Feed, writes: list[Write]) -> None:
        left = [
            write for write in writes if not feed.selects and covers(feed, write.path) and not _is_told(feed, write)
        ]
        if left:
            self._left.setdefault(feed, []).extend(left)


def covers(feed: Feed, path: str) -> bool:
    """True where a write at this path is of a watch's kind and namespace."""
    ours, theirs = route_of(feed.path), route_of(path)
    same_kind = (ours.group, ours.version, ours.plural) == (theirs.group, theirs.version, theirs.plural)
    return same_kind and ours.namespace in ("", theirs.namespace)


@functools.cache
def route_of(path: str) -> Route:
    """What a path is about."""
    route = parse_route(path)
    assert route is not None, path
    return route


def version_of(document: dict[str, Any]) -> int:
    """The resourceVersion of an object, a list or an event's object; 0 where there is none."""
    metadata = (document.get("object") or document).get("metadata") or {}
    version = str(metadata.get("resourceVersion") or "")
    return int(version) if version.isdecimal() else 0


def _is_told(feed: Feed, write: Write) -> bool:
    return write.gone in feed.gone if write.gone else feed.seen >= write.version


def _writes(request: Request, body: dict[str, Any], *, since: int) -> Iterator[Write]:
    write = Write(path=request.path, since=since)
    if request.method == "DELETE" and body.get("kind") == "Status":
        uid = (body.get("details") or {}).get("uid", "")
        if uid:
            yield attrs.evolve(write, gone=uid)
        return
    is_collection = request.method == "DELETE" and "items" in body
    for found in body["items"] if is_collection else [body]:
        metadata = found.get("metadata") or {}
        if "uid" in metadata and _is_gone(request, metadata):
            yield attrs.evolve(write, gone=metadata["uid"])
        elif version := version_of(found):
            yield attrs.evolve(write, version=version)


def _is_gone(request: Request, metadata: dict[str, Any]) -> bool:
    """True where nothing holds it any more: that write is told of as a deletion, by a version of its own."""
    is_held = bool(metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"))
    return (request.method == "DELETE" or "deletionTimestamp" in metadata) and not is_held


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
