"""Field selectors: the grammar of the query parameter, and which fields the real server selects by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored

_WORDED_BY_KIND = frozenset(
    {
        ("", "pods"), ("", "secrets"), ("", "nodes"), ("", "namespaces"), ("", "events"), ("", "services"),
        ("", "replicationcontrollers"), ("events.k8s.io", "events"), ("resource.k8s.io", "resourceslices"),
        ("certificates.k8s.io", "certificatesigningrequests"),
        ("certificates.k8s.io", "clustertrustbundles"), ("certificates.k8s.io", "podcertificaterequests"),
    }
)  # fmt: skip
"""Kinds that say "field label not supported" where the others list what they know."""

_ZEROES = {
    "spec.hostNetwork": "false",
    "spec.unschedulable": "false",
    "status.replicas": "0",
    "status.successful": "0",
}
"""What fields that aren't strings compare as while they are absent."""

_MOVED: Mapping[str, tuple[str, ...]] = {
    "reportingComponent": ("reportingComponent", "source.component"),
    "reportingController": ("reportingComponent", "source.component"),
    **{
        f"regarding.{name}": (f"involvedObject.{name}",)
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "source": ("source.component", "reportingComponent"),
    "status.successful": ("status.succeeded",),
}
"""Where the value of a selectable field is found, the first that has one."""


@attrs.frozen(kw_only=True)
class Term:
    """One comparison."""

    path: str
    value: str
    is_negated: bool


def parse_field_selector(text: str) -> list[Term]:
    """Its comparisons; empty ones are left out, of which some compare nothing with nothing.

    Raises:
        StatusError: 400.
    """
    terms = [_term(part) for part in _split(text) if part]
    return [term for term in terms if term.path or term.value]


def _split(text: str) -> Iterator[str]:
    start, is_escaped = 0, False
    for index, char in enumerate(text):
        if char == "," and not is_escaped:
            yield text[start:index]
            start = index + 1
        is_escaped = char == "\\" and not is_escaped
    yield text[start:]


def _term(part: str) -> Term:
    for index in range(len(part)):
        for operator in ("!=", "==", "="):
            if part.startswith(operator, index):
                value = _unescaped(part[index + len(operator) :])
                return Term(path=part[:index], value=value, is_negated=operator == "!=")
    raise status.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")


def _unescaped(value: str) -> str:
    if not any(char in value for char in "\\,="):
        return value
    found, is_escaped = [], False
    for char in value:
        if is_escaped:
            if char not in "\\,=":
                raise status.bad_request(f"invalid field selector: invalid escape sequence: \\{char}")
            found.append(char)
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char in ",=":
            raise status.bad_request(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            found.append(char)
    if is_escaped:
        raise status.bad_request("invalid field selector: invalid escape sequence: \\")
    return "".join(found)


def check_fields(served: ResourceType, terms: list[Term]) -> None:
    """Refuse fields that the kind doesn't select by.

    Raises:
        StatusError: 400.
    """
    for term in terms:
        if term.path not in served.field_selectors and term.path not in _known_of_all(served):
            raise status.bad_request(_unknown(served, term.path))


def _known_of_all(served: ResourceType) -> tuple[str, ...]:
    if served.is_custom and not served.is_namespaced:
        return ("metadata.name",)
    return ("metadata.name", "metadata.namespace")


def _unknown(served: ResourceType, path: str) -> str:
    if served.storage_key in _WORDED_BY_KIND or served.is_custom:
        return f"field label not supported: {path}"
    if served.storage_key == ("batch", "jobs"):
        return f"field label {quoted(path)} not supported for Job"
    return f'{quoted(path)} is not a known field selector: only "metadata.name", "metadata.namespace"'


def field_predicate(served: ResourceType, terms: list[Term]) -> Callable[[Stored], bool]:
    """What the comparisons accept."""

    def accepts(stored: Stored) -> bool:
        return all((_field(served, stored, term.path) == term.value) != term.is_negated for term in terms)

    return accepts


def _field(served: ResourceType, stored: Stored, path: str) -> str:
    if path == "metadata.name":
        return stored.key.name
    if path == "metadata.namespace":
        return stored.key.namespace
    if served.custom is not None:
        return served.custom.field_value(path, stored.content)
    for candidate in _MOVED.get(path, (path,)):
        if found := _text(_at(stored.content, candidate)):
            return found
    return _ZEROES.get(path, "")


def _at(content: Mapping[str, Any], path: str) -> Any:
    node: Any = content
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
