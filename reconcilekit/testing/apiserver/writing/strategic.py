"""Strategic merge patch: a merge patch whose lists merge item by item where a kind's fields say so.

Lists merge by the key that the field's `patchMergeKey` names, or by value. Directives in the patch delete and replace
(`$patch`, `$deleteFromPrimitiveList`, `$retainKeys`) and put lists in order (`$setElementOrder`). After
k8s.io/apimachinery, util/strategicpatch.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import printed, quoted
from reconcilekit.testing.apiserver.schema.definitions import Field, definition

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"

_GO_TYPES: Final[Mapping[type, str]] = {
    dict: "map[string]interface {}",
    list: "[]interface {}",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    type(None): "%!s(<nil>)",
}
"""What Go makes of JSON's types where it isn't told theirs."""


@attrs.frozen(kw_only=True)
class StrategicPatch:
    """A strategic merge patch of a built-in kind's object.

    Attributes:
        patch: as it came; the merge takes directives and nulls out of it where the real server's does, which shows
            where it is quoted.
        definition: the kind's struct, by its name in OpenAPI.
    """

    patch: dict[str, Any]
    definition: str

    def __call__(self, live: dict[str, Any]) -> dict[str, Any]:
        """What the patch makes of the live object, which isn't changed; good for one time.

        Raises:
            StatusError: 500, as the real server answers what a patch gets wrong about its lists and directives; 400
                where a directive itself is malformed.
        """
        return _merge_maps(live, self.patch, self.definition)


def _merge_maps(live: Mapping[str, Any], patch: dict[str, Any], name: str) -> dict[str, Any]:
    if _PATCH in patch:
        return _directed(patch)
    merged = dict(live)
    if _RETAIN in patch:
        merged = _retained(merged, patch)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _merge_in_order(merged, patch, patch.pop(key), key.removeprefix(_ORDER), name)
    for key, value in patch.items():
        if key.startswith(_REMOVE):
            _remove_items(merged, key.removeprefix(_REMOVE), value)
        else:
            _merge_field(merged, key, value, name)
    return merged


def _directed(patch: dict[str, Any]) -> dict[str, Any]:
    if patch[_PATCH] == "replace":
        del patch[_PATCH]
        return patch
    if patch[_PATCH] == "delete":
        return {}
    raise _refused(f"unknown patch type: {printed(patch[_PATCH])} in map: {printed(patch)}")


def _retained(live: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    kept = patch.pop(_RETAIN)
    names = {name for name in kept if isinstance(name, str)} if isinstance(kept, list) else set[str]()
    foreign = (
        key
        for key, value in patch.items()
        if value is not None and not key.startswith((_ORDER, _REMOVE)) and key not in names
    )
    if not isinstance(kept, list) or next(foreign, None) is not None:
        raise status.bad_request("invalid patch format of retainKeys")
    return {key: value for key, value in live.items() if key in names}


def _remove_items(merged: dict[str, Any], field: str, value: Any) -> None:
    live = merged.get(field)
    if value is None:
        merged.pop(field, None)
    elif isinstance(live, list) and isinstance(value, list):
        gone = {_identity(item) for item in value}
        merged[field] = [item for item in live if _identity(item) not in gone]


def _merge_field(merged: dict[str, Any], key: str, value: Any, name: str) -> None:
    if value is None:
        merged.pop(key, None)
        return
    live = merged.get(key)
    if isinstance(live, dict) and isinstance(value, dict):
        merged[key] = value if _replaces(_field(name, key)) else _merge_maps(live, value, _struct_of(name, key))
    elif isinstance(live, list) and isinstance(value, list):
        merged[key] = _merge_lists(live, value, name, key)
    else:
        _discard_nulls(value)
        merged[key], is_kept = _without_directives(value)
        if not is_kept:
            del merged[key]


def _discard_nulls(value: Any) -> None:
    """Take null fields out of what is put in where there is nothing to merge with."""
    if isinstance(value, dict):
        for name in [name for name, item in value.items() if item is None]:
            del value[name]
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _discard_nulls(item)


def _field(name: str, key: str) -> Field | None:
    return definition(name).fields.get(key) if name else None


def _struct_of(name: str, key: str) -> str:
    """The struct that a field holds, itself or in its list or map; "" where there is none."""
    field = _field(name, key)
    if field is None:
        return ""
    held = field.type if field.type.form == "struct" else field.type.item
    return held.base if held is not None and held.form == "struct" else ""


def _merges(field: Field | None) -> bool:
    return field is not None and "merge" in field.marks.get("patch", "").split(",")


def _replaces(field: Field | None) -> bool:
    return field is not None and "replace" in field.marks.get("patch", "").split(",")


def _merge_lists(live: list[Any], patch: list[Any], name: str, key: str) -> list[Any]:
    field = _field(name, key)
    if not _merges(field):
        return patch
    assert field is not None
    if not live and not patch:
        return live
    by = field.marks.get("patch_key", "")
    _check_alike(live, patch)
    if not isinstance((live or patch)[0], dict):
        both = _without_twins([*live, *patch])
        return _in_order(both, patch, live, "")
    kept, plain = _follow_directives(live, patch, by)
    merged = _merge_items(kept, plain, by, _struct_of(name, key))
    return _in_order(merged, plain, kept, by)


def _follow_directives(live: list[Any], patch: list[Any], by: str) -> tuple[list[Any], list[Any]]:
    """The live items that `$patch` leaves, and the patch without its directives."""
    plain = [item for item in patch if _PATCH not in item]
    deleted: set[Hashable] = set()
    stood: list[Hashable] = []
    for item in patch:
        if _PATCH not in item:
            continue
        if item[_PATCH] == "delete":
            wanted = _identity(_key_of(item, by))
            if not deleted:
                stood = [_identity(_key_of(other, by)) for other in live]
            deleted.add(wanted)
        elif item[_PATCH] == "replace":
            # The whole list is replaced by what else the patch has in it.
            return [], plain
        elif item[_PATCH] == "merge":
            raise _refused("merging lists cannot yet be specified in the patch")
        else:
            raise _refused(f"unknown patch type: {printed(item[_PATCH])} in map: {printed(item)}")
    if deleted:
        live = [other for other, key in zip(live, stood, strict=True) if key not in deleted]
    return live, plain


def _merge_items(live: list[Any], patch: list[Any], by: str, name: str) -> list[Any]:
    merged = list(live)
    # Where the items of each key stand, the first on top.
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, item in enumerate(live):
        places[_identity(item.get(by))].append(place)
    for item in patch:
        wanted = _identity(_key_of(item, by))
        found = places[wanted]
        if not found:
            found.append(len(merged))
            merged.append(item)
            continue
        place = found[0]
        merged[place] = _merge_maps(merged[place], item, name)
        became = _identity(merged[place].get(by))
        if became != wanted:
            heapq.heappush(places[became], heapq.heappop(found))
    return merged


def _merge_in_order(merged: dict[str, Any], patch: dict[str, Any], order: Any, key: str, name: str) -> None:
    """Put a list in order, with what the patch has of it, which is taken out of the patch."""
    for told in (order, *(of[key] for of in (merged, patch) if key in of)):
        if not isinstance(told, list):
            raise _another_type("[]interface {}", told)
    field = _list_field(name, key)
    by = field.marks.get("patch_key", "")
    live, items = merged.get(key, []), patch.get(key, [])
    if order and items:
        _check_order(items, order, by)
    if key in merged and key in patch:
        found = _merge_lists(live, items, name, key)
    elif key in patch:
        found = _without_directives(items)[0]
    elif key in merged:
        found = list(live)
    else:
        return
    if by:
        _check_items(found, order, by)
    patch.pop(key, None)
    _check_alike(live, items)
    merged[key] = _in_order(found, order, live, by)


def _list_field(name: str, key: str) -> Field:
    if not name:
        raise _refused("merging an object in json but data type is not struct, instead is: map")
    struct = definition(name)
    field = struct.fields.get(key)
    if field is None:
        raise _refused(f"unable to find api field in struct {struct.go_name} for the json field {quoted(key)}")
    if field.type.form != "list" and not field.type.is_pointer:
        raise _refused("expected slice or array type, but got: struct")
    return field


def _check_order(patch: list[Any], order: list[Any], by: str) -> None:
    """What the patch adds has to stand in its order, too, and alike."""
    added = [item for item in patch if not by or _as_map(item).get(_PATCH) != "delete"]
    at, place = 0, 0
    while at < len(added) and place < len(order):
        if isinstance(added[at], dict) and _PATCH in added[at]:
            at += 1
            continue
        at += _identity(_value_of(added[at], by)) == _identity(_value_of(order[place], by))
        place += 1
    if at < len(added):
        raise _refused(
            f"The order in patch list:\n{printed(patch)}\n doesn't match $setElementOrder list:\n{printed(order)}\n"
        )


def _check_items(items: list[Any], order: list[Any], by: str) -> None:
    """Whoever looks for an item's place in the order reads maps until the item's own is found."""
    end = next((i for i, told in enumerate(order) if not isinstance(told, dict)), len(order))
    known = {_identity(told.get(by)) for told in order[:end]}
    for item in items:
        if _identity(_key_of(item, by)) not in known and end < len(order):
            raise _refused(f"value for key {end} is not a map")


def _in_order(merged: list[Any], first: Sequence[Any], live: Sequence[Any], by: str) -> list[Any]:
    """Items that `first` names in its order, and the others between them where they stood in the live list."""
    told, stood = _places(first, by), _places(live, by)
    keyed = [(_identity(_value_of(item, by)), item) for item in merged]
    named = sorted((pair for pair in keyed if pair[0] in told), key=lambda pair: told[pair[0]])
    others = [pair for pair in keyed if pair[0] not in told]
    others.sort(key=lambda pair: stood.get(pair[0], len(live)))
    ordered: list[Any] = []
    at = 0
    for mine, item in named:
        while at < len(others) and mine in stood and stood.get(others[at][0], len(live)) < stood[mine]:
            ordered.append(others[at][1])
            at += 1
        ordered.append(item)
    return [*ordered, *(item for _, item in others[at:])]


def _places(items: Iterable[Any], by: str) -> dict[Hashable, int]:
    """Where each value stands first."""
    places: dict[Hashable, int] = {}
    for place, item in enumerate(items):
        places.setdefault(_identity(_value_of(item, by)), place)
    return places


def _identity(value: Any) -> Hashable:
    """What is the same for what Go takes for the same: 1, 1.0 and true are three values."""
    if isinstance(value, dict):
        return dict, frozenset(zip(value, map(_identity, value.values()), strict=True))
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    return type(value), value


def _value_of(item: Any, by: str) -> Any:
    return _key_of(item, by) if by else item


def _as_map(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise _another_type("map[string]interface {}", item)
    return item


def _key_of(item: Any, by: str) -> Any:
    if by not in _as_map(item):
        raise _refused(f"map: {printed(item)} does not contain declared merge key: {by}")
    return item[by]


def _check_alike(live: list[Any], patch: list[Any]) -> None:
    kinds = {type(item) for item in (*live, *patch)}
    if not kinds:
        raise _refused("no elements in any of the given slices")
    if len(kinds) > 1:
        raise _refused(f"list element types are not identical: {printed([live, patch])}")


def _without_twins(items: list[Any]) -> list[Any]:
    """Each value once; the last one takes the place of one that goes, as in the real server's library."""
    values = [_identity(item) for item in items]
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        places[value].append(place)
    at = 0
    while at < len(items):
        value, twins = values[at], places[values[at]]
        while twins:
            place = heapq.heappop(twins)
            if not at < place < len(items) or values[place] != value:
                # What stood there has gone or moved.
                continue
            last, moved = items.pop(), values.pop()
            if place < len(items):
                items[place], values[place] = last, moved
                heapq.heappush(places[moved], place)
        at += 1
    return items


def _without_directives(value: Any) -> tuple[Any, bool]:
    """The value as it is put in where there's nothing to merge with, and whether it is put in at all."""
    if isinstance(value, dict):
        if _PATCH in value:
            return None, False
        for key in list(value):
            value[key], is_kept = _without_directives(value[key])
            if not is_kept:
                del value[key]
    if isinstance(value, list):
        return [item for item, is_kept in map(_without_directives, value) if is_kept], True
    return value, True


def _another_type(wanted: str, told: Any) -> status.StatusError:
    return _refused(f"expected a {wanted}, but received a {_GO_TYPES[type(told)]}")


def _refused(message: str) -> status.StatusError:
    return status.StatusError(500, message)
