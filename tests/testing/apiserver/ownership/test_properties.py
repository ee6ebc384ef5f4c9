"""Properties of merging and owning, on random objects."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from reconcilekit.testing.apiserver.ownership import managers as entries
from reconcilekit.testing.apiserver.ownership.field_sets import (
    FieldSet,
    difference,
    from_paths,
    intersection,
    ordered,
    paths,
    union,
    without_all_below,
)
from reconcilekit.testing.apiserver.ownership.managers import APPLY, UPDATE, Manager, Managers, Owned
from reconcilekit.testing.apiserver.ownership.types import of_schema
from reconcilekit.testing.apiserver.ownership.updater import Updater, with_update
from reconcilekit.testing.apiserver.ownership.values import compare, field_set, gained, merge

STRINGS = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "object", "additionalProperties": {"type": "integer"}}
ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "x": {"type": "integer"}, "y": {"type": "integer"}},
}
KIND = of_schema(
    {
        "type": "object",
        "properties": {
            "data": NUMBERS,
            "deep": {"type": "object", "additionalProperties": NUMBERS},
            "items": {
                "type": "array",
                "items": ITEM,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "tags": {**STRINGS, "x-kubernetes-list-type": "set"},
            "whole": {**NUMBERS, "x-kubernetes-map-type": "atomic"},
            "list": {"type": "array", "items": {"type": "integer"}},
        },
    }
)
UPDATER = Updater(kind_of=lambda version: KIND if version == "v1" else None, reset=lambda version: {})

names = st.sampled_from(["a", "b", "c"])
scalars = st.integers(0, 2)
items = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"x": scalars, "y": scalars}), max_size=3, unique_by=str
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "data": st.dictionaries(names, scalars, max_size=3),
        "deep": st.dictionaries(names, st.dictionaries(names, scalars, max_size=2), max_size=2),
        "items": items.filter(lambda found: len({item["name"] for item in found}) == len(found)),
        "tags": st.lists(names, max_size=3, unique=True),
        "whole": st.dictionaries(names, scalars, max_size=2),
        "list": st.lists(scalars, max_size=2),
    },
)
ME, OTHER = (Manager(name, APPLY) for name in ("me", "other"))


def apply(
    live: dict[str, Any], config: dict[str, Any], managers: Managers, who: Manager
) -> tuple[dict[str, Any], Managers]:
    return UPDATER.apply(live, config, "v1", managers, who, force=True)


def members(fields: FieldSet) -> set[tuple[str, ...]]:
    return set(paths(fields))


def owned(managers: Managers, who: Manager) -> set[tuple[str, ...]]:
    return members(managers[who].fields) if who in managers else set()


def values(obj: dict[str, Any]) -> dict[Any, Any]:
    """Every leaf with its value, so that lists' order plays no part."""
    found: dict[Any, Any] = {}

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict) and value:
            for name, sub in value.items():
                walk(sub, (*path, name))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                walk(item, (*path, item["name"]))
        else:
            found[path] = sorted(value) if path and path[0] == "tags" else value

    walk(obj, ())
    return found


