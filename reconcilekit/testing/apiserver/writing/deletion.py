"""What a DELETE makes of an object: nothing at all, or a version that waits for finalizers or for a grace period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from reconcilekit.testing.apiserver.crd.definitions import ending
from reconcilekit.testing.apiserver.go_times import moment, seconds_as_duration
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"

_ORPHANING = frozenset({("batch", "jobs"), ("", "replicationcontrollers")})
"""Kinds whose dependents are left behind where the request doesn't say: so it was when they were new."""

_UNCOLLECTED = frozenset({("", "events"), ("events.k8s.io", "events")})
"""Kinds that the garbage collector doesn't know."""

_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
_ENDED = ("Failed", "Succeeded")


@attrs.frozen(kw_only=True)
class Verdict:
    """What becomes of the object.

    Attributes:
        content: its next version, None where it stays as it is.
        is_final: it is removed; `content` is then its last version.
    """

    content: dict[str, Any] | None = None
    is_final: bool = False


def decide(served: ResourceType, content: Mapping[str, Any], options: Mapping[str, Any], now: datetime) -> Verdict:
    """Decide about a deletion whose preconditions hold.

    Args:
        served: the kind.
        content: the live object, which isn't changed.
        options: DeleteOptions.
        now: the clock's time.
    """
    if served.storage_key == ("", "namespaces"):
        return _delete_namespace(content, options, now)
    if served.storage_key == _DEFINITIONS and not content["metadata"].get("deletionTimestamp"):
        return Verdict(content=ending.marked(content, _timestamp(now)))
    metadata = dict(content["metadata"])
    grace = _grace_period(served, content, options)
    if grace is not None and metadata.get("deletionTimestamp"):
        left = metadata.get("deletionGracePeriodSeconds")
        if left is not None and (options.get("gracePeriodSeconds") is None or grace >= left):
            return Verdict()
    finalizers = finalizers_for_collection(served, metadata, options)
    if not finalizers and not grace:
        return Verdict(is_final=True)
    if finalizers != metadata.get("finalizers", []):
        metadata["finalizers"] = finalizers
    _mark(metadata, now, grace or 0)
    if metadata == content["metadata"]:
        return Verdict()
    return Verdict(content={**content, "metadata": metadata})


def loses_finalizers(served: ResourceType, content: Mapping[str, Any]) -> bool:
    """Whether an object that a deletion removes is first to lose finalizers, and isn't written for its grace period."""
    return served.storage_key not in (("", "pods"), ("", "namespaces")) and bool(content["metadata"].get("finalizers"))


def finalizers_for_collection(
    served: ResourceType, metadata: Mapping[str, Any], options: Mapping[str, Any]
) -> list[str]:
    """The finalizers that an object has once the garbage collector's two stand or fall by the propagation policy."""
    known: list[str] = list(metadata.get("finalizers") or ())
    wanted = None if served.storage_key in _UNCOLLECTED else _propagation(served, known, options)
    added = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(wanted or "", [])
    kept = [name for name in known if name not in (ORPHAN, FOREGROUND)]
    return known if sorted(known) == sorted(kept + added) else kept + added


def is_released(served: ResourceType, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an update lets go of an object that is being deleted: its last finalizer is gone, its grace over."""
    metadata = old["metadata"]
    if new["metadata"].get("finalizers") or not metadata.get("deletionTimestamp"):
        return False
    if served.storage_key == ("", "namespaces") and (new.get("spec") or {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


def _propagation(served: ResourceType, known: list[str], options: Mapping[str, Any]) -> str:
    if (orphan := options.get("orphanDependents")) is not None:
        return "Orphan" if orphan else "Background"
    if policy := options.get("propagationPolicy"):
        return str(policy)
    for name in known:
        if name in (ORPHAN, FOREGROUND):
            return "Orphan" if name == ORPHAN else "Foreground"
    return "Orphan" if served.storage_key in _ORPHANING else "Background"


def _grace_period(served: ResourceType, content: Mapping[str, Any], options: Mapping[str, Any]) -> int | None:
    """Seconds, None for kinds that are never deleted gracefully: all but Pods."""
    if served.storage_key != ("", "pods"):
        return None
    spec, told = content.get("spec") or {}, options.get("gracePeriodSeconds")
    if not spec.get("nodeName") or (content.get("status") or {}).get("phase") in _ENDED:
        return 0
    period = int(spec.get("terminationGracePeriodSeconds") or 0) if told is None else int(told)
    return 1 if period < 0 else period


def _mark(metadata: dict[str, Any], now: datetime, grace: int) -> None:
    if not metadata.get("deletionTimestamp") and metadata.get("generation"):
        metadata["generation"] += 1
    if metadata.get("deletionTimestamp") and metadata.get("deletionGracePeriodSeconds"):
        begun = moment(metadata["deletionTimestamp"]) - seconds_as_duration(metadata["deletionGracePeriodSeconds"])
        ends = begun + seconds_as_duration(grace)
        if ends < now:
            # As if it began now, and for an instant.
            ends, grace = now, min(grace, 1)
        metadata["deletionTimestamp"] = _timestamp(ends)
    else:
        metadata.setdefault("deletionTimestamp", _timestamp(now + seconds_as_duration(grace)))
    metadata["deletionGracePeriodSeconds"] = grace


def _delete_namespace(content: Mapping[str, Any], options: Mapping[str, Any], now: datetime) -> Verdict:
    metadata = dict(content["metadata"])
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = _timestamp(now)
        finalizers = _namespace_finalizers(metadata, options)
        if finalizers or metadata.get("finalizers"):
            metadata["finalizers"] = finalizers
        status = {**(content.get("status") or {}), "phase": "Terminating"}
        return Verdict(content={**content, "metadata": metadata, "status": status})
    if (content.get("spec") or {}).get("finalizers") or metadata.get("finalizers"):
        return Verdict()
    return Verdict(is_final=True)


def _namespace_finalizers(metadata: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    known: list[str] = list(metadata.get("finalizers") or ())
    policy = str(options.get("propagationPolicy") or "")
    if (orphan := options.get("orphanDependents")) is not None:
        policy = "Orphan" if orphan else "Foreground"
    kept = [name for name in known if name not in (ORPHAN, FOREGROUND) or not policy]
    added = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    return kept + [name for name in added if name not in kept]


def _timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
