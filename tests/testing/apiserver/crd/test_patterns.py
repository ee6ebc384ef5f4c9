"""Regular expressions and addresses as Go takes them; the messages are the real server's."""

from __future__ import annotations

import sys

import pytest

from reconcilekit.testing.apiserver.crd.values.addresses import is_email
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher


def test_classes_of_unicode_are_known() -> None:
    find = matcher(r"^[\p{Lu}\d]\p{L}*$")

    assert find("Ärger")
    assert find("1b")
    assert not find("ärger")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[a-", "missing closing ]: `[a-`"),
        ("(a", "missing closing ): `(a`"),
        ("(a))", "unexpected ): `(a))`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
    ],
)
def test_what_is_none_is_refused_in_gos_words(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as refused:
        matcher(pattern)

    assert str(refused.value) == f"error parsing regexp: {reason}"


def test_without_the_library_they_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(PatternError, match=r"install the extra `testing` of kube-reconcilekit"):
        matcher(r"\p{Lt}")


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("a@b", True),
        ("Name <a.b@c.example>", True),
        ('"N, M" <a@b> (and more)', True),
        ("group: a@b;", True),
        ("a@[127.0.0.1]", True),
        ("ä@ö", True),
        ("group: a@b, c@d;", False),
        ("a@[x]", False),
        ("a..b@c", False),
        ('""@b', False),
        ("a b@c", False),
        ("<a@b", False),
        ("a@b@c", False),
        ("a", False),
    ],
)
def test_addresses_are_what_gos_net_mail_takes(text: str, is_right: bool) -> None:
    assert is_email(text) is is_right
