"""The table in docs/errors.md is that of the code."""

from __future__ import annotations

import re
from pathlib import Path

from reconcilekit.classification import DEFAULT_RULES

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_documented_table_is_that_of_the_code() -> None:
    """To pass: paste the left side of the failing comparison between the page's two comments."""
    expected = [f"| `{rule.name}` | {rule.matches} | {rule.outcome} |" for rule in DEFAULT_RULES]

    found = re.search(r"<!-- the rules of .*?\n(.*?)<!-- end of the rules -->", PAGE.read_text(), re.DOTALL)

    assert found is not None
    assert expected == found[1].splitlines()[2:]
