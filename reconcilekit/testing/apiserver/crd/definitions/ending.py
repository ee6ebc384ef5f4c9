"""The end of a definition: its objects go before it, and a finalizer and a condition say how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from reconcilekit.testing.apiserver.crd.definitions.acceptance import with_conditions

CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that a deletion begins with, and that goes with the last object."""

Step = Literal["pending", "in progress", "completed", "never established"]

_STEPS: Final[Mapping[Step, tuple[str, str, str]]] = {
    "pending": (
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    ),
    "in progress": ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"),
    "completed": ("False", "InstanceDeletionCompleted", "removed all instances"),
    "never established": ("False", "NeverEstablished", "resource was never established"),
}


def is_ending(definition: Mapping[str, Any]) -> bool:
    """Whether its objects are to go, and then it."""
    metadata = definition["metadata"]
    return bool(metadata.get("deletionTimestamp")) and CLEANUP in (metadata.get("finalizers") or ())


def marked(definition: Mapping[str, Any], time: str) -> dict[str, Any]:
    """A definition that somebody wants deleted; no grace period and no propagation policy is asked for here."""
    metadata = {**definition["metadata"], "deletionTimestamp": time}
    known = metadata.get("finalizers") or []
    if CLEANUP not in known:
        metadata["finalizers"] = [*known, CLEANUP]
    return at(definition, "pending", time) | {"metadata": metadata}


def at(definition: Mapping[str, Any], step: Step, time: str) -> dict[str, Any]:
    """A definition that says how far its end is."""
    told, reason, message = _STEPS[step]
    condition = {"type": "Terminating", "status": told, "reason": reason, "message": message}
    conditions = with_conditions(definition, [condition], time)
    return {**definition, "status": {**(definition.get("status") or {}), "conditions": conditions}}


def released(definition: Mapping[str, Any], step: Step, time: str) -> dict[str, Any]:
    """A definition whose end is over."""
    metadata = dict(definition["metadata"])
    metadata["finalizers"] = [name for name in metadata["finalizers"] if name != CLEANUP]
    return at(definition, step, time) | {"metadata": metadata}
