"""Would an apply change anything? The cheapest write is the one that isn't sent.

An apply is needless where every staged field has the live value and is ours, and everything that is ours is staged.
What is ours stands in our own manager's entry of `metadata.managedFields`, in the FieldsV1 format of the
structured-merge-diff library: ``f:name`` is a field, ``k:{"name":"x"}`` the item of a list with these keys, ``v:1`` an
item of a set, ``.`` the thing itself; an empty object is a leaf.

A difference is never overlooked, but one may be seen where the server would see none ("1000m" is normalised to "1").
Such an apply comes back with the resourceVersion unchanged; `NoOps` remembers that, so it's sent once, not for ever.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
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
        if part is None or name not in live or _value_differs(value, live[name], part):
            return True
    return any(_is_missing(part, staged) for part in owned if part != ".")


def _is_missing(part: str, staged: dict[str, Any]) -> bool:
    # Only f: parts stand in a map; anything else means that the schema says "list" where the staged value is a map.
    return not part.startswith("f:") or part[2:] not in staged


def _value_differs(staged: Any, live: Any, owned: FieldSet) -> bool:
    if not owned:
        return bool(staged != live)
    if isinstance(staged, dict):
        return _fields_differ(staged, live, owned)
    if isinstance(staged, list) and isinstance(live, list):
        return _items_differ(staged, live, owned)
    return bool(staged != live) or any(part != "." for part in owned)


def _items_differ(staged: list[Any], live: list[Any], owned: FieldSet) -> bool:
    parts = [part for part in owned if part != "."]
    if not parts:
        return bool(staged != live)
    if len(parts) != len(staged):
        return True
    return any(_item_differs(part, staged, live, owned[part]) for part in parts)


def _item_differs(part: str, staged: list[Any], live: list[Any], owned: FieldSet) -> bool:
    kind, _, encoded = part.partition(":")
    identity = msgspec.json.decode(encoded)
    if kind == "v":
        return identity not in staged or identity not in live
    if kind != "k":
        return True
    ours = _find(staged, identity, may_default=True)
    theirs = _find(live, identity, may_default=False)
    if ours is None or theirs is None:
        return True
    # A key that the server defaulted (a port's protocol) is owned although it isn't staged.
    defaulted = {f"f:{name}" for name in identity if name not in ours}
    return _fields_differ(ours, theirs, {name: value for name, value in owned.items() if name not in defaulted})


def _find(items: list[Any], identity: dict[str, Any], *, may_default: bool) -> dict[str, Any] | None:
    for item in items:
        if isinstance(item, dict) and all(
            item.get(name) == value or (may_default and name not in item) for name, value in identity.items()
        ):
            return item
    return None


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
    return hashlib.blake2b(msgspec.json.encode(desired, order="sorted"), digest_size=16).digest()
