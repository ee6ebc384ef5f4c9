"""What a Job counts as failure and as success (KEP-3329, KEP-3998)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.go_text import quoted, whole_number
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    invalid,
    not_negative,
    one_of,
    required,
    too_long,
    too_many,
)

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATES = ("False", "True", "Unknown")
_MOST_RULES = 20
_MOST_CODES = 255
_LONGEST_INDEXES = 64 * 1024


def failure_policy_causes(spec: Obj, field: str) -> Found:
    """What is wrong with a Job's policy of failure."""
    pod = (spec.get("template") or {}).get("spec") or {}
    containers = {one.get("name", "") for part in ("containers", "initContainers") for one in pod.get(part) or ()}
    rules = spec["podFailurePolicy"].get("rules") or ()
    yield from too_many(f"{field}.rules", rules, _MOST_RULES)
    for i, rule in enumerate(rules):
        yield from _failure_rule_causes(rule, spec, containers, f"{field}.rules[{i}]")


def _failure_rule_causes(rule: Obj, spec: Obj, containers: Collection[str], field: str) -> Found:
    action, codes, conditions = rule.get("action", ""), rule.get("onExitCodes"), rule.get("onPodConditions") or ()
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        yield invalid(f"{field}.action", action, "requires the backoffLimitPerIndex to be set")
    yield from _choice_causes(f"{field}.action", action, _ACTIONS)
    if codes is not None:
        yield from _code_causes(codes, containers, f"{field}.onExitCodes")
    yield from too_many(f"{field}.onPodConditions", conditions, _MOST_RULES)
    for i, condition in enumerate(conditions):
        where, kind = f"{field}.onPodConditions[{i}]", condition.get("type", "")
        yield from (invalid(f"{where}.type", kind, why) for why in names.qualified(kind))
        yield from _choice_causes(f"{where}.status", condition.get("status", ""), _STATES)
    if bool(conditions) == (codes is not None):
        told = "both OnExitCodes and OnPodConditions is not supported"
        told = told if conditions else "one of OnExitCodes and OnPodConditions is required"
        yield Cause(reason="FieldValueInvalid", message=f"Invalid value: specifying {told}", field=field)


def _choice_causes(field: str, value: str, known: Sequence[str]) -> Found:
    if not value:
        yield required(field, f"valid values: [{' '.join(map(quoted, known))}]")
    else:
        yield from one_of(field, value, known)


def _code_causes(told: Obj, containers: Collection[str], field: str) -> Found:
    operator, name, values = told.get("operator", ""), told.get("containerName"), told.get("values")
    yield from _choice_causes(f"{field}.operator", operator, _OPERATORS)
    if name is not None and name not in containers:
        why = "must be one of the container or initContainer names in the pod template"
        yield invalid(f"{field}.containerName", name, why)
    if not values:
        yield invalid(f"{field}.values", values, "at least one value is required")
        return
    yield from too_many(f"{field}.values", values, _MOST_CODES)
    seen: set[int] = set()
    for i, value in enumerate(values):
        if operator == "In" and value == 0:
            yield invalid(f"{field}.values[{i}]", value, "must not be 0 for the In operator")
        if value in seen:
            yield duplicate(f"{field}.values[{i}]", value)
        seen.add(value)
    if list(values) != sorted(values):
        yield invalid(f"{field}.values", values, "must be ordered")


def success_policy_causes(spec: Obj, field: str) -> Found:
    """What is wrong with an indexed Job's policy of success."""
    rules = spec["successPolicy"].get("rules") or ()
    if not rules:
        yield required(f"{field}.rules", "at least one rules must be specified when the successPolicy is specified")
    yield from too_many(f"{field}.rules", rules, _MOST_RULES)
    for i, rule in enumerate(rules):
        yield from _success_rule_causes(rule, spec.get("completions") or 0, f"{field}.rules[{i}]")


def _success_rule_causes(rule: Obj, completions: int, field: str) -> Found:
    count, indexes, total = rule.get("succeededCount"), rule.get("succeededIndexes"), 0
    if count is None and indexes is None:
        yield required(field, "at least one of succeededCount or succeededIndexes must be specified")
    if indexes is not None:
        yield from too_long(f"{field}.succeededIndexes", indexes, _LONGEST_INDEXES)
        try:
            total = _counted(indexes, completions)
        except ValueError as error:
            yield invalid(f"{field}.succeededIndexes", indexes, f"error parsing succeededIndexes: {error}")
    if count is None:
        return
    yield from not_negative(f"{field}.succeededCount", count)
    limits = [(completions, "the number of specified completions")]
    if indexes is not None:
        limits.append((total, "the number of indexes in the specified succeededIndexes field"))
    for limit, what in limits:
        if count > limit:
            yield invalid(f"{field}.succeededCount", count, f"must be less than or equal to {limit} ({what})")


def _counted(indexes: str, completions: int) -> int:
    """How many indexes a text such as "0,2-5" names.

    Raises:
        ValueError: it names none; the message says why in Go's words.
    """
    total = 0
    last: int | None = None
    for told in indexes.split(",") if indexes else ():
        ends = told.split("-")
        if len(ends) > 2:
            what = "violates the requirement that an index interval can have at most two parts separated by '-'"
            raise ValueError(f"the fragment {quoted(told)} {what}")
        first, *rest = (_index(end, completions) for end in ends)
        end = rest[0] if rest else first
        if rest and first >= end:
            raise ValueError(f"non-increasing order, previous: {first}, current: {end}")
        if last is not None and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total, last = total + end - first + 1, end
    return total


def _index(text: str, completions: int) -> int:
    found = whole_number(text)
    if found is None:
        raise ValueError(f"cannot convert string to integer for index: {quoted(text)}")
    if found >= completions:
        raise ValueError(f"too large index: {quoted(text)}")
    return found
