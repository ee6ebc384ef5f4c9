"""What an update may not do to an object's metadata, and what becomes of it where it tries.

(k8s.io/apiserver `pkg/registry/rest/update.go`, k8s.io/apimachinery `pkg/api/validation/objectmeta.go`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.json_values import put_or_drop
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, immutable


def carry_over(metadata: dict[str, Any], old: Mapping[str, Any]) -> None:
    """Put back what the server alone writes; `metadata` is changed in place."""
    for name in ("creationTimestamp", "generation"):
        put_or_drop(metadata, name, old.get(name))
    metadata["uid"] = metadata.get("uid") or old["uid"]
    if old.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = old["deletionTimestamp"]
    if metadata.get("deletionGracePeriodSeconds") is None:
        put_or_drop(metadata, "deletionGracePeriodSeconds", old.get("deletionGracePeriodSeconds"))


def update_causes(metadata: Obj, old: Obj) -> Found:
    """What is wrong with an update's metadata in view of what it replaces, once `carry_over` has been done."""
    if old.get("deletionTimestamp"):
        yield from _new_finalizers(metadata, old)
    for name in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        yield from immutable(f"metadata.{name}", old.get(name), metadata.get(name))


def _new_finalizers(metadata: Obj, old: Obj) -> Found:
    added = sorted(set(metadata.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if added:
        listed = ", ".join(f'"{name}"' for name in added)
        why = "no new finalizers can be added if the object is being deleted, found new finalizers"
        yield forbidden("metadata.finalizers", f"{why} []string{{{listed}}}")
