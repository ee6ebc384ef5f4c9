"""Statuses as pure functions: what a run says of its primary, laid over the status that is there.

A status is written only if it says something new. So `lastTransitionTime` moves only when a condition's status flips
(KEP-1623), and what other controllers wrote into shared lists stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import attrs

ConditionStatus = bool | Literal["Unknown"]

MAX_MESSAGE = 32768
"""Characters of a condition's message, by the API's own type (metav1.Condition); a longer one is cut."""


@attrs.frozen(kw_only=True)
class StagedCondition:
    """One condition as a run stated it; see `reconcilekit.Context.condition`."""

    type: str
    status: ConditionStatus
    reason: str
    message: str = ""

    def as_object(self, *, generation: int, now: datetime) -> dict[str, Any]:
        """The entry of `status.conditions`, as of `now`."""
        return {
            "type": self.type,
            "status": self.status if isinstance(self.status, str) else str(self.status),
            "observedGeneration": generation,
            "lastTransitionTime": timestamp(now),
            "reason": self.reason,
            "message": self.message[:MAX_MESSAGE],
        }


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC to the second, as `metav1.Time` is written."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def merge_conditions(live: Sequence[dict[str, Any]], stated: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`live` with the stated conditions in place; a condition whose status didn't flip keeps its transition time.

    Conditions that aren't stated stay. New ones come last, in the order in which they were stated.
    """
    by_type = {condition["type"]: condition for condition in stated}
    if not live:
        return list(by_type.values())
    merged = [_keep_transition(old, by_type.pop(old.get("type"), old)) for old in copy.deepcopy(list(live))]
    return merged + list(by_type.values())


def _keep_transition(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if old.get("status") == new.get("status") and old.get("lastTransitionTime"):
        return {**new, "lastTransitionTime": old["lastTransitionTime"]}
    return new


def merge_entries(
    live: Sequence[dict[str, Any]], stated: Sequence[dict[str, Any]], *, is_mine: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """A list that several controllers share (a route's `status.parents`), with our entries replaced by `stated`.

    Everybody else's entries stay as they are. An entry of ours that says the same as one that is there, but for its
    conditions, takes its place, and its conditions keep their transition times; new ones come last. So nobody's place
    ever changes: two controllers that each put their own last would undo each other's order for ever.
    """
    left = list(stated)
    merged = []
    for old in live:
        if not is_mine(old):
            merged.append(old)
            continue
        same = next((entry for entry in left if _identity(entry) == _identity(old)), None)
        if same is not None:
            left.remove(same)
            merged.append(_over_own(old, same))
    return merged + left


def _over_own(old: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    if "conditions" not in entry:
        return entry
    stated = entry["conditions"]
    present = {condition["type"] for condition in stated}
    kept = [condition for condition in old.get("conditions") or () if condition.get("type") in present]
    return {**entry, "conditions": merge_conditions(kept, stated)}


def _identity(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "conditions"}
