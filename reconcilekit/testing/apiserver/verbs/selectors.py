"""What `labelSelector` and `fieldSelector` select."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored

Predicate = Callable[[Stored], bool]
_Labels = Mapping[str, str]

_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)")


def selection(served: ResourceType, query: Mapping[str, str]) -> Predicate | None:
    """What the request's selectors accept, None where it has none.

    Raises:
        StatusError: 400 where one can't be parsed or names an unknown field.
    """
    predicates = []
    if labels := query.get("labelSelector"):
        predicates.append(_label_predicate(labels))
    if fields := query.get("fieldSelector"):
        predicates.append(_field_predicate(served, fields))
    if len(predicates) <= 1:
        return predicates[0] if predicates else None
    first, second = predicates
    return lambda stored: first(stored) and second(stored)


def _label_predicate(text: str) -> Predicate:
    requirements = _parse_labels(text)

    def accepts(stored: Stored) -> bool:
        labels = stored.meta.get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return accepts


def _parse_labels(text: str) -> list[Callable[[_Labels], bool]]:
    tokens = _TOKEN.findall(text)
    requirements = []
    while tokens:
        requirements.append(_parse_requirement(tokens))
        if tokens and tokens.pop(0) != ",":
            raise _unparsable("found garbage, expected: ',' or 'end of string'")
    return requirements


def _parse_requirement(tokens: list[str]) -> Callable[[_Labels], bool]:
    if tokens[0] == "!":
        tokens.pop(0)
        absent = _identifier(tokens)
        return lambda labels: absent not in labels
    key = _identifier(tokens)
    operator = tokens[0] if tokens else ","
    if operator == ",":
        return lambda labels: key in labels
    tokens.pop(0)
    if operator in ("=", "==", "!="):
        value = "" if not tokens or tokens[0] == "," else _identifier(tokens)
        return _comparison(key, {value}, negated=operator == "!=")
    if operator in ("in", "notin"):
        return _comparison(key, _parse_values(tokens), negated=operator == "notin")
    raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _comparison(key: str, values: set[str], *, negated: bool) -> Callable[[_Labels], bool]:
    if negated:
        return lambda labels: labels.get(key) not in values
    return lambda labels: key in labels and labels[key] in values


def _parse_values(tokens: list[str]) -> set[str]:
    if not tokens or tokens.pop(0) != "(":
        raise _unparsable("found '', expected: '('")
    values: set[str] = set()
    while tokens and tokens[0] != ")":
        value = tokens.pop(0)
        if value != ",":
            values.add(value)
    if not tokens:
        raise _unparsable("found '', expected: ',' or ')'")
    tokens.pop(0)
    return values


def _identifier(tokens: list[str]) -> str:
    token = tokens.pop(0) if tokens else ""
    if not token or token in ("=", "==", "!=", "!", ",", "(", ")", "<", ">"):
        raise _unparsable(f"found '{token}', expected: identifier")
    return token


def _unparsable(why: str) -> status.StatusError:
    return status.bad_request(f"unable to parse requirement: {why}")


def _field_predicate(served: ResourceType, text: str) -> Predicate:
    requirements = [_parse_field(served, term) for term in text.split(",") if term]
    return lambda stored: all(
        (_field(stored.content, path) == value) != negated for path, value, negated in requirements
    )


def _parse_field(served: ResourceType, term: str) -> tuple[str, str, bool]:
    found = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", term)
    if found is None:
        raise status.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, operator, value = found.groups()
    if path not in served.field_selectors:
        known = ", ".join(f'"{name}"' for name in served.field_selectors)
        raise status.bad_request(f'"{path}" is not a known field selector: only {known}')
    return path, value, operator == "!="


def _field(content: Mapping[str, Any], path: str) -> str:
    node: Any = content
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return "" if node is None else str(node)
