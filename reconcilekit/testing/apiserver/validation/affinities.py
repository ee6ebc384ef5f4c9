"""Where Pods are to be beside others: affinity to Pods, and their spread (pkg/apis/core/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, invalid, required
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_KINDS = ("podAffinity", "podAntiAffinity")
_NEEDED, _PREFERRED = (f"{way}DuringSchedulingIgnoredDuringExecution" for way in ("required", "preferred"))


def affinity_causes(affinity: Obj, field: str) -> Found:
    """What is wrong with affinity to Pods."""
    for kind in _KINDS:
        told = affinity.get(kind) or {}
        for i, term in enumerate(told.get(_NEEDED) or ()):
            yield from _term_causes(term, f"{field}.{kind}.{_NEEDED}[{i}]")
        for i, weighted in enumerate(told.get(_PREFERRED) or ()):
            inner, weight = f"{field}.{kind}.{_PREFERRED}[{i}]", weighted.get("weight", 0)
            if not 1 <= weight <= 100:
                yield invalid(f"{inner}.weight", weight, "must be in the range 1-100")
            yield from _term_causes(weighted.get("podAffinityTerm") or {}, f"{inner}.podAffinityTerm")


def _term_causes(term: Obj, field: str) -> Found:
    for name in ("labelSelector", "namespaceSelector"):
        yield from selector_causes(term.get(name) or {}, f"{field}.{name}")
    for name in term.get("namespaces") or ():
        yield from (invalid(f"{field}.namespace", name, why) for why in names.label(name))
    key = term.get("topologyKey", "")
    if not key:
        yield required(f"{field}.topologyKey", "can not be empty")
    yield from (invalid(f"{field}.topologyKey", key, why) for why in names.qualified(key))


def spread_causes(constraint: Obj, field: str) -> Found:
    """What is wrong with the selector of a topology spread constraint."""
    yield from selector_causes(constraint.get("labelSelector") or {}, f"{field}.labelSelector")
