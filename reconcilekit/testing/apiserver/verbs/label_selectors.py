"""Label selectors: the grammar of the query parameter, and how the real server refuses what isn't in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted, whole_number

Labels = Mapping[str, str]
Requirement = Callable[[Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)")
_SYMBOLS = frozenset({"", "==", "!=", "=", "!", ",", "(", ")", "<", ">"})
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")
_WORDS = frozenset({"in", "notin"})

_NAME = re.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def parse_label_selector(text: str) -> Callable[[Labels], bool]:
    """What it accepts.

    Raises:
        StatusError: 400.
    """
    requirements = _Parser(text).requirements()
    if len(requirements) == 1:
        return requirements[0]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def key_problems(key: str) -> list[str]:
    """What is wrong with a label's key."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        why = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_NAME_RULE} {why}"]
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif prefix and len(prefix) > 253:
        problems.append("prefix part must be no more than 253 bytes")
    elif prefix and not _SUBDOMAIN.fullmatch(prefix):
        problems.append(f"prefix part {_SUBDOMAIN_RULE}")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        problems.append(f"name part {_NAME_RULE}")
    return problems


def value_problems(value: str) -> list[str]:
    """What is wrong with a label's value."""
    problems = ["must be no more than 63 bytes"] if len(value) > 63 else []
    if value and not _NAME.fullmatch(value):
        problems.append(_VALUE_RULE)
    return problems


@attrs.define
class _Parser:
    text: str
    tokens: list[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tokens = _TOKEN.findall(self.text)

    def requirements(self) -> list[Requirement]:
        """All of them; an empty text has none."""
        found = []
        while self._peek():
            if self._peek() in _SYMBOLS - {"!"}:
                raise status.bad_request(f"found '{self._peek()}', expected: !, identifier, or 'end of string'")
            found.append(self._requirement())
            separator = self._pop()
            if not separator:
                break
            if separator != ",":
                raise status.bad_request(f"found '{separator}', expected: ',' or 'end of string'")
            if self._peek() in _SYMBOLS - {"!"}:
                raise status.bad_request(f"found '{self._peek()}', expected: identifier after ','")
        return found

    def _requirement(self) -> Requirement:
        is_negated = self._peek() == "!"
        if is_negated:
            self._pop()
        key = self._pop()
        if key in _SYMBOLS:
            raise _unparsable(f"found '{key}', expected: identifier")
        if self._peek() in ("", ","):
            _check_key(key)
            return (lambda labels: key not in labels) if is_negated else (lambda labels: key in labels)
        if is_negated:
            _check_key(key)
            return lambda labels: key not in labels
        return self._comparison(key)

    def _comparison(self, key: str) -> Requirement:
        operator = self._pop()
        if operator not in _OPERATORS:
            raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        values = sorted(set(self._values())) if operator in _WORDS else [self._value()]
        limit = _integer(values[0]) if operator in ("<", ">") else 0
        problems = [*_key_told(key), *_values_told(key, values, is_number=limit is not None)]
        if problems or limit is None:
            raise _unparsable(*problems)
        if operator in ("<", ">"):
            return _order(key, operator, limit)
        accepted = frozenset(values)
        if operator in ("!=", "notin"):
            return lambda labels: labels.get(key) not in accepted
        return lambda labels: key in labels and labels[key] in accepted

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._pop()
        if value in _SYMBOLS:
            raise _unparsable(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> list[str]:
        opening = self._pop()
        if opening != "(":
            raise _unparsable(f"found '{opening}' expected: '('")
        if self._peek() not in (",", ")") and self._peek() in _SYMBOLS:
            raise _unparsable(f"found '{self._peek()}', expected: ',', ')' or identifier")
        values, is_value_due = [], True
        while (word := self._pop()) != ")":
            if word == ",":
                if is_value_due:
                    values.append("")
                is_value_due = True
            elif word in _SYMBOLS or not is_value_due:
                raise _unparsable(f"found '{word}', expected: ',' or ')'")
            else:
                values.append(word)
                is_value_due = False
        return [*values, ""] if is_value_due else values

    def _peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def _pop(self) -> str:
        return self.tokens.pop(0) if self.tokens else ""


def _order(key: str, operator: str, limit: int) -> Requirement:
    def accepts(labels: Labels) -> bool:
        value = _integer(labels.get(key, ""))
        return value is not None and (value > limit if operator == ">" else value < limit)

    return accepts


def _integer(text: str) -> int | None:
    value = whole_number(text)
    return value if value is not None and -(2**63) <= value < 2**63 else None


def _check_key(key: str) -> None:
    if problems := _key_told(key):
        raise _unparsable(*problems)


def _key_told(key: str) -> list[str]:
    problems = key_problems(key)
    return [f"<nil>: Invalid value: {quoted(key)}: {'; '.join(problems)}"] if problems else []


def _values_told(key: str, values: Sequence[str], *, is_number: bool) -> Iterator[str]:
    if not is_number:
        yield f"values[0]: Invalid value: {quoted(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer"
    for index, value in enumerate(values):
        if problems := value_problems(value):
            yield f"values[{index}][{key}]: Invalid value: {quoted(value)}: {'; '.join(problems)}"


def _unparsable(*problems: str) -> status.StatusError:
    why = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return status.bad_request(f"unable to parse requirement: {why}")
