"""SortedMap: equal to a sorted dict whatever is done to it and to its copies, and copied in O(1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.testing.apiserver.storage import sorted_map
from reconcilekit.testing.apiserver.storage.sorted_map import SortedMap
from tests.memory import peak_bytes

STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "copy", "swap"]), st.integers(0, 40), st.integers(0, 5)), max_size=120
)


def same(found: SortedMap[int, int], model: dict[int, int]) -> None:
    ordered = sorted(model)
    assert found.keys() == list(found) == ordered
    assert list(found.items()) == [(key, model[key]) for key in ordered]
    assert list(found.values()) == [model[key] for key in ordered]
    assert len(found) == len(model)
    assert found.first() == (model[ordered[0]] if ordered else None)
    assert found.last() == (model[ordered[-1]] if ordered else None)
    for key in range(-1, 42):
        assert found.get(key) == model.get(key)
        assert (key in found) == (key in model)
        assert found.rank(key) == sum(1 for k in ordered if k < key)
        assert [k for k, _ in found.above(key)] == [k for k in ordered if k > key]
        assert [k for k, _ in found.above(key, inclusive=True)] == [k for k in ordered if k >= key]
        assert found.next_key(key) == next((k for k in ordered if k > key), None)


@given(STEPS)
def test_it_and_every_copy_of_it_equal_a_dict(steps: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_map, "BLOCK", 3)
        pairs: list[tuple[SortedMap[int, int], dict[int, int]]] = [(SortedMap(), {})]
        for what, key, value in steps:
            found, model = pairs[-1]
            if what == "put":
                found.put(key, value)
                model[key] = value
            elif what == "copy":
                pairs.append((found.copy(), dict(model)))
            elif what == "swap":
                pairs.insert(0, pairs.pop())
            elif key in model:
                assert found.remove(key) == model.pop(key)
            else:
                with pytest.raises(KeyError):
                    found.remove(key)
        for found, model in pairs:
            same(found, model)


def test_what_isnt_there_raises_a_key_error() -> None:
    with pytest.raises(KeyError):
        SortedMap[int, int]()[1]


def filled(count: int) -> SortedMap[int, int]:
    entries: SortedMap[int, int] = SortedMap()
    for key in range(count):
        entries.put(key, key)
    return entries


def test_a_copy_allocates_the_same_few_bytes_whatever_the_size() -> None:
    assert peak_bytes(filled(10).copy) == peak_bytes(filled(20_000).copy) < 500


def test_the_first_write_after_a_copy_copies_one_block_and_the_second_nothing() -> None:
    entries = filled(20_000)
    whole = peak_bytes(lambda: dict.fromkeys(range(20_000)))
    entries.copy()
    assert peak_bytes(lambda: entries.put(5000, 0)) < whole / 10
    assert peak_bytes(lambda: entries.put(5001, 0)) < 500


def test_keys_in_order_fill_their_blocks() -> None:
    assert repr(filled(10 * sorted_map.BLOCK)) == f"<SortedMap of {10 * sorted_map.BLOCK} in 10 blocks>"
