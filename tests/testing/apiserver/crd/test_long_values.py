"""Texts as long as a request may be: what looks at them takes no longer than their length, or a test would hang."""

from __future__ import annotations

import pytest

from reconcilekit.testing.apiserver.crd.rules.formatting import formatted
from reconcilekit.testing.apiserver.crd.values.formats import FORMATS

LONG = 500_000

TAKEN = {
    "byte": {"digits", "letters"},
    "duration": {"a span behind digits"},
    "password": {"digits", "a span behind digits", "letters"},
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_looks_at_a_text_once(name: str) -> None:
    texts = {"digits": "1" * LONG, "a span behind digits": "1" * LONG + " 1s", "letters": "a" * LONG}

    taken = {told for told, text in texts.items() if FORMATS[name](text)}

    assert taken == TAKEN.get(name, set())


def test_a_precision_has_no_more_digits_than_there_are() -> None:
    assert formatted("%.10000009f", [0.5]) == "0.5".ljust(2 + 10_000_009 % 256, "0")
    assert formatted("%.99999999f", [0.5]) == "%!(NOVERB)"


def test_a_precision_that_no_number_holds_is_told_as_go_tells_it() -> None:
    with pytest.raises(ValueError, match=r"strconv.Atoi: parsing .*: value out of range"):
        formatted(f"%.{'9' * 5000}f", [0.5])
