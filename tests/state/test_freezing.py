from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import UTC, datetime
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.state import StateError, content_hash, freeze

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@attrs.frozen
class Listener:
    port: int
    hosts: list[str]


@attrs.define
class Mutable:
    port: int


@dataclasses.dataclass(frozen=True)
class Point:
    at: list[int]


class Pair(NamedTuple):
    left: object
    right: object


@given(value=JSON)
def test_frozen_content_equals_and_encodes_as_what_was_given(value: object) -> None:
    frozen = freeze(value)
    assert frozen == value
    assert json.dumps(frozen) == json.dumps(value)
    assert copy.deepcopy(frozen) == value
    assert pickle.loads(pickle.dumps(frozen)) == value
    assert freeze(frozen) is frozen or not isinstance(frozen, dict | list)
    assert content_hash(frozen) == content_hash(freeze(copy.deepcopy(value)))


def test_frozen_containers_refuse_every_change() -> None:
    frozen: Any = freeze({"a": [1], "b": {"c": 1}})
    for change in (
        lambda: frozen.update(a=1),
        lambda: frozen.pop("a"),
        lambda: frozen.__setitem__("a", 1),
        lambda: frozen.setdefault("z", 1),
        lambda: frozen.__ior__({"z": 1}),
        lambda: frozen["b"].clear(),
        lambda: frozen["a"].append(2),
        lambda: frozen["a"].sort(),
        lambda: frozen["a"].__iadd__([1]),
        lambda: frozen["a"].__delitem__(0),
    ):
        with pytest.raises(TypeError, match="can't be changed"):
            change()
    thawed = copy.deepcopy(frozen)
    thawed["a"].append(2)
    assert (frozen["a"], type(thawed), type(thawed["b"])) == ([1], dict, dict)
    assert type(copy.copy(frozen)) is dict


def test_frozen_classes_are_taken_with_their_parts_frozen() -> None:
    hosts = ["a"]
    listener, point = freeze(Listener(80, hosts)), freeze(Point([1]))
    hosts.append("b")
    assert listener == Listener(80, ["a"])
    assert point == Point([1])
    assert isinstance(point, Point)
    with pytest.raises(TypeError):
        point.at.append(2)
    untouched = Listener(80, freeze([]))  # type: ignore[arg-type]  # a frozen list is one
    assert freeze(untouched) is untouched
    assert freeze(Pair([1], {2})) == Pair([1], frozenset({2}))
    assert freeze(bytearray(b"x")) == b"x"


def test_what_can_change_is_refused() -> None:
    with pytest.raises(
        StateError, match=r"test_freezing\.Mutable can change after it was staged: make its class @attrs"
    ):
        freeze({"listener": Mutable(80)})
    with pytest.raises(StateError, match=r"has the key 1 of type builtins\.int"):
        freeze({1: 2})
    with pytest.raises(StateError, match="can't be hashed"):
        content_hash(1 << 80)


def test_hashes_tell_contents_apart_and_nothing_else() -> None:
    different = [1, 1.0, True, "1", b"1", None, [], {}, "", b"", {"a": 1}, {"a": 2}, Listener(1, []), Point([]),
                 datetime(2025, 1, 1, tzinfo=UTC)]  # fmt: skip
    assert len({content_hash(freeze(value)) for value in different}) == len(different)
    assert content_hash(freeze({"a": 1, "b": 2})) == content_hash({"b": 2, "a": 1})
