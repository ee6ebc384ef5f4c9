"""Would an apply change anything? The cheapest write is the one that isn't sent.

An apply is needless where every staged field has the live value and is ours, and everything that is ours is staged.
What is ours stands in our own manager's entry of `metadata.managedFields`, in the FieldsV1 format of the
structured-merge-diff library: ``f:name`` is a field, ``k:{"name":"x"}`` the item of a list with these keys, ``v:1`` an
item of a set, ``.`` the thing itself; an empty object is a leaf.

A difference in content is never overlooked, the order of a list's items included, but one may be seen where the server
would see none ("1000m" is normalised to "1"). Such an apply comes back with the resourceVersion unchanged; `NoOps`
remembers that, so it's sent once, not for ever.

A map or list that is owned as a whole looks in FieldsV1 like one that was applied empty. So where an empty one was
applied before, and others have put in just what is staged now, we aren't entered as their co-owner until one changes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from itertools import pairwise
from typing import Any

import msgspec

from reconcilekit.kube.objects import RawObject

_IDENTITY = frozenset({"apiVersion", "kind"})
_METADATA_IDENTITY = frozenset({"name", "namespace", "uid", "resourceVersion"})

FieldSet = dict[str, Any]
"""A decoded FieldsV1."""


def differs(desired: dict[str, Any], live: RawObject) -> bool:
    """True where applying `desired` might change `live`.

    Args:
        desired: the object as staged: apiVersion, kind, metadata and the fields to own.
        live: the object as the view has it, with our manager's fields.
    """
    if live.owned_fields is None:
        return True
    owned: FieldSet = msgspec.json.decode(live.owned_fields)
    return _fields_differ(_without_identity(desired), live.decode(), owned)


def _without_identity(desired: dict[str, Any]) -> dict[str, Any]:
    staged = {name: value for name, value in desired.items() if name not in _IDENTITY}
    metadata = {name: value for name, value in desired["metadata"].items() if name not in _METADATA_IDENTITY}
    if metadata:
        staged["metadata"] = metadata
    else:
        del staged["metadata"]
    return staged


def _fields_differ(staged: dict[str, Any], live: object, owned: FieldSet) -> bool:
    if not isinstance(live, dict):
        return True
    for name, value in staged.items():
        part = owned.get(f"f:{name}")
        if part is None or (_value_differs(value, live[name], part) if name in live else not _is_dropped(value, part)):
            return True
    return any(_is_missing(part, staged) for part in owned if part != ".")


def _is_dropped(staged: object, owned: FieldSet) -> bool:
    # Go's `omitempty`: an empty map or list is ours and yet never stored. Had somebody removed it, it wouldn't be ours.
    return isinstance(staged, dict | list) and not staged and not owned


def _is_missing(part: str, staged: dict[str, Any]) -> bool:
    # Only f: parts stand in a map; anything else means that the schema says "list" where the staged value is a map.
    return not part.startswith("f:") or part[2:] not in staged


def _value_differs(staged: Any, live: Any, owned: FieldSet) -> bool:
    if not owned:
        return not _is_same(staged, live)
    if isinstance(staged, dict):
        return _fields_differ(staged, live, owned)
    if isinstance(staged, list) and isinstance(live, list):
        return _items_differ(staged, live, owned)
    return not _is_same(staged, live) or any(part != "." for part in owned)


def _is_same(one: Any, other: Any) -> bool:
    # To Python, True, 1 and 1.0 are equal; to JSON they aren't.
    if one != other:
        return False
    if isinstance(one, dict | list):
        return _encode(one) == _encode(other)
    return type(one) is type(other)


def _items_differ(staged: list[Any], live: list[Any], owned: FieldSet) -> bool:
    parts = [part for part in owned if part != "."]
    if not parts:
        return not _is_same(staged, live)
    if len(parts) != len(staged):
        return True
    places = []
    for part in parts:
        kind, _, encoded = part.partition(":")
        identity = msgspec.json.decode(encoded)
        if kind not in ("k", "v"):
            return True
        find = _find_value if kind == "v" else _find_item
        ours, theirs = find(staged, identity), find(live, identity)
        if ours is None or theirs is None:
            return True
        if kind == "k" and _value_differs(staged[ours], live[theirs], owned[part]):
            return True
        places.append((ours, theirs))
    return not _is_one_to_one_in_order(places)


def _is_one_to_one_in_order(places: list[tuple[int, int]]) -> bool:
    # An apply puts our items in the order staged, and environment variables and init containers depend on theirs.
    return all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(sorted(places)))


def _find_value(items: list[Any], value: Any) -> int | None:
    return next((place for place, item in enumerate(items) if _is_same(item, value)), None)


def _find_item(items: list[Any], identity: dict[str, Any]) -> int | None:
    """Where the item with these keys stands; one may leave out keys that have a default (a port's protocol)."""
    defaulted = None
    for place, item in enumerate(items):
        if isinstance(item, dict) and all(_is_same(item.get(name, value), value) for name, value in identity.items()):
            if item.keys() >= identity.keys():
                return place
            defaulted = place if defaulted is None else defaulted
    return defaulted


class NoOps:
    """Desired states that the server said equal a live one, although `differs` saw a difference.

    Args:
        capacity: how many are remembered; forgetting one costs one needless apply, which changes nothing.
    """

    def __init__(self, *, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def is_known(self, desired: dict[str, Any], live: RawObject) -> bool:
        """True where this desired state was applied to this version of the object and changed nothing."""
        return self._known.get((live.meta.uid, live.meta.resource_version)) == _digest(desired)

    def remember(self, desired: dict[str, Any], live: RawObject) -> None:
        """Applying `desired` to `live` came back with the same resourceVersion."""
        self._known[live.meta.uid, live.meta.resource_version] = _digest(desired)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)


def _digest(desired: dict[str, Any]) -> bytes:
    return hashlib.blake2b(_encode(desired), digest_size=16).digest()


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")