@given(configs, configs)
def test_an_apply_is_idempotent(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    live, managers = apply({}, theirs, {}, OTHER)
    once = apply(live, mine, managers, ME)
    assert apply(once[0], mine, once[1], ME) == once


@given(configs, configs)
def test_what_is_applied_by_force_is_there(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    live, managers = apply({}, theirs, {}, OTHER)
    live, managers = apply(live, mine, managers, ME)
    assert members(field_set(mine, KIND)) == owned(managers, ME)
    after = values(live)
    for path, value in values(mine).items():
        if value not in ({}, []) and path[0] != "tags":
            assert after[path] == value
    assert set(mine.get("tags", ())) <= set(live.get("tags", ()))


@given(configs, configs, configs)
def test_what_is_no_longer_applied_goes_and_what_others_own_stays(
    theirs: dict[str, Any], mine: dict[str, Any], less: dict[str, Any]
) -> None:
    live, managers = apply({}, theirs, {}, OTHER)
    live, managers = apply(live, mine, managers, ME)
    live, managers = apply(live, less, managers, ME)
    present = members(field_set(live, KIND))
    still_owned = owned(managers, OTHER)
    gone = members(field_set(mine, KIND)) - members(field_set(less, KIND)) - still_owned
    kept = still_owned | owned(managers, ME)
    containers = {path[:depth] for path in kept for depth in range(1, len(path))}
    # A container that only its entries made is left behind empty, or as null: nobody is known to have wanted it gone.
    assert not {path for path in gone - containers if len(path) > 1} & present
    for path in still_owned:
        assert path in present or any(found[: len(path)] == path for found in present) or len(path) == 1


@given(configs, configs)
def test_an_update_owns_exactly_what_it_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    live, managers = apply({}, old, {}, OTHER)
    rest, taken = UPDATER.update(live, new, "v1", managers, Manager("self", ""))
    mine = members(taken)
    found = compare(live, new, KIND)
    assert mine == members(found.added) | members(found.modified)
    assert not mine & owned(rest, OTHER)
    if live == new:
        assert (rest, taken) == (managers, {})
    updater = Manager("u", UPDATE, "v1")
    after = with_update(rest, updater, Owned(taken, "v1", "2025-01-01T00:00:00Z"))
    assert (updater in after) == bool(mine)


@pytest.mark.parametrize(
    ("live", "config", "merged"),
    [
        ("ab", "ab", "ab"),
        ("ab", "cb", "acb"),
        ("bc", "ac", "bac"),
        ("bac", "cb", "acb"),
        ("abc", "ca", "bca"),
        ("", "ab", "ab"),
        ("ab", "", "ab"),
    ],
)
def test_keyed_lists_keep_the_order_that_structured_merge_diff_gives(live: str, config: str, merged: str) -> None:
    """The expected orders are those of sigs.k8s.io/structured-merge-diff."""
    assert merge({"tags": list(live)}, {"tags": list(config)}, KIND) == {"tags": list(merged)}


def test_an_empty_keyed_list_owns_nothing_and_other_empty_values_are_owned() -> None:
    fields = field_set({"items": [], "tags": [], "list": [], "data": {}}, KIND)
    assert members(fields) == {("f:list",), ("f:data",)}


def test_duplicates_are_owned_as_one() -> None:
    """Objects from before a list became a set hold them; structured-merge-diff owns such items as a whole."""
    twice = [{"name": "a", "x": 1}, {"name": "a", "x": 2}]
    item = ("f:items", 'k:{"name":"a"}')
    assert members(field_set({"items": twice}, KIND)) == {item}
    changed = compare({"items": twice}, {"items": twice[::-1]}, KIND)
    assert members(changed.modified) == {item}
    fewer = compare({"items": twice}, {"items": twice[:1]}, KIND)
    assert item in members(fewer.removed)
    assert (*item, "f:x") in members(fewer.added)


# --- the algebra of sets ---------------------------------------------------------------------------------------

elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', "v:1"])
sets = st.sets(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=6)


@given(sets, sets)
def test_the_tree_has_the_algebra_of_sets(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> None:
    left, right = from_paths(*one), from_paths(*other)
    assert members(left) == one
    assert members(union(left, right)) == one | other
    assert members(difference(left, right)) == one - other
    assert members(intersection(left, right)) == one & other
    below = {path for path in one if any(path[:depth] in other for depth in range(1, len(path) + 1))}
    assert members(without_all_below(left, right)) == one - below
    assert ordered(union(left, right)) == union(right, left)


@given(configs, configs)
def test_managed_fields_survive_their_encoding(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    live, managers = apply({}, theirs, {}, OTHER)
    _, managers = apply(live, mine, managers, ME)
    encoded = entries.encode(managers.items())
    assert entries.decode(encoded) == entries.decode_told(encoded) == managers


@given(configs, configs, st.sets(st.sampled_from(["data", "deep", "items", "tags", "whole", "list"])))
def test_one_walk_finds_what_a_comparison_finds_added_or_modified(
    old: dict[str, Any], new: dict[str, Any], nulls: set[str]
) -> None:
    old |= dict.fromkeys(nulls)
    found = compare(old, new, KIND)

    assert ordered(gained(old, new, KIND)) == ordered(union(found.modified, found.added))
