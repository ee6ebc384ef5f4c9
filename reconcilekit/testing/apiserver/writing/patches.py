"""Patches that know nothing of types: JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from reconcilekit.testing.apiserver import status


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386; neither argument is changed, what stays the same is shared."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """RFC 6902; changes `document` in place and returns the result.

    Raises:
        StatusError: 422 for a failed test and for a missing path alike, as the server answers both.
    """
    try:
        for operation in operations:
            document = _operate(document, operation)
    except (LookupError, TypeError, ValueError) as error:
        raise status.patch_rejected() from error
    return document


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    verb, path = operation.get("op"), _pointer(operation.get("path"))
    match verb:
        case "test":
            if _found(document, path) != operation.get("value"):
                raise ValueError(f"test of {operation['path']} failed")
            return document
        case "add":
            return _add(document, path, operation.get("value"))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _set(document, path, operation.get("value"))
        case "copy":
            # A copy of its own: what is later done to one of the two isn't done to the other.
            return _add(document, path, copy.deepcopy(_found(document, _pointer(operation.get("from")))))
        case "move":
            source = _pointer(operation.get("from"))
            if path[: len(source)] == source and path != source:
                raise ValueError(f"{operation['from']} can't be moved into itself (RFC 6902, 4.4)")
            value = _get(document, source)
            return _add(_remove(document, source), path, value)
    raise ValueError(f"unknown operation {verb!r}")


def _pointer(text: Any) -> list[str]:
    # What precedes the first slash is dropped, unlike in RFC 6901: so does the server's library.
    if text is None:
        raise KeyError("path")
    return [part.replace("~1", "/").replace("~0", "~") for part in str(text).split("/")[1:]]


def _index(container: list[Any], token: str, *, up_to: int) -> int:
    index = int(token)
    if not -up_to <= index < up_to:
        raise LookupError(token)
    return index + up_to if index < 0 else index


def _get(document: Any, path: Sequence[str]) -> Any:
    for token in path:
        if isinstance(document, list):
            document = document[_index(document, token, up_to=len(document))]
        else:
            document = document[token]
    return document


def _found(document: Any, path: Sequence[str]) -> Any:
    """What is there; a field that isn't is as good as null to the server's library."""
    if not path:
        return document
    parent = _get(document, path[:-1])
    if isinstance(parent, dict):
        return parent.get(path[-1])
    return _get(parent, path[-1:])


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        end = len(parent)
        parent.insert(end if path[-1] == "-" else _index(parent, path[-1], up_to=end + 1), value)
    else:
        parent[path[-1]] = value
    return document


def _set(document: Any, path: Sequence[str], value: Any) -> Any:
    """A field that isn't there is set all the same: so does the server's library."""
    if not path:
        return value
    parent = _get(document, path[:-1])
    parent[_index(parent, path[-1], up_to=len(parent)) if isinstance(parent, list) else path[-1]] = value
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    parent = _get(document, path[:-1])
    del parent[_index(parent, path[-1], up_to=len(parent)) if isinstance(parent, list) else path[-1]]
    return document
