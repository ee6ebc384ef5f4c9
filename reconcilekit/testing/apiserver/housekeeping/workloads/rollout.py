"""How far a rolling update goes in one step: the deployment controller's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import replicas_of, spec_of, status_of
from reconcilekit.testing.apiserver.storage.storage import Stored


@attrs.frozen(kw_only=True)
class Limits:
    """What a rolling update has to keep to.

    Attributes:
        surge: Pods above what is wanted.
        unavailable: Pods below it.
    """

    surge: int
    unavailable: int

    @classmethod
    def of(cls, deployment: Stored) -> Limits:
        """Those of a Deployment; where both would be 0, one Pod may be missing, or nothing could ever move."""
        strategy = spec_of(deployment).get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return cls(surge=0, unavailable=0)
        rolling = strategy.get("rollingUpdate") or {}
        wanted = replicas_of(deployment)
        surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
        if not surge and not unavailable:
            unavailable = 1
        return cls(surge=surge, unavailable=min(unavailable, wanted))


def _share(value: Any, of: int, rounded: Any) -> int:
    if isinstance(value, str):
        return int(rounded(of * (whole_number(value.rstrip("%")) or 0) / 100))
    return int(value)


def scale_up(deployment: Stored, new: Stored, everything: Iterable[Stored], limits: Limits) -> int:
    """How many replicas the new ReplicaSet gets now."""
    wanted, has = replicas_of(deployment), replicas_of(new)
    if has >= wanted:
        return wanted
    room = wanted + limits.surge - sum(replicas_of(one) for one in everything)
    return has + max(min(room, wanted - has), 0)


def scale_down(deployment: Stored, new: Stored, old: Sequence[Stored], limits: Limits) -> dict[str, int]:
    """How many replicas old ReplicaSets get now, by name; those that stay aren't named."""
    least = replicas_of(deployment) - limits.unavailable
    total = replicas_of(new) + sum(replicas_of(one) for one in old)
    new_missing = replicas_of(new) - _available(new)
    room = total - least - new_missing
    sizes = {one.key.name: replicas_of(one) for one in old}
    # Those that don't work go first, for that costs nobody anything.
    for one in old:
        broken = min(max(replicas_of(one) - _available(one), 0), max(room, 0))
        sizes[one.key.name] -= broken
        room -= broken
    spare = sum(_available(one) for one in (new, *old)) - least
    for one in old:
        less = min(sizes[one.key.name], max(spare, 0), max(room, 0))
        sizes[one.key.name] -= less
        spare -= less
        room -= less
    return {one.key.name: sizes[one.key.name] for one in old if sizes[one.key.name] != replicas_of(one)}


def is_complete(deployment: Stored, status: Mapping[str, Any]) -> bool:
    """Whether nothing is left to be rolled out."""
    wanted = replicas_of(deployment)
    return all(status.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def has_progressed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether there are more new, ready or available Pods, or fewer old ones."""

    def old(status: Mapping[str, Any]) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grows = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old(after) < old(before) or any(after.get(name, 0) > before.get(name, 0) for name in grows)


def _available(replica_set: Stored) -> int:
    return int(status_of(replica_set).get("availableReplicas", 0))
