"""Hostnames: which are valid, what they have in common, and in what order they are tried."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.gateway import hostnames

names = st.lists(st.sampled_from(["a", "b", "com"]), min_size=1, max_size=4).map(".".join)
patterns = st.just("*") | names | names.map(lambda name: f"*.{name}")


def takes(pattern: str, name: str) -> bool:
    """The Gateway API's words: any number of labels before a suffix, at least one."""
    if pattern == "*":
        return True
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("shop.example.com", True),
        ("*.example.com", True),
        ("localhost", True),
        ("*", False),
        ("", False),
        ("Shop.example.com", False),
        ("shop..example.com", False),
        ("*.*.example.com", False),
        ("shop.*.com", False),
        ("192.0.2.1", False),
        ("shop.example.com:80", False),
        ("-a.example.com", False),
        ("a." * 130 + "com", False),
    ],
)
def test_validity(hostname: str, expected: bool) -> None:
    assert hostnames.is_valid(hostname) is expected


@given(left=patterns, right=patterns, name=names)
def test_intersection_takes_what_both_take(left: str, right: str, name: str) -> None:
    shared = hostnames.intersection(left, right)

    assert (shared is not None and takes(shared, name)) == (takes(left, name) and takes(right, name))


@given(wider=patterns, narrower=patterns)
def test_covering_lists_exactly_what_covers(wider: str, narrower: str) -> None:
    assert (wider in hostnames.covering(narrower)) == hostnames.covers(wider, narrower)


@given(hostname=patterns)
def test_covering_goes_from_specific_to_wide(hostname: str) -> None:
    order = list(hostnames.covering(hostname))

    assert all(hostnames.covers(later, earlier) for earlier, later in itertools.pairwise(order))
    assert len(set(order)) == len(order)
