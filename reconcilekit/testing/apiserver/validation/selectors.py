"""Labels and their selectors in objects (apimachinery's apis/meta/v1/validation)."""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, invalid, required

_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")


def label_causes(labels: Mapping[str, str] | None, field: str) -> Found:
    """What is wrong with labels."""
    for key, value in (labels or {}).items():
        yield from (invalid(field, key, why) for why in names.qualified(key))
        yield from (invalid(field, value, why) for why in names.label_value(value))


def selector_causes(selector: Obj, field: str) -> Found:
    """What is wrong with a selector."""
    yield from label_causes(selector.get("matchLabels"), f"{field}.matchLabels")
    for i, told in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression_causes(told, f"{field}.matchExpressions[{i}]")


def _expression_causes(told: Obj, field: str) -> Found:
    operator, values = told.get("operator", ""), told.get("values")
    if operator in _WITH_VALUES and not values:
        yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _WITHOUT_VALUES and values:
        yield forbidden(f"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator not in (*_WITH_VALUES, *_WITHOUT_VALUES):
        yield invalid(f"{field}.operator", operator, "not a valid selector operator")
    yield from (invalid(f"{field}.key", told.get("key", ""), why) for why in names.qualified(told.get("key", "")))
    for i, value in enumerate(values or ()):
        yield from (invalid(f"{field}.values[{i}]", value, why) for why in names.label_value(value))


def is_empty(selector: Obj) -> bool:
    """True if it selects everything."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def matches(selector: Obj, labels: Obj) -> bool:
    """True if it selects an object with these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_is_met(told, labels) for told in selector.get("matchExpressions") or ())


def _is_met(told: Obj, labels: Obj) -> bool:
    key, values = told["key"], told.get("values") or ()
    match told["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
