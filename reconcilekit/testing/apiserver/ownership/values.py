"""What is done to typed values: compare two, list the fields of one, merge two, take fields away.

Each follows the walker of the same name in sigs.k8s.io/structured-merge-diff (`typed/compare.go`, `tofieldset.go`,
`merge.go`, `remove.go`), down to what becomes of nulls, of empty containers and of duplicates. Values are never
changed; what stays the same is shared.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, Literal

import attrs

from reconcilekit.testing.apiserver.json_values import is_equal
from reconcilekit.testing.apiserver.ownership.field_sets import (
    LEAF,
    FieldSet,
    encode_key,
    encode_value,
    is_member,
    union,
)
from reconcilekit.testing.apiserver.ownership.types import ListType, MapType, Type


class Absence(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT
"""In place of a value that isn't there; None is a null that is there."""

Form = Literal["map", "scalar", "list"]


def form_of(value: object, kind: Type) -> Form:
    """As which of its type's forms a value is treated; null, and what fits none, as the first that the type has."""
    if isinstance(value, dict):
        if kind.map is not None:
            return "map"
    elif isinstance(value, list):
        if kind.list is not None:
            return "list"
    elif value is not None and value is not ABSENT and kind.scalar:
        return "scalar"
    if kind.map is not None:
        return "map"
    return "scalar" if kind.scalar else "list"


def element_of(item: object, kind: ListType) -> str:
    """The path element of an item of a list that isn't atomic."""
    if not kind.keys or not isinstance(item, dict):
        return "v:" + encode_value(item)
    key = {}
    for name in kind.keys:
        if name in item:
            key[name] = item[name]
        elif name in kind.key_defaults:
            key[name] = kind.key_defaults[name]
    return "k:" + encode_key(key)


@attrs.define
class Comparison:
    """What leads from one value to another: three sets, of which no path is in two."""

    added: FieldSet = attrs.field(factory=dict)
    modified: FieldSet = attrs.field(factory=dict)
    removed: FieldSet = attrs.field(factory=dict)


def compare(old: object, new: object, kind: Type) -> Comparison:
    """What leads from `old` to `new`."""
    root = _Comparer()
    root.visit("", old, new, kind)
    return Comparison(*(found.get("", {}) for found in (root.added, root.modified, root.removed)))


class _Comparer:
    """One level of the walk: what it finds is put under the element of each part."""

    __slots__ = ("added", "modified", "removed")

    def __init__(self) -> None:
        self.added: FieldSet = {}
        self.modified: FieldSet = {}
        self.removed: FieldSet = {}

    def visit(self, element: str, old: Any, new: Any, kind: Type) -> None:
        """Compare one part."""
        if old is new:
            return
        if old is ABSENT:
            _place(self.added, element, everything(new, kind))
        elif new is ABSENT:
            _place(self.removed, element, everything(old, kind))
        else:
            first, second = form_of(old, kind), form_of(new, kind)
            if first != second:
                self._as(first, element, old, new, kind)
            self._as(second, element, old, new, kind)

    def _as(self, form: Form, element: str, old: Any, new: Any, kind: Type) -> None:
        """Compare in one form."""
        if form == "map":
            assert kind.map is not None
            before = old if isinstance(old, dict) else {}
            after = new if isinstance(new, dict) else {}
            if not kind.map.is_atomic and (before or after):
                self._put(element, _compare_maps(before, after, kind.map))
                return
        elif form == "list":
            assert kind.list is not None
            earlier = old if isinstance(old, list) else []
            later = new if isinstance(new, list) else []
            if not kind.list.is_atomic and (earlier or later):
                self._put(element, _compare_lists(earlier, later, kind.list))
                return
        if not is_equal(old, new):
            _insert(self.modified, element)

    def _put(self, element: str, inner: _Comparer) -> None:
        if inner.added:
            _place(self.added, element, inner.added)
        if inner.modified:
            _place(self.modified, element, inner.modified)
        if inner.removed:
            _place(self.removed, element, inner.removed)


def everything(value: Any, kind: Type) -> FieldSet:
    """The node of a value of which every part is a member: what is added or removed as a whole."""
    node: FieldSet = {}
    if isinstance(value, dict):
        if kind.map is not None and not kind.map.is_atomic:
            field = kind.map.field
            for name, sub in value.items():
                its = field(name)
                if its is not None:
                    # Most parts are scalars, and a call for each would be most of the time that a create takes.
                    node["f:" + name] = everything(sub, its) if isinstance(sub, dict | list) else LEAF
    elif isinstance(value, list) and kind.list is not None and not kind.list.is_atomic:
        for item in value:
            element = element_of(item, kind.list)
            node[element] = LEAF if element in node else everything(item, kind.list.item)
    if node:
        node["."] = LEAF
        return node
    return LEAF


