"""Text as Go prints it; the expected texts are what Go printed."""

from __future__ import annotations

import pytest

from reconcilekit.testing.apiserver.go_text import quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'),
        ("web", '"web"'),
        ('a "b" \\ c', r'"a \"b\" \\ c"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1b\x7f", r'"\x00\x1b\x7f"'),
        ("<é & 日>", '"<é & 日>"'),
        ("\xa0\u200b\u2028", r'"\u00a0\u200b\u2028"'),
        ("\U0001f600\U000e0001", '"😀\\U000e0001"'),
    ],
)
def test_a_string_is_quoted_with_escapes_for_what_cannot_be_printed(text: str, shown: str) -> None:
    assert quoted(text) == shown
