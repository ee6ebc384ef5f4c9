"""LimitRanges (pkg/apis/core/validation)."""

from __future__ import annotations

import math
from fractions import Fraction

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, duplicate, forbidden, invalid, required
from reconcilekit.testing.apiserver.validation.resource_names import (
    amount,
    container_name_causes,
    is_shared,
    name_causes,
    whole_amount,
)

_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_RATIO = "maxLimitRequestRatio"
_ORDER = (
    ("min", "max", "min", "min value {} is greater than max value {}"),
    ("min", "defaultRequest", "defaultRequest", "min value {} is greater than default request value {}"),
    ("defaultRequest", "max", "defaultRequest", "default request value {} is greater than max value {}"),
    ("defaultRequest", "default", "defaultRequest", "default request value {} is greater than default limit value {}"),
    ("min", "default", "default", "min value {} is greater than default value {}"),
    ("default", "max", "default", "default value {} is greater than max value {}"),
)
"""What may not be more than what, where it is told, and how."""

_SHOWN = {("min", "default"): "min", ("default", "max"): "max"}
"""Whose value is shown, where it isn't the one of the field."""

_MOST_MILLIS = (2**63 - 1) // 1000
"""From here on ratios are reckoned with whole amounts."""


def limit_range_causes(limits: Obj, old: Obj | None) -> Found:
    """What is wrong with a LimitRange."""
    seen: set[str] = set()
    for i, limit in enumerate((limits.get("spec") or {}).get("limits") or ()):
        field, kind = f"spec.limits[{i}]", limit.get("type", "")
        wrong = names.qualified(kind)
        yield from (invalid(f"{field}.type", kind, why) for why in wrong)
        if not wrong and "/" not in kind and kind not in _TYPES:
            yield invalid(f"{field}.type", kind, "must be a standard limit type or fully qualified")
        if kind in seen:
            yield duplicate(f"{field}.type", kind)
        seen.add(kind)
        yield from _limit_causes(limit, kind, field)


def _limit_causes(limit: Obj, kind: str, field: str) -> Found:
    told = {name: limit.get(name) or {} for name in ("max", "min", "default", "defaultRequest", _RATIO)}
    if kind == "Pod":
        for name in ("default", "defaultRequest"):
            if told.pop(name):
                yield forbidden(f"{field}.{name}", "may not be specified when `type` is 'Pod'")
    check = container_name_causes if kind in ("Pod", "Container") else name_causes
    for name, amounts in told.items():
        if name == _RATIO and kind == "PersistentVolumeClaim" and "storage" not in {**told["min"], **told["max"]}:
            why = "either minimum or maximum storage value is required, but neither was provided"
            yield required(f"{field}.limits", why)
        for resource in amounts:
            yield from check(resource, f"{field}.{name}[{resource}]")
    for resource in dict.fromkeys(resource for amounts in told.values() for resource in amounts):
        found = {name: amounts[resource] for name, amounts in told.items() if resource in amounts}
        yield from _resource_causes(found, resource, field)


def _resource_causes(found: dict[str, str], resource: str, field: str) -> Found:
    values = {name: amount(text) for name, text in found.items()}
    for less, more, where, why in _ORDER:
        if less in values and more in values and values[less] > values[more]:
            shown = found[_SHOWN.get((less, more), where)]
            yield invalid(f"{field}.{where}[{resource}]", shown, why.format(found[less], found[more]))
    if _RATIO in found:
        yield from _ratio_causes(found, values, f"{field}.{_RATIO}[{resource}]")
    default, request = values.get("default"), values.get("defaultRequest")
    if not is_shared(resource) and default is not None and request is not None and default != request:
        told = f"{found['default']} must equal to defaultRequest value {found['defaultRequest']} in {resource}"
        yield invalid(f"{field}.defaultRequest[{resource}]", found["defaultRequest"], f"default value {told}")


def _ratio_causes(found: dict[str, str], values: dict[str, Fraction], field: str) -> Found:
    ratio = found[_RATIO]
    if values[_RATIO] < 1:
        yield invalid(field, ratio, f"ratio {ratio} is less than 1")
    if "min" not in found or "max" not in found:
        return
    names_of = (_RATIO, "min", "max")
    told, least, most = (whole_amount(found[name]) for name in names_of)
    unit = 1
    if max(told, least, most) < _MOST_MILLIS:
        told, least, most = (whole_amount(found[name], millis=True) for name in names_of)
        unit = 1000
    quotient = _quotient(most, least)
    if told / unit > quotient:
        listed = f"{quotient:f}" if math.isfinite(quotient) else f"{'+' if quotient > 0 else '-'}Inf"
        yield invalid(field, ratio, f"ratio {ratio} is greater than max/min = {listed}")


def _quotient(one: int, other: int) -> float:
    """What dividing floats comes to in Go, which raises nothing."""
    if other:
        return float(one) / float(other)
    return math.copysign(math.inf, one) if one else math.nan
