"""Texts as long as a request may be: what looks at them takes no longer than their length, or a test would hang."""

from __future__ import annotations

import pytest

from reconcilekit.testing.apiserver.crd.rules.formatting import formatted
from reconcilekit.testing.apiserver.crd.values.formats import FORMATS

LONG = 500_000


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_looks_at_a_text_once(name: str) -> None:
    judged = FORMATS[name]

    assert name == "password" or not judged("1" * LONG)
    assert name in ("duration", "password") or not judged("1" * LONG + " 1s")
    assert name in ("password", "byte") or not judged("a" * (LONG + 2))


def test_a_precision_has_no_more_digits_than_there_are() -> None:
    assert formatted("%.10000009f", [0.5]) == "0.5".ljust(2 + 10_000_009 % 256, "0")
    assert formatted("%.99999999f", [0.5]) == "%!(NOVERB)"


def test_a_precision_that_no_number_holds_is_told_as_go_tells_it() -> None:
    with pytest.raises(ValueError, match="strconv.Atoi: parsing .*: value out of range"):
        formatted(f"%.{'9' * 5000}f", [0.5])
