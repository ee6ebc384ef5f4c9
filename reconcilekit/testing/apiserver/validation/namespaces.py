"""Namespaces (pkg/apis/core/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, invalid
from reconcilekit.testing.apiserver.validation.metadata import STANDARD_FINALIZERS


def namespace_causes(namespace: Obj, old: Obj | None) -> Found:
    """What is wrong with a Namespace; its finalizers are looked at again only where they are finalized."""
    field = "spec.finalizers"
    if old is not None:
        return
    for name in (namespace.get("spec") or {}).get("finalizers") or ():
        yield from (invalid(field, name, why) for why in names.qualified(name))
        if "/" not in name and name not in STANDARD_FINALIZERS:
            yield invalid(field, name, "name is neither a standard finalizer name nor is it fully qualified")


def namespace_status_causes(namespace: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a Namespace's status."""
    phase = (namespace.get("status") or {}).get("phase", "")
    is_going = bool(namespace["metadata"].get("deletionTimestamp"))
    wanted, which = ("Terminating", "not empty") if is_going else ("Active", "empty")
    if phase != wanted:
        yield invalid("status.Phase", phase, f"may only be '{wanted}' if `deletionTimestamp` is {which}")