def gained(old: dict[str, Any], new: dict[str, Any], kind: Type) -> FieldSet:
    """What `compare` finds added or modified, in one set: what a create comes to, whose object holds all of `old`."""
    assert kind.map is not None
    node: FieldSet = {}
    field = kind.map.field
    for name, value in new.items():
        its = field(name)
        was = old.get(name, ABSENT)
        if its is None or value is was:
            continue
        element = "f:" + name
        if was is ABSENT:
            node[element] = everything(value, its)
        elif its.map is None and its.list is None:
            if not is_equal(was, value):
                node[element] = LEAF
        elif _has_parts(its.map) and isinstance(value, dict) and (isinstance(was, dict) or (value and was is None)):
            if inner := gained(was or {}, value, its):
                node[element] = inner
        elif was is None and value and isinstance(value, list) and _has_parts(its.list) and form_of(was, its) == "list":
            inner = everything(value, its)
            del inner["."]
            node[element] = inner
        else:
            comparer = _Comparer()
            comparer.visit(element, was, value, its)
            node |= union(comparer.modified, comparer.added)
    return node


def _has_parts(kind: MapType | ListType | None) -> bool:
    return kind is not None and not kind.is_atomic


def _insert(into: FieldSet, element: str) -> None:
    node = into.get(element)
    if node is None:
        into[element] = LEAF
    elif node and "." not in node:
        into[element] = {".": LEAF, **node}


def _place(into: FieldSet, element: str, inner: FieldSet) -> None:
    if not inner:
        _insert(into, element)
        return
    known = into.get(element)
    if known is None:
        into[element] = inner
    else:
        into[element] = {**inner, **known} if known else {".": LEAF, **inner}


def _compare_maps(old: dict[str, Any], new: dict[str, Any], kind: MapType) -> _Comparer:
    inner = _Comparer()
    for name, value in new.items():
        field = kind.field(name)
        if field is not None:
            inner.visit("f:" + name, old.get(name, ABSENT), value, field)
    for name, value in old.items():
        if name not in new and (field := kind.field(name)) is not None:
            inner.visit("f:" + name, value, ABSENT, field)
    return inner


def _compare_lists(old: list[Any], new: list[Any], kind: ListType) -> _Comparer:
    inner = _Comparer()
    before, after = _by_element(old, kind), _by_element(new, kind)
    for element in (*before, *(element for element in after if element not in before)):
        was, now = before.get(element, []), after.get(element, [])
        if len(was) < 2 and len(now) < 2:
            inner.visit(element, was[0] if was else ABSENT, now[0] if now else ABSENT, kind.item)
        elif len(was) > 1 and len(now) > 1:
            if not is_equal(was, now):
                _insert(inner.modified, element)
        elif len(was) > 1:
            if now:
                inner.visit(element, ABSENT, now[0], kind.item)
            _insert(inner.removed, element)
        else:
            if was:
                inner.visit(element, was[0], ABSENT, kind.item)
            _insert(inner.added, element)
    return inner


def _by_element(items: list[Any], kind: ListType) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(element_of(item, kind), []).append(item)
    return found


def field_set(value: object, kind: Type) -> FieldSet:
    """The fields that a configuration names: its leaves, the items of its lists, the entries of its maps."""
    found: dict[str, FieldSet] = {}
    _fields(found, "", value, kind)
    return found.get("", {})


def _fields(into: FieldSet, element: str, value: Any, kind: Type) -> None:
    form = form_of(value, kind)
    if form == "map":
        assert kind.map is not None
        if kind.map.is_atomic:
            _insert(into, element)
        elif isinstance(value, dict):
            _place_unless_empty(into, element, _fields_of_map(value, kind.map))
    elif form == "list":
        assert kind.list is not None
        if kind.list.is_atomic:
            _insert(into, element)
        elif isinstance(value, list):
            _place_unless_empty(into, element, _fields_of_list(value, kind.list))
    else:
        _insert(into, element)


def _place_unless_empty(into: FieldSet, element: str, inner: FieldSet) -> None:
    if inner:
        _place(into, element, inner)


def _fields_of_map(value: dict[str, Any], kind: MapType) -> FieldSet:
    inner: FieldSet = {}
    for name, sub in value.items():
        field = kind.field(name)
        if field is None:
            continue
        _fields(inner, "f:" + name, sub, field)
        if sub is None or sub == {} or name not in kind.names:
            _insert(inner, "f:" + name)
    return inner


def _fields_of_list(items: list[Any], kind: ListType) -> FieldSet:
    inner: FieldSet = {}
    for element, found in _by_element(items, kind).items():
        if len(found) == 1:
            _fields(inner, element, found[0], kind.item)
        _insert(inner, element)
    return inner


