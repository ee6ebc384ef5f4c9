"""What `fieldValidation` has to say of a patch itself: fields that are there twice, and operations' unknown ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.verbs.patching import PatchKind

_OF_OPERATIONS = frozenset({"op", "path", "from", "value"})


@attrs.frozen(kw_only=True)
class PatchFields:
    """What is found.

    Attributes:
        problems: as they are told.
        twice: the paths of fields that the patched object gets twice.
    """

    problems: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()


_FINE = PatchFields()


def found_in(kind: PatchKind, body: bytes) -> PatchFields:
    """What there is to say of a patch; of what isn't JSON there is nothing."""
    return _of_operations(body) if kind == "json" else _of_merge(body)


def _of_merge(body: bytes) -> PatchFields:
    paths = bodies.repetitive_paths(body, {})
    return PatchFields(problems=tuple(f'duplicate field "{path}"' for path in _repeated(paths)))


def _of_operations(body: bytes) -> PatchFields:
    try:
        read = msgspec.json.decode(body)
        if _is_fine(body, read):
            return _FINE
        operations = json.loads(body, object_pairs_hook=bodies.Pairs)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return _FINE
    if not isinstance(operations, list):
        return _FINE
    problems, twice = [], []
    for index, operation in enumerate(operations):
        if isinstance(operation, bodies.Pairs):
            problems += list(dict.fromkeys(_problems(operation, f"[{index}]")))
            twice += _made_twice(dict(operation))
    return PatchFields(problems=tuple(problems), twice=tuple(dict.fromkeys(twice)))


def _is_fine(body: bytes, read: Any) -> bool:
    """Nothing is there twice, and nothing is unknown."""
    if not isinstance(read, list) or not bodies.surely_has_no_twins(body):
        return False
    return all(not isinstance(operation, dict) or operation.keys() <= _OF_OPERATIONS for operation in read)


def _problems(operation: bodies.Pairs, place: str) -> Iterator[str]:
    seen: set[str] = set()
    for name, value in operation:
        path = f"{place}.{name}"
        if name not in _OF_OPERATIONS:
            yield f'json patch unknown field "{path}"'
            continue
        if name in seen:
            yield f'json patch duplicate field "{path}"'
        seen.add(name)
        yield from (f'json patch duplicate field "{inner}"' for inner in _repeated(list(bodies.paths(value, path))))


def _made_twice(operation: dict[str, Any]) -> list[str]:
    pointer = operation.get("path")
    if operation.get("op") not in ("add", "replace") or not isinstance(pointer, str):
        return []
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    base = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts).removeprefix(".")
    return _repeated(list(bodies.paths(operation.get("value"), base)))


def _repeated(paths: list[str]) -> list[str]:
    """Those that are there more than once, each once, in the order of their second time."""
    seen: set[str] = set()
    found: dict[str, None] = {}
    for path in paths:
        if path in seen:
            found[path] = None
        seen.add(path)
    return list(found)
