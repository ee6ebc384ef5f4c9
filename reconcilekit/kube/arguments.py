"""What the client's methods are told: looked at before anything is sent, and refused by saying what to pass instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource, check_resource, check_string, described


def check_key(call: str, resource: Resource, key: ObjectKey) -> None:
    """Refuse what is no kind, or no key of one object.

    Args:
        call: the method, as errors name it.
        resource: what it was told.
        key: likewise.

    Raises:
        TypeError: says which.
    """
    check_resource(call, resource)
    if not isinstance(key, ObjectKey):
        raise TypeError(f"{call}: {described(key)} is no ObjectKey; pass {_key_for(key)}")
    _check_parts(call, *key)


def key_of(call: str, resource: Resource, obj: Mapping[str, Any]) -> ObjectKey:
    """The key that is in an object's metadata; its parts are "" where they aren't there.

    Args:
        call: the method, as errors name it.
        resource: the object's kind.
        obj: what is to be written.

    Raises:
        TypeError: one of them is something else, or what names the object is.
    """
    check_resource(call, resource)
    meta: Any = None
    try:
        # Asked of whatever was passed: a look at whether it is a Mapping would cost as much again.
        meta = obj.get("metadata") or {}
        key = ObjectKey(meta.get("namespace") or "", meta.get("name") or "")
    except (AttributeError, TypeError) as error:
        if isinstance(obj, Mapping):
            raise TypeError(
                f"{call}: the object's metadata is {described(meta)}; pass a dict, as in {_EXAMPLE}"
            ) from error
        hint = "its decode()" if isinstance(obj, RawObject) else f"a dict, as in {_EXAMPLE}"
        raise TypeError(f"{call}: {described(obj)} is no dict; pass {hint}") from error
    _check_parts(call, *key)
    return key


def check_mapping(call: str, name: str, given: object) -> None:
    """Refuse what is no dict.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{call}: {name} is {described(given)}; pass a dict of what is to change")


def check_strings(call: str, **given: object) -> None:
    """Refuse what is neither a str nor None.

    Args:
        call: the method, as errors name it.
        given: its arguments by name.

    Raises:
        TypeError: one is something else.
    """
    for name, value in given.items():
        if value is not None:
            check_string(call, name, value)


def encoded(call: str, value: Mapping[str, Any]) -> bytes:
    """The JSON of an object or a patch.

    Args:
        call: the method, as errors name it.
        value: what is sent.

    Raises:
        TypeError: something in it has no JSON; says where.
    """
    try:
        return msgspec.json.encode(value)
    except TypeError as error:
        for path, part in _parts(value):
            if not _has_json(part):
                raise TypeError(
                    f"{call}: {path or 'the object'} is {described(part)}, which has no JSON; pass dicts, lists, str, "
                    "numbers, bool and None"
                ) from error
        raise


_EXAMPLE = '{"metadata": {"name": ...}}'


def _check_parts(call: str, namespace: object, name: object) -> None:
    if not (isinstance(namespace, str) and isinstance(name, str)):
        check_string(call, "the namespace", namespace)
        check_string(call, "the name", name)


def _key_for(given: object) -> str:
    if isinstance(given, RawObject):
        return "its key"
    if isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, str) for part in given):
        return f"ObjectKey{given!r}"
    return "ObjectKey(namespace, name)"


def _parts(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """What holds nothing else, by the path that it stands at."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _parts(part, f"{path}[{index}]")
    else:
        yield path, value


def _has_json(part: object) -> bool:
    try:
        msgspec.json.encode(part)
    except TypeError:
        return False
    return True
