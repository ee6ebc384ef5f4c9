"""Where Pods are to be: affinity to Nodes and to Pods, and their spread (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_KINDS = ("podAffinity", "podAntiAffinity")
_NEEDED, _PREFERRED = (f"{way}DuringSchedulingIgnoredDuringExecution" for way in ("required", "preferred"))


def affinity_causes(affinity: Obj, field: str) -> Found:
    """What is wrong with affinity to Nodes and Pods."""
    nodes = affinity.get("nodeAffinity") or {}
    if (needed := nodes.get(_NEEDED)) is not None:
        yield from node_selector_causes(needed, f"{field}.nodeAffinity.{_NEEDED}")
    for i, term in enumerate(nodes.get(_PREFERRED) or ()):
        inner, weight = f"{field}.nodeAffinity.{_PREFERRED}[{i}]", term.get("weight", 0)
        if not 1 <= weight <= 100:
            yield invalid(f"{inner}.weight", weight, "must be in the range 1-100")
        yield from _node_term_causes(term.get("preference") or {}, f"{inner}.preference", has_free_values=True)
    for kind in _KINDS:
        told = affinity.get(kind) or {}
        for i, term in enumerate(told.get(_NEEDED) or ()):
            yield from _term_causes(term, f"{field}.{kind}.{_NEEDED}[{i}]")
        for i, weighted in enumerate(told.get(_PREFERRED) or ()):
            inner, weight = f"{field}.{kind}.{_PREFERRED}[{i}]", weighted.get("weight", 0)
            if not 1 <= weight <= 100:
                yield invalid(f"{inner}.weight", weight, "must be in the range 1-100")
            yield from _term_causes(weighted.get("podAffinityTerm") or {}, f"{inner}.podAffinityTerm")


def node_selector_causes(selector: Obj, field: str) -> Found:
    """What is wrong with a selection of Nodes."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        yield required(f"{field}.nodeSelectorTerms", "must have at least one node selector term")
    for i, term in enumerate(terms):
        yield from _node_term_causes(term, f"{field}.nodeSelectorTerms[{i}]", has_free_values=False)


def _node_term_causes(term: Obj, field: str, *, has_free_values: bool) -> Found:
    for i, told in enumerate(term.get("matchExpressions") or ()):
        yield from _node_label_causes(told, f"{field}.matchExpressions[{i}]", has_free_values=has_free_values)
    for i, told in enumerate(term.get("matchFields") or ()):
        yield from _node_field_causes(told, f"{field}.matchFields[{i}]")


def _node_label_causes(told: Obj, field: str, *, has_free_values: bool) -> Found:
    key, operator, values = told.get("key", ""), told.get("operator", ""), told.get("values") or ()
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(f"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(f"{field}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid(f"{field}.operator", operator, "not a valid selector operator")
    yield from (invalid(f"{field}.key", key, why) for why in names.qualified(key))
    for i, value in enumerate(() if has_free_values else values):
        yield from (invalid(f"{field}.values[{i}]", value, why) for why in names.label_value(value))


def _node_field_causes(told: Obj, field: str) -> Found:
    key, operator, values = told.get("key", ""), told.get("operator", ""), told.get("values") or ()
    if operator not in ("In", "NotIn"):
        yield invalid(f"{field}.operator", operator, "not a valid selector operator")
    elif len(values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{field}.values", why)
    if key != "metadata.name":
        yield invalid(f"{field}.key", key, "not a valid field selector key")
        return
    for i, value in enumerate(values):
        yield from (invalid(f"{field}.values[{i}]", value, why) for why in names.subdomain(value))


def _matched_key_causes(told: Obj, field: str) -> Found:
    """What is wrong with the labels whose values a Pod's own select others."""
    selector = told.get("labelSelector")
    same, other = told.get("matchLabelKeys") or (), told.get("mismatchLabelKeys") or ()
    for name, keys in (("matchLabelKeys", same), ("mismatchLabelKeys", other)):
        if keys and selector is None:
            yield forbidden(f"{field}.{name}", "must not be specified when labelSelector is not set")
            continue
        for i, key in enumerate(keys):
            yield from (invalid(f"{field}.{name}[{i}]", key, why) for why in names.qualified(key))
    first = {key: i for i, key in reversed(tuple(enumerate(same)))}
    others = set(other)
    seen = set((selector or {}).get("matchLabels") or ())
    for expression in (selector or {}).get("matchExpressions") or ():
        key = expression.get("key", "")
        if key in first and key in seen:
            yield invalid(f"{field}[{first[key]}]", key, "exists in both matchLabelKeys and labelSelector")
        seen.add(key)
    for i, key in enumerate(same):
        if key in others:
            yield invalid(f"{field}.matchLabelKeys[{i}]", key, "exists in both matchLabelKeys and mismatchLabelKeys")


def _term_causes(term: Obj, field: str) -> Found:
    for name in ("labelSelector", "namespaceSelector"):
        yield from selector_causes(term.get(name) or {}, f"{field}.{name}")
    for name in term.get("namespaces") or ():
        yield from (invalid(f"{field}.namespace", name, why) for why in names.label(name))
    yield from _matched_key_causes(term, field)
    key = term.get("topologyKey", "")
    if not key:
        yield required(f"{field}.topologyKey", "can not be empty")
    yield from (invalid(f"{field}.topologyKey", key, why) for why in names.qualified(key))


def spread_causes(constraints: Sequence[Obj], field: str) -> Found:
    """What is wrong with topology spread constraints."""
    told = [(constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")) for constraint in constraints]
    last = {pair: i for i, pair in enumerate(told)}
    for i, constraint in enumerate(constraints):
        inner, (key, action) = f"{field}[{i}]", told[i]
        if constraint.get("maxSkew", 0) <= 0:
            yield invalid(f"{inner}.maxSkew", constraint.get("maxSkew", 0), "must be greater than zero")
        if not key:
            yield required(f"{inner}.topologyKey", "can not be empty")
        yield from one_of(f"{inner}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
        if last[key, action] > i:
            yield duplicate(f"{inner}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        yield from _domain_causes(constraint.get("minDomains"), action, f"{inner}.minDomains")
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(name) is not None:
                yield from one_of(f"{inner}.{name}", constraint[name], ("Honor", "Ignore"))
        yield from _matched_key_causes(constraint, inner)
        yield from selector_causes(constraint.get("labelSelector") or {}, f"{inner}.labelSelector")


def _domain_causes(least: int | None, action: str, field: str) -> Found:
    if least is None:
        return
    if least <= 0:
        yield invalid(field, least, "must be greater than zero")
    if action != "DoNotSchedule":
        yield invalid(field, least, f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}")
