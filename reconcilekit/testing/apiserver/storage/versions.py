"""Versions of objects, and the changes that lead from one to the next. Neither is ever changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Stored:
    """One version of one object, without kind and apiVersion: those depend on the version it is served in.

    Args:
        key: its name.
        revision: of the write.
        content: what is read of it.
        is_as_read: what was written is the same; where it isn't, a write that changes nothing writes all the same.
        written: what it was read from, where its definition has changed since it was written.
    """

    __slots__ = ("_encoded", "_written", "content", "is_as_read", "key", "revision")

    def __init__(
        self,
        key: ObjectKey,
        revision: int,
        content: dict[str, Any],
        *,
        is_as_read: bool = True,
        written: Stored | None = None,
    ) -> None:
        self.key = key
        self.revision = revision
        self.content = content
        self.is_as_read = is_as_read
        self._written = written
        self._encoded: bytes | None = None

    @property
    def written(self) -> Stored:
        """The same as it was written, whatever is read of it since."""
        return self._written or self

    def read_anew(self, read: Callable[[dict[str, Any]], dict[str, Any]]) -> Stored:
        """What is read now of what was written."""
        written = self.written
        content = read(written.content)
        if content is written.content:
            return written
        return Stored(self.key, self.revision, content, is_as_read=False, written=written)

    @property
    def meta(self) -> dict[str, Any]:
        """Its metadata; read only."""
        metadata: dict[str, Any] = self.content["metadata"]
        return metadata

    @property
    def uid(self) -> str:
        """Its uid."""
        uid: str = self.content["metadata"]["uid"]
        return uid

    def encoded(self) -> bytes:
        """The JSON without kind and apiVersion, as lists of built-in kinds have it."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.content)
        return self._encoded

    def body(self, served: ResourceType) -> bytes:
        """The JSON as an answer has it."""
        return served.prefix + self.encoded_as(served)[1:]

    def encoded_as(self, served: ResourceType) -> bytes:
        """The JSON without kind and apiVersion, in the kind's own face."""
        if served.face is not None:
            return msgspec.json.encode(served.face.shown(self.content))
        if served.custom is not None and served.custom.is_read_anew:
            return msgspec.json.encode(served.custom.as_shown(self.content))
        return self.encoded()

    def full(self, served: ResourceType) -> dict[str, Any]:
        """The whole object; its inner values are shared with the store, so change nothing in place."""
        content = self.content if served.face is None else served.face.shown(self.content)
        if served.custom is not None and served.custom.is_read_anew:
            content = served.custom.as_shown(content)
        return {"kind": served.kind, "apiVersion": served.api_version, **content}


class Event:
    """One change of one object.

    Args:
        kind: what it is to who watches everything.
        revision: of the change.
        before: what was stored before, None where nothing was.
        after: what is stored now, None where nothing is.
        served: the kind, in the version that it was written in.
    """

    __slots__ = ("_lines", "after", "before", "revision", "served", "type")

    def __init__(
        self,
        kind: EventType,
        revision: int,
        before: Stored | None,
        after: Stored | None,
        *,
        served: ResourceType,
    ) -> None:
        self.type = kind
        self.revision = revision
        self.before = before
        self.after = after
        self.served = served
        self._lines: dict[tuple[str, bytes], bytes] | None = None

    @property
    def key(self) -> ObjectKey:
        """The object that changed."""
        stored = self.after or self.before
        assert stored is not None
        return stored.key

    def line(self, kind: EventType, served: ResourceType) -> bytes:
        """The watch line that tells it as `kind`, encoded once for all watches."""
        if self._lines is None:
            self._lines = {}
        cached = self._lines.get((kind, served.prefix))
        if cached is None:
            cached = watch_line(kind, self.shown(kind).body(served))
            self._lines[kind, served.prefix] = cached
        return cached

    def shown(self, kind: EventType) -> Stored:
        """The version that tells it as `kind`."""
        stored = self._last_version() if kind == "DELETED" else self.after
        assert stored is not None
        return stored

    def _last_version(self) -> Stored:
        # A deletion, and a leaving of the selection, shows the object as it was stored last, finalizers and all, under
        # the version of the change.
        last = self.before
        assert last is not None
        metadata = {**last.meta, "resourceVersion": str(self.revision)}
        return Stored(last.key, self.revision, {**last.content, "metadata": metadata})


def watch_line(kind: str, body: bytes) -> bytes:
    """One line of a watch."""
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)