def merge(live: Any, config: Any, kind: Type) -> Any:
    """`live` with what `config` names put in; `ABSENT` where nothing is left."""
    form = form_of(live if config is ABSENT else config, kind)
    if form == "map":
        assert kind.map is not None
        below = live if isinstance(live, dict) else {}
        above = config if isinstance(config, dict) else {}
        if not kind.map.is_atomic and (below or above):
            return _merge_maps(below, above, kind.map)
    elif form == "list":
        assert kind.list is not None
        earlier = live if isinstance(live, list) else []
        later = config if isinstance(config, list) else []
        if not kind.list.is_atomic and (earlier or later):
            return _merge_lists(earlier, later, kind.list)
    return live if config is ABSENT else config


def _merge_maps(live: dict[str, Any], config: dict[str, Any], kind: MapType) -> Any:
    merged = {}
    for name, value in live.items():
        if name in config and (field := kind.field(name)) is not None:
            value = merge(value, config[name], field)  # noqa: PLW2901 -- one name for one field
        if value is not ABSENT:
            merged[name] = value
    merged |= {name: value for name, value in config.items() if name not in live}
    return merged or ABSENT


def _merge_lists(live: list[Any], config: list[Any], kind: ListType) -> Any:
    old = [(element_of(item, kind), item) for item in live]
    new = {element_of(item, kind): item for item in config}
    counts: dict[str, int] = {}
    for element, _ in old:
        counts[element] = counts.get(element, 0) + 1
    # An item that the live list has twice isn't merged with: the configuration's takes the place of them all.
    known = {element: item if counts[element] == 1 else None for element, item in old}
    merged = [
        old[index][1] if index is not None else merge(known.get(element, ABSENT), new[element], kind.item)
        for element, index in _merged_order([element for element, _ in old], list(new))
    ]
    return [item for item in merged if item is not ABSENT] or ABSENT


def _merged_order(live: list[str], config: list[str]) -> Iterable[tuple[str, int | None]]:
    """The configuration's order, and between it what is live only, where it stood; with the index where it is live."""
    named, standing = set(config), set(live)
    shared = [element for element in config if element in standing]
    done: set[str] = set()
    left = right = 0
    while left < len(live) or right < len(config):
        if left < len(live) and right < len(config):
            if live[left] == config[right]:
                done.add(live[left])
                yield live[left], None
                left, right = left + 1, right + 1
                shared = shared[1:]
                continue
            if live[left] in named and shared and shared[0] != live[left]:
                left += 1
                continue
        if left < len(live):
            if live[left] not in named:
                yield live[left], left
                left += 1
                continue
            if live[left] in done:
                left += 1
        if right < len(config):
            done.add(config[right])
            yield config[right], None
            if shared and shared[0] == config[right]:
                shared = shared[1:]
            right += 1


def remove(value: Any, fields: FieldSet, kind: Type) -> Any:
    """`value` without `fields`; a container that this empties becomes null, as the real one's does."""
    if not fields:
        return value
    form = form_of(value, kind)
    if form == "map" and isinstance(value, dict):
        assert kind.map is not None
        return value if not value or kind.map.is_atomic else _remove_from_map(value, fields, kind.map)
    if form == "list" and isinstance(value, list):
        assert kind.list is not None
        return value if not value or kind.list.is_atomic else _remove_from_list(value, fields, kind.list)
    return value


def _remove_from_map(value: dict[str, Any], fields: FieldSet, kind: MapType) -> Any:
    kept = {}
    for name, sub in value.items():
        node = fields.get("f:" + name)
        if node is None:
            kept[name] = sub
        elif not is_member(node):
            field = kind.field(name)
            kept[name] = sub if field is None else remove(sub, node, field)
    return kept or None


def _remove_from_list(items: list[Any], fields: FieldSet, kind: ListType) -> Any:
    kept = []
    for item in items:
        node = fields.get(element_of(item, kind))
        if node is None:
            kept.append(item)
        elif not is_member(node):
            kept.append(remove(item, node, kind.item))
    return kept or None


def with_named_fields(fields: FieldSet, kind: Type | None) -> FieldSet:
    """The set with the declared fields on the way to its members as members of their own."""
    result: FieldSet = {}
    for element, node in fields.items():
        if not node or element == ".":
            result[element] = node
            continue
        below, is_named = _below(element, kind)
        inner = with_named_fields(node, below)
        result[element] = {".": LEAF, **inner} if is_named and "." not in inner else inner
    return result


def _below(element: str, kind: Type | None) -> tuple[Type | None, bool]:
    if kind is None:
        return None, False
    if element.startswith("f:") and kind.map is not None:
        name = element[2:]
        return kind.map.field(name), name in kind.map.names
    if element.startswith("k:") and kind.list is not None:
        return kind.list.item, False
    return None, False
