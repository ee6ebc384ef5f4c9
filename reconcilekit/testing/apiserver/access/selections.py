"""The selectors that an access review may tell (KEP-4601): RBAC passes over them, but they have to be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconcilekit.cache.selection import LabelSelector, SelectorSyntaxError
from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import Found, forbidden, invalid, required

_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")
_FIELD = "spec.resourceAttributes"

_FIELD_TERM = re.compile(r"(?:(?!!=|=).)*(?:!=|==|=)(?:\\[\\,=]|[^\\,=])*", re.DOTALL)
_UNESCAPED_COMMA = re.compile(r"(?<!\\)(?:\\\\)*,")

Requirements = Sequence[Mapping[str, Any]]


def selection_causes(attributes: Mapping[str, Any]) -> Iterable[Cause]:
    """What is wrong with the selectors of `resourceAttributes`; unknown operators aren't."""
    for name in ("fieldSelector", "labelSelector"):
        selector, field = attributes.get(name), f"{_FIELD}.{name}"
        if selector is None:
            continue
        raw, requirements = selector.get("rawSelector"), selector.get("requirements") or ()
        if raw and requirements:
            yield invalid(f"{field}.rawSelector", raw, "may not specified at the same time as requirements")
        if not raw and not requirements:
            why = f"when {field} is specified, requirements or rawSelector is required"
            yield required(f"{field}.requirements", why)
        for i, told in enumerate(requirements):
            yield from _requirement_causes(told, f"{field}.requirements[{i}]", has_labels=name == "labelSelector")


def _requirement_causes(told: Mapping[str, Any], field: str, *, has_labels: bool) -> Found:
    key, operator, values = told.get("key", ""), told.get("operator", ""), told.get("values") or ()
    if not has_labels and not key:
        yield required(f"{field}.key", "must be specified")
    if operator in _WITH_VALUES and not values:
        yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _WITHOUT_VALUES and values:
        yield forbidden(f"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    if has_labels:
        yield from (invalid(f"{field}.key", key, why) for why in names.qualified(key))
        for i, value in enumerate(values):
            yield from (invalid(f"{field}.values[{i}]", value, why) for why in names.label_value(value))


def passed_over(attributes: Mapping[str, Any]) -> Iterable[str]:
    """What a review's `evaluationError` says of selectors that can't be read, or not all of them."""
    for name, understood in (("fieldSelector", _understood_fields), ("labelSelector", _understood_labels)):
        selector = attributes.get(name) or {}
        requirements = selector.get("requirements") or ()
        if requirements:
            known = sum(map(understood, requirements))
            if known < len(requirements):
                yield f"{_FIELD}.{name} {'partially ' if known else ''}ignored due to parse error"
        elif not _READS[name](selector.get("rawSelector", "")):
            yield f"{_FIELD}.{name} ignored due to parse error"


def _understood_fields(told: Mapping[str, Any]) -> bool:
    return told.get("operator") in _WITH_VALUES and len(told.get("values") or ()) == 1


def _understood_labels(told: Mapping[str, Any]) -> bool:
    return told.get("operator") in (*_WITH_VALUES, *_WITHOUT_VALUES)


def _reads_fields(raw: str) -> bool:
    return all(not term or _FIELD_TERM.fullmatch(term) for term in _UNESCAPED_COMMA.split(raw))


def _reads_labels(raw: str) -> bool:
    try:
        LabelSelector.parse(raw)
    except SelectorSyntaxError:
        return False
    return True


_READS = {"fieldSelector": _reads_fields, "labelSelector": _reads_labels}
