"""Lines out of chunks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.kube.framing import LineFramer, LineTooLongError


@given(
    data=st.binary(max_size=60).map(lambda raw: raw.replace(b"a", b"\n")), cuts=st.lists(st.integers(0, 60), max_size=8)
)
def test_lines_do_not_depend_on_where_chunks_end(data: bytes, cuts: list[int]) -> None:
    framer = LineFramer()
    edges = [0, *sorted(cuts), len(data)]

    lines = [line for start, end in itertools.pairwise(edges) for line in framer.feed(data[start:end])]

    whole, _, unfinished = data.rpartition(b"\n")
    assert lines == [line for line in whole.split(b"\n") if line]
    assert framer.pending == len(unfinished)


def test_a_line_above_half_a_megabyte_passes() -> None:
    framer = LineFramer()
    chunk = b"x" * 65536
    for _ in range(32):
        assert framer.feed(chunk) == []
    assert framer.feed(b"\n{") == [chunk * 32]
    assert repr(framer) == "<LineFramer pending=1>"


def test_an_endless_line_is_refused() -> None:
    framer = LineFramer(max_line=10)
    framer.feed(b"0123456789")
    with pytest.raises(LineTooLongError, match=r"^A line of more than 10 bytes is no watch event$"):
        framer.feed(b"0")
