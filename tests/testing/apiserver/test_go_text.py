"""Text as Go prints it; the expected texts are what Go printed."""

from __future__ import annotations

import pytest

from reconcilekit.testing.apiserver.go_text import json_text, json_type, printed, quoted


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "<nil>"),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        ("a b", "a b"),
        ({"b": [1, "x"], "a": {}}, "map[a:map[] b:[1 x]]"),
    ],
)
def test_values_are_printed_plain(value: object, shown: str) -> None:
    assert printed(value) == shown


def test_json_is_compact_sorted_as_maps_are_and_safe_within_html() -> None:
    assert json_text({"b": "<&>", "a": [1, None, "é"]}) == r'{"a":[1,null,"é"],"b":"\u003c\u0026\u003e"}'
    assert json_text({"b": 1, "a": 2}, sorts=False) == '{"b":1,"a":2}'


def test_types_of_json_have_names_of_their_own() -> None:
    values: tuple[object, ...] = (True, 1, 1.5, "", [], {}, None)
    types = [json_type(value) for value in values]
    assert types == ["bool", "number", "number", "string", "array", "object", "null"]
