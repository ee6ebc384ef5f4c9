"""What Kubernetes adds to CEL, rule by rule; the wording of refusals is in test_answers.py."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from reconcilekit.testing.apiserver.crd.definitions.definition import causes
from reconcilekit.testing.apiserver.crd.rules.addresses import parsed_address
from reconcilekit.testing.apiserver.crd.rules.checker import RuleChecker
from reconcilekit.testing.apiserver.crd.rules.running import Review, rule_node

PROPERTIES = {"s": {"type": "string"}, "n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "integer"}}}
NETWORK = "network address parse error during conversion from string"
OBJECT: dict[str, Any] = {"s": "text", "n": 3, "l": [1, 2, 3]}


def verdict(rule: str) -> object:
    """True, False, or what is wrong with the rule."""
    schema = {"type": "object", "properties": PROPERTIES, "x-kubernetes-validations": [{"rule": rule, "message": "no"}]}
    checked = RuleChecker(schema).check(schema, schema["x-kubernetes-validations"][0])  # type: ignore[index]
    if checked.problem:
        return checked.problem
    node = rule_node(schema)
    assert node is not None
    found = [cause.message for cause in node.causes(OBJECT, None, "", Review(None, []))]
    return True if not found else False if found == ["Invalid value: no"] else found


@pytest.mark.parametrize(
    "rule",
    [
        "quantity('1Gi').isGreaterThan(quantity('1G'))",
        "quantity('1500m').compareTo(quantity('1.5')) == 0",
        "quantity('2').add(quantity('500m')).sub(1).asApproximateFloat() == 1.5",
        "quantity('1k').asInteger() == 1000 && quantity('1k').isInteger() && !quantity('1m').isInteger()",
        "isQuantity('1e3') && !isQuantity('1x')",
        "semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && semver('1.10.0').isGreaterThan(semver('1.9.9'))",
        "semver('v1.2', true).patch() == 0 && isSemver('1.0.0') && !isSemver('v1')",
        "ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()",
        "isIP('::1') && !isIP('1.2.3') && ip.isCanonical('::1') && !ip.isCanonical('0:0::1')",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        "cidr('10.0.0.0/8').prefixLength() == 8 && cidr('10.0.0.1/8').ip() == ip('10.0.0.1')",
        "url('https://a:8080/p?q=1&q=2').getHostname() == 'a' && url('https://a:8080/p').getPort() == '8080'",
        "url('https://a/p?q=1&q=2').getQuery()['q'] == ['1', '2'] && isURL('/x') && !isURL('a b')",
        "'abc 123'.find('[0-9]+') == '123' && '1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
        "self.l.isSorted() && self.l.sum() == 6 && self.l.min() == 1 && self.l.max() == 3",
        "!format.dns1123Label().validate('a-b').hasValue() && format.dns1123Label().validate('A').hasValue()",
        "format.named('uuid').hasValue() && !format.named('shape').hasValue()",
        "sets.contains([1, 2], [1]) && !sets.intersects([1], [2])",
        "self.l.all(i, v, v == i + 1) && self.l.exists(x, x == 2)",
        "self.s.split('').size() == 4 && self.s.upperAscii() == 'TEXT' && '%s-%d'.format([self.s, self.n]) == 'text-3'",
        "self.n < 3.5 && self.n >= 3u && 1 < 2.0",
        "[3, 1, 2].sort() == [1, 2, 3] && [[1], [2]].flatten() == [1, 2]",
        "[2u, 1u].sum() == 3u && [2u, 1u].min() == 1u && [b'b', b'a'].max() == b'b' && ![b'b', b'a'].isSorted()",
        "self.?s.orValue('x') == 'text' && !self.?x.hasValue() || true",
    ],
)
def test_a_rule_holds(rule: str) -> None:
    found = verdict(rule)

    if "self.?x" in rule:
        assert "undefined field 'x'" in str(found)
    else:
        assert found is True


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ip('10.0.0') == ip('10.0.0.1')", 'IP Address "10.0.0" parse error'),
        ("{'a': 1, 'a': 2}.size() == 1", "duplicate key in map"),
        ("quantity(self.s).isInteger()", "quantities must match the regular expression"),
        ("self.l[9] == 1", "index out of bounds: 9"),
        ("1 / (self.n - 3) == 1", "division by zero"),
    ],
)
def test_what_breaks_while_it_runs_is_told(rule: str, words: str) -> None:
    assert words in str(verdict(rule))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("uint(-1) == 1u", "unsigned integer overflow"),
        ("uint(int('x')) == 1u", "type conversion error from 'string' to 'int'"),
        ("uint('-1') == 1u", "type conversion error from 'string' to 'uint'"),
        ("self.n > 0 || int('0x10') == 16", "type conversion error from 'string' to 'int'"),
        ("int('9223372036854775808') == 1", "type conversion error from 'string' to 'int'"),
        ("int(1e99) == 1", "integer overflow"),
        ("int(18446744073709551615u) == 1", "integer overflow"),
        ("bool('yes')", "type conversion error from 'string' to 'bool'"),
        ("double(dyn('1e999')) == 1.0", "type conversion error from 'string' to 'double'"),
        ("string(b'\\xff') == 'a'", "invalid UTF-8 in bytes, cannot convert to string"),
        ("int('x') == 1 && self.s.find('(') == ''", "type conversion error from 'string' to 'int'"),
    ],
)
def test_a_constant_that_cant_be_converted_is_refused_where_it_is_defined(rule: str, words: str) -> None:
    assert verdict(rule) == f"program instantiation failed: {words}"


@pytest.mark.parametrize(
    "rule", ["int('+1') == 1", "int(-1.5) == -1", "bool('true')", "double('.5') == 0.5", "uint(int('3')) == 3u"]
)
def test_a_constant_that_can_be_converted_is_taken(rule: str) -> None:
    assert verdict(rule) is True


@pytest.mark.parametrize(
    ("rule", "column", "words"),
    [
        ("self.l.flatten() == self.l", 15, "found no matching overload for 'flatten' applied to 'list(int).()'"),
        ("timestamp(253402300800) == timestamp(0)", 11, "invalid timestamp argument"),
        ("duration('2562048h') == duration('1s')", 10, "invalid duration argument"),
        ("1 == a.b.c", 6, "undeclared reference to 'a' (in container '')"),
        ("has(nope.x)", 5, "undeclared reference to 'nope' (in container '')"),
        ("self.s.x == 1", 7, "type 'string' does not support field selection"),
        ("{nope: 1}.size() == 1", 2, "undeclared reference to 'nope' (in container '')"),
    ],
)
def test_a_rule_that_is_refused_is_told_as_go_tells_it(rule: str, column: int, words: str) -> None:
    where = f"{rule}\n | {'.' * (column - 1)}^"
    assert verdict(rule) == f"compilation failed: ERROR: <input>:1:{column}: {words}\n | {where}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("self.s.charAt(100) == 'a'", "index out of range: 100"),
        ("self.s.substring(50) == 'a'", "index out of range: 50"),
        ("self.s.substring(0, -1) == 'a'", "invalid substring range. start: 0, end: -1"),
        ("int(self.s) == 1", "type conversion error from 'string' to 'int'"),
        ("bool(self.s)", "type conversion error from 'string' to 'bool'"),
        ("duration(self.s) == duration('1s')", "type conversion error from 'string' to 'google.protobuf.Duration'"),
        ("timestamp(self.s) == timestamp(0)", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        ("uint(self.n - 9) == 1u", "unsigned integer overflow"),
        ("int(1e99 * double(self.n)) == 1", "integer overflow"),
        ("'a'.matches(self.s + '(')", "error parsing regexp: missing closing ): `text(`"),
        ("self.s.find(self.s + '(') == 'a'", "Illegal regex: error parsing regexp: missing closing ): `text(`"),
        ("semver(self.s).major() == 1", "No Major.Minor.Patch elements found"),
        ("semver(self.s + '.1.2').major() == 1", 'Invalid character(s) found in major number "text"'),
        (
            "semver('1.2.3-0' + string(self.n)).major() == 1",
            'Numeric PreRelease version must not contain leading zeroes "03"',
        ),
        (
            "cidr(self.s).prefixLength() == 1",
            f"{NETWORK}: {NETWORK}: netip.ParsePrefix(\"text\"): no '/'",
        ),
        (
            "cidr('::ffff:1.2.3.4/9' + string(self.n)).prefixLength() == 1",
            f'{NETWORK}: IPv4-mapped IPv6 address "::ffff:1.2.3.4/93" is not allowed',
        ),
    ],
)
def test_what_a_value_broke_is_told_as_go_tells_it(rule: str, words: str) -> None:
    assert verdict(rule) == [f'Invalid value: "object": {words} evaluating rule: no']


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.1.1", "IPv4 address too short"),
        ("1.1.1.256", "IPv4 field has value >255"),
        ("01.1.1.1", "IPv4 field has octet with leading zero"),
        ("1.1.1.1.1", "IPv4 address too long"),
        ("1.1.1.", 'IPv4 field must have at least one digit (at ".")'),
        ("1.1.1.a", 'unexpected character (at "a")'),
        ("::g", 'each colon-separated field must have at least one digit (at "g")'),
        ("1:2", "address string too short"),
        ("12345::", 'each group must have 4 or less digits (at "12345::")'),
        ("::1.2.3", "IPv4 address too short"),
        ("1::2::3", 'multiple :: in address (at ":3")'),
        ("1:2:3:4:5:6:7:8:9", 'trailing garbage after address (at "9")'),
        ("%eth0", "missing IPv6 address"),
        ("one", "unable to parse IP"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_as_go_tells_it(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'ParseAddr("{text}"): {words}') + "$"):
        parsed_address(text)


def test_a_rule_that_this_server_cant_run_is_refused_where_it_is_defined() -> None:
    assert "found no matching overload for 'indexOf'" in str(verdict("[[1]].indexOf([1]) == 0"))


def test_without_the_library_rules_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python.cel", None)
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "as", "singular": "a", "kind": "A", "listKind": "AList"}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]}
    content = {"metadata": {"name": "as.example.com"}, "spec": spec, "status": {"storedVersions": ["v1"]}}

    (cause,) = causes(content, None)

    assert cause.field == "spec.validation.openAPIV3Schema.x-kubernetes-validations"
    assert "install the extra `testing` of kube-reconcilekit (in a checkout: pip install '.[testing]')" in cause.message
