"""Lists as they are written, a few items at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from reconcilekit.testing.apiserver.encoding.negotiation import JSON, YAML
from reconcilekit.testing.apiserver.encoding.rendering import as_yaml
from reconcilekit.testing.apiserver.pacing import STEP


class ListWriter(Protocol):
    """Takes a list's items in, a few at a time."""

    @property
    def media_type(self) -> str:
        """Of the body."""

    @property
    def at_once(self) -> int:
        """The items of one step."""

    def add(self, items: Iterable[bytes]) -> None:
        """Write some, which are JSON."""

    def body(self) -> bytes:
        """The whole list."""


class JsonList:
    """A list in JSON.

    Args:
        around: the list without its items.
        name: of the field that holds the items.
        is_null_if_empty: it is null where there are none.
    """

    media_type = JSON
    at_once = STEP

    def __init__(self, around: Mapping[str, Any], name: str, *, is_null_if_empty: bool) -> None:
        self._written = [b'%s,"%s":' % (msgspec.json.encode(around)[:-1], name.encode())]
        self._if_empty = b"null}" if is_null_if_empty else b"[]}"

    def add(self, items: Iterable[bytes]) -> None:
        """See `ListWriter`."""
        self._written += [b"," if len(self._written) > 1 else b"[", b",".join(items)]

    def body(self) -> bytes:
        """See `ListWriter`."""
        # Once, because each copy of some megabytes takes a millisecond in which nobody else is served.
        return b"".join([*self._written, b"]}" if len(self._written) > 1 else self._if_empty])


class YamlList:
    """A list in YAML, its keys in order; arguments as for `JsonList`."""

    media_type = YAML
    at_once = STEP // 10
    """YAML takes as many times as long as JSON."""

    def __init__(self, around: Mapping[str, Any], name: str, *, is_null_if_empty: bool) -> None:
        self._name = name
        self._before = {key: value for key, value in around.items() if key < name}
        self._after = {key: value for key, value in around.items() if key > name}
        self._empty: list[Any] | None = None if is_null_if_empty else []
        self._written: list[bytes] = []

    def add(self, items: Iterable[bytes]) -> None:
        """See `ListWriter`."""
        self._written.append(as_yaml(b"[%s]" % b",".join(items)))

    def body(self) -> bytes:
        """See `ListWriter`."""
        items = [f"{self._name}:\n".encode(), *self._written] if self._written else [_yaml({self._name: self._empty})]
        # Items stand where their field does, so that pieces make the whole.
        return b"".join([_yaml(self._before), *items, _yaml(self._after)])


def _yaml(part: Mapping[str, Any]) -> bytes:
    return as_yaml(msgspec.json.encode(part)) if part else b""
