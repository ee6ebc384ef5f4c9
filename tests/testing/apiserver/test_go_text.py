"""Text as Go prints it; the expected texts are what Go printed."""

from __future__ import annotations

import pytest

from reconcilekit.testing.apiserver.go_text import (
    json_text,
    json_type,
    number,
    printed,
    quoted,
    unsigned_problem,
    whole_number,
)


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
        ({"b": [1, "x", 2000000.0], "a": {}}, "map[a:map[] b:[1 x 2e+06]]"),
    ],
)
def test_values_are_printed_plain(value: object, shown: str) -> None:
    assert printed(value) == shown


@pytest.mark.parametrize(
    ("value", "shown", "in_json"),
    [
        (2000000, "2000000", "2000000"),
        (1.0, "1", "1"),
        (100000.0, "100000", "100000"),
        (999999.5, "999999.5", "999999.5"),
        (1000000.0, "1e+06", "1000000"),
        (123456789.0, "1.23456789e+08", "123456789"),
        (123456789012345680000.0, "1.2345678901234568e+20", "123456789012345680000"),
        (1e21, "1e+21", "1e+21"),
        (1.5e300, "1.5e+300", "1.5e+300"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "1e-05", "0.00001"),
        (0.000001, "1e-06", "0.000001"),
        (1.5e-7, "1.5e-07", "1.5e-7"),
        (-2.5, "-2.5", "-2.5"),
        (-0.0, "-0", "-0"),
    ],
)
def test_floats_have_exponents_sooner_in_messages_than_in_json(value: float, shown: str, in_json: str) -> None:
    assert number(value) == shown
    assert json_text(value) == in_json


def test_json_is_compact_sorted_as_maps_are_and_safe_within_html() -> None:
    assert json_text({"b": "<&>", "a": [1, None, "é"]}) == r'{"a":[1,null,"é"],"b":"\u003c\u0026\u003e"}'
    assert json_text({"b": 1, "a": [{"d": 1.0, "c": 2}]}, sorts=False) == '{"b":1,"a":[{"d":1,"c":2}]}'
    assert json_text("\u2028\b\f\x7f\x01") == '"\\u2028\\b\\f\x7f\\u0001"'


def test_types_of_json_have_names_of_their_own() -> None:
    values: tuple[object, ...] = (True, 1, 1.5, "", [], {}, None)
    types = [json_type(value) for value in values]
    assert types == ["bool", "number", "number", "string", "array", "object", "null"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("0" * 5_000 + "7", 7),
        ("9" * 5_000, 2**64),
        ("-" + "9" * 5_000, -(2**64)),
        (str(2**64 - 1), 2**64 - 1),
        (str(2**64), 2**64),
        ("", None),
        ("-", None),
        ("1_0", None),
        (" 1", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_whole_numbers_have_any_length(text: str, value: int | None) -> None:
    assert whole_number(text) == value


def test_an_unsigned_number_has_64_bits() -> None:
    assert unsigned_problem(str(2**64 - 1)) == ""
    assert unsigned_problem(str(2**64)) == 'strconv.ParseUint: parsing "18446744073709551616": value out of range'
    assert unsigned_problem("+1") == 'strconv.ParseUint: parsing "+1": invalid syntax'
