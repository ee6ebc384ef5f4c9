"""Decoded JSON is told apart as Go tells it apart."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.json_values import is_equal, is_identical


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"a": [value]}], ids=["bare", "nested"])
@pytest.mark.parametrize(
    ("one", "other", "equal", "identical"),
    [
        (1, True, False, False),
        (0, False, False, False),
        (0.0, False, False, False),
        (3, 3.0, True, False),
        (3, 3, True, True),
        (None, False, False, False),
        ("1", 1, False, False),
    ],
)
def test_numbers_are_no_bools(wrap: Any, one: object, other: object, equal: bool, identical: bool) -> None:
    for first, second in ((one, other), (other, one)):
        assert (is_equal(wrap(first), wrap(second)), is_identical(wrap(first), wrap(second))) == (equal, identical)


def test_the_order_of_fields_makes_no_difference() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert is_identical(one, other)
    assert is_equal(one, other)
