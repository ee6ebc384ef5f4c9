"""What Kubernetes adds to CEL, rule by rule; the wording of refusals is in test_answers.py."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from reconcilekit.testing.apiserver.crd.definitions.definition import causes
from reconcilekit.testing.apiserver.crd.rules.checker import RuleChecker
from reconcilekit.testing.apiserver.crd.rules.running import Review, rule_node

PROPERTIES = {"s": {"type": "string"}, "n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "integer"}}}
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
        ("quantity(self.s).isInteger()", "quantities must match the regular expression"),
        ("self.l[9] == 1", "index out of bounds: 9"),
        ("1 / (self.n - 3) == 1", "division by zero"),
    ],
)
def test_what_breaks_while_it_runs_is_told(rule: str, words: str) -> None:
    assert words in str(verdict(rule))


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
    assert "kube-reconcilekit[testing]" in cause.message
