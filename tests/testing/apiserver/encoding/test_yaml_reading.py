"""YAML means what it means to the real server; what stands here, it answered."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from reconcilekit.testing.apiserver.encoding.yaml_reading import load_yaml, read_yaml
from tests.calls import calls_of

COUNT = 80_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("1:30:00", "1:30:00"),
        ("1e3", 1000),
        ("12e03", 12000),
        ("1.5e+3", 1500),
        ("1.", 1),
        (".5", 0.5),
        ("+.5", 0.5),
        ("09", 9),
        ("017", 15),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("-0b11", -3),
        ("1_000", 1000),
        ("+1", 1),
        ("-0", 0),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("1e400", "1e400"),
        ("9" * 5000, "9" * 5000),
        (".", "."),
        ("0x", "0x"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("y", True),
        ("Off", False),
        ("yES", "yES"),
        ("2020-01-01", "2020-01-01"),
        ("=", "="),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!float 1", 1),
        ("!!binary aGk=", "hi"),
        ("!foo x", "x"),
        ("'1'", "1"),
        ('"y"', "y"),
    ],
)
def test_a_scalar_means_what_it_means_to_go(text: str, value: object) -> None:
    found = read_yaml(f"a: {text}\n".encode())["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n: 1", {"false": 1}),
        ("{1: a, 1.5: b, y: c}", {"1": "a", "1.5": "b", "true": "c"}),
        ("<<: {a: 1, b: 2}\nb: 3", {"a": 1, "b": 3}),
        ("b: 3\n<<: [{a: 1, b: 2}, {a: 4, c: 5}]", {"a": 1, "b": 2, "c": 5}),
        ("'<<': {a: 1}", {"<<": {"a": 1}}),
        ("a: <<", {"a": "<<"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: 1\na: 2", {"a": 2}),
        ("---\na: 1\n---\n]", {"a": 1}),
        ("", None),
        ("# nothing", None),
        ('{"a": 5.0, "b": "5.0"}', {"a": 5, "b": "5.0"}),
    ],
)
def test_documents(text: str, value: object) -> None:
    assert repr(read_yaml(text.encode())) == repr(value)
    assert msgspec.json.decode(load_yaml(text.encode())) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("a: b\n c: d", "yaml: line 2: mapping values are not allowed in this context"),
        ("a: [1, 2", "yaml: line 1: did not find expected ',' or ']'"),
        ("x: 1\ny:\n\tb: c", "yaml: line 3: found character that cannot start any token"),
        ("- a\nb: c", "yaml: line 1: did not find expected '-' indicator"),
        ("%YAML 3\n---\na", "yaml: did not find expected digit or '.' character"),
        ("\0", "yaml: control characters are not allowed"),
        ('a: "\\ud83d\\ude00"', "yaml: found invalid Unicode character escape code"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
        ("a: &x [*x]", "yaml: anchor 'x' value contains itself"),
        ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("a: !!binary '*'", "yaml: !!binary value contains invalid base64 data"),
        ("a: -.inf", "json: unsupported value: -Inf"),
        ("a: .nan", "json: unsupported value: NaN"),
        ("a: {null: z}", 'unsupported map key of type: %!s(<nil>), key: <nil>, value: "z"'),
        ("a: {[a]: b}", 'yaml: invalid map key: []interface {}{"a"}'),
        ("a: {? {a: b} : c}", 'yaml: invalid map key: map[interface {}]interface {}{"a":"b"}'),
        ("<<: 1", "yaml: map merge requires map or sequence of maps as the value"),
        ("a: .inf\nb: [", "yaml: line 2: did not find expected node content"),
    ],
)
def test_what_is_wrong_is_said_as_the_real_parser_says_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        load_yaml(text.encode())


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    document = b"a: 1:30\nn: [1e3, *x]\nc: &x {<<: {d: e}}\n".replace(b", *x", b"")
    expected = load_yaml(document)
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert load_yaml(document) == expected
    with pytest.raises(ValueError, match="yaml: line 2: mapping values are not allowed"):
        load_yaml(b"a: b\n c: d")


@pytest.mark.parametrize(
    ("size", "item", "most"),
    [
        (97, "- *b\n", 218),
        (300, "- {<<: [*b]}\n", 151),
        (1000, "- {<<: [{a: 1}, *b, *b]}\n", 58),
    ],
)
def test_aliases_are_followed_as_often_as_by_the_real_server(size: int, item: str, most: int) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: x}\n"
    text += f"b: &b {{{', '.join(f'k{number}: x' for number in range(size))}}}\nl:\n"
    assert load_yaml((text + item * most).encode())
    with pytest.raises(ValueError, match=r"^yaml: document contains excessive aliasing$"):
        load_yaml((text + item * (most + 1)).encode())


def test_a_large_document_is_read_in_time() -> None:
    import yaml

    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")
    document = ("data:\n" + "".join(f"  k{i}: v\n" for i in range(COUNT))).encode()
    read: dict[str, Any] = {}

    def action() -> None:
        read.update(read_yaml(document))

    calls = calls_of(action)
    assert len(read["data"]) == COUNT
    # PyYAML by itself takes some hundred for each.
    assert calls < 15 * COUNT


@pytest.mark.parametrize("text", ["a: " + "[" * 20_000 + "]" * 20_000, "a: " + "{a: " * 20_000 + "1" + "}" * 20_000])
def test_what_is_too_deep_is_said_to_be_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"^yaml: exceeded max depth of 10000$"):
        load_yaml(text.encode())
