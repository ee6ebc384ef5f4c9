"""Patches that know nothing of types: JSON merge patch (RFC 7386) and JSON patch (RFC 6902).

They come to what the real server's library makes of them (evanphx/json-patch), the order of fields included, which
shows where the result is quoted: maps that the patch went into are sorted, the others stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.json_values import is_identical

MAX_COPIED = 3 * 1024 * 1024
"""Bytes of JSON that one JSON patch may copy, as the real server's --json-patch-max-copy-bytes has it."""

_INDEX = re.compile(r"[+-]?[0-9]+")


def merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7386; neither argument is changed, what stays the same is shared."""
    if not isinstance(live, Mapping):
        return _without_nulls(patch)
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(live)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return dict(sorted(merged.items()))


def _without_nulls(value: Any) -> Any:
    """The value without the null fields of its maps, which are sorted then; lists keep their nulls."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in sorted(value.items()) if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def json_patch(document: dict[str, Any], operations: Sequence[Mapping[str, Any]]) -> Any:
    """RFC 6902; changes `document` in place and returns the result.

    Raises:
        StatusError: 422 for a failed test, a missing path and too much that is copied alike, as the server has it.
    """
    patched = _Patched(document)
    try:
        for operation in operations:
            patched.operate(operation)
    except (LookupError, TypeError, ValueError) as error:
        raise status.patch_rejected() from error
    return patched.written()


class _Patched:
    """A document on its way through the operations of a JSON patch."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._root: Any = document
        # The maps that were gone into; kept, so that their ids stay theirs.
        self._open: dict[int, dict[str, Any]] = {id(document): document}
        self._copied = 0

    def operate(self, operation: Mapping[str, Any]) -> None:
        """One operation."""
        verb, path = operation.get("op"), operation.get("path")
        if not isinstance(path, str):
            raise KeyError("path")
        if path == "" and verb in ("replace", "test"):
            self._about_all(str(verb), operation)
            return
        match verb:
            case "test":
                self._test(path, operation)
            case "add":
                _add(*self._find(path), operation.get("value"))
            case "remove":
                _remove(*self._find(path))
            case "replace":
                _set(*self._find(path), operation.get("value"))
            case "copy":
                _add(*self._find(path), self._copy(_get(*self._find(operation.get("from")))))
            case "move":
                moved = _remove(*self._find(operation.get("from")))
                _add(*self._find(path), moved)
            case _:
                raise ValueError(f"unknown operation {verb!r}")

    def _copy(self, value: Any) -> Any:
        """A copy of its own: what is later done to one of the two isn't done to the other."""
        self._copied += 0 if value is None else len(msgspec.json.encode(value))
        if self._copied > MAX_COPIED:
            raise ValueError(f"{self._copied} bytes of copies")
        return self._written(value)

    def written(self) -> Any:
        """The result."""
        return self._written(self._root)

    def _about_all(self, verb: str, operation: Mapping[str, Any]) -> None:
        value = operation.get("value")
        if verb == "test":
            if not is_identical(self._root, value):
                raise ValueError("test of the document failed")
            return
        if not isinstance(value, dict | list):
            raise TypeError(f"{value!r} is no document")
        self._root = value
        if isinstance(value, dict):
            self._open[id(value)] = value

    def _test(self, path: str, operation: Mapping[str, Any]) -> None:
        found, value = _get(*self._find(path)), operation.get("value")
        if not is_identical(found, value):
            raise ValueError(f"test of {path} failed")

    def _find(self, path: object) -> tuple[Any, str]:
        """What a pointer's last part is a key of, and that part."""
        # What precedes the first slash is dropped, unlike in RFC 6901: so does the server's library.
        if not isinstance(path, str) or "/" not in path:
            raise KeyError(path)
        *parts, key = (part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
        container = self._root
        for part in parts:
            container = _get(container, part)
            if not isinstance(container, dict | list):
                raise TypeError(f"nothing is below {part!r}")
            if isinstance(container, dict):
                self._open[id(container)] = container
        return container, key

    def _written(self, value: Any) -> Any:
        if isinstance(value, dict):
            items = sorted(value.items()) if id(value) in self._open else value.items()
            return {name: self._written(item) for name, item in items}
        return [self._written(item) for item in value] if isinstance(value, list) else value


def _index(container: list[Any], token: str, *, up_to: int) -> int:
    if not _INDEX.fullmatch(token):
        raise ValueError(token)
    index = int(token)
    if not -up_to <= index < up_to:
        raise LookupError(token)
    return index + up_to if index < 0 else index


def _get(container: Any, key: str) -> Any:
    """What is there; a field that isn't is as good as null to the server's library."""
    if isinstance(container, dict):
        return container.get(key)
    return container[_index(container, key, up_to=len(container))]


def _add(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    else:
        end = len(container)
        container.insert(end if key == "-" else _index(container, key, up_to=end + 1), value)


def _set(container: Any, key: str, value: Any) -> None:
    """A field that isn't there is set all the same: so does the server's library."""
    container[key if isinstance(container, dict) else _index(container, key, up_to=len(container))] = value


def _remove(container: Any, key: str) -> Any:
    return container.pop(key if isinstance(container, dict) else _index(container, key, up_to=len(container)))
