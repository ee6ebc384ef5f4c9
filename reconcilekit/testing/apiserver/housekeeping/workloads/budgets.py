"""PodDisruptionBudgets: how many Pods may be evicted now, in their status, where evictions look."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from reconcilekit.cache.selection import LabelSelector
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.go_times import moment
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controller_of
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import PODS, replicas_of, spec_of, status_of
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_ending, is_ready
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

BUDGETS = ("policy", "poddisruptionbudgets")

PATIENCE = timedelta(minutes=2)
"""How long an evicted Pod may be there still, and isn't counted."""

_SCALED = frozenset(
    {("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("", "replicationcontrollers")}
)
_PERCENT = re.compile("([0-9]+)%")
_ALLOWED = "DisruptionAllowed"


class UnscaledError(Exception):
    """A Pod's controller tells no number of Pods; the message says so as the real controller does."""


class DisruptionBudgets:
    """The disruption controller.

    Args:
        hands: its reads and writes.
        delay: seconds between a change and a look.
    """

    kinds: frozenset[StorageKey] | None = frozenset({BUDGETS, PODS, *_SCALED})

    def __init__(self, hands: Hands, *, delay: float) -> None:
        self.delay = delay
        self._hands = hands

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A budget, or what one may count."""
        key = key_of(event)
        if kind == BUDGETS:
            return (key,)
        return [budget.key for budget in self._hands.select(BUDGETS, key.namespace)]

    def look_at(self, item: Hashable) -> float | None:
        """Count; seconds until an evicted Pod is counted again, None where there is none."""
        assert isinstance(item, ObjectKey)
        budget = self._hands.get(BUDGETS, item)
        if budget is None:
            return None
        selector = spec_of(budget).get("selector")
        matches = None if selector is None else LabelSelector.from_object(selector).matches
        pods = [pod for pod in self._hands.select(PODS, item.namespace) if matches and matches(pod.meta.get("labels"))]
        now = self._hands.cluster.clock.now()
        disrupted = _disrupted(budget, pods, now)
        status: dict[str, Any] = {}
        try:
            expected, desired = self._wanted(budget, pods)
        except UnscaledError as error:
            status = {**status_of(budget), "disruptionsAllowed": 0}
            failed = ("False", "SyncFailed", str(error))
            status["conditions"] = self._conditions(budget, failed, status.get("observedGeneration", 0))
        else:
            healthy = sum(is_ready(pod) and not is_ending(pod) and pod.key.name not in disrupted for pod in pods)
            allowed = max(healthy - desired, 0) if expected > 0 else 0
            generation = budget.meta.get("generation", 0)
            said = ("True", "SufficientPods", "") if allowed else ("False", "InsufficientPods", "")
            status["conditions"] = self._conditions(budget, said, generation)
            status |= {"currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed}
            status |= {"expectedPods": expected, "observedGeneration": generation}
            if disrupted:
                status["disruptedPods"] = disrupted
        self._hands.set_status(BUDGETS, item, status)
        ends = [moment(time) + PATIENCE for time in disrupted.values()]
        return max((min(ends) - now).total_seconds(), 0.0) + 1.0 if ends else None

    def start_over(self) -> Iterable[Hashable]:
        """Every budget."""
        return [budget.key for budget in self._hands.select(BUDGETS)]

    def _wanted(self, budget: Stored, pods: list[Stored]) -> tuple[int, int]:
        """How many Pods there ought to be, and how many of them healthy.

        Raises:
            UnscaledError: nobody tells how many there ought to be.
        """
        spec = spec_of(budget)
        most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
        if most is not None:
            expected = self._scale(pods)
            return expected, max(expected - _share(most, expected), 0)
        if isinstance(least, str):
            expected = self._scale(pods)
            return expected, _share(least, expected)
        return (len(pods), least) if least is not None else (0, 0)

    def _scale(self, pods: list[Stored]) -> int:
        scales: dict[str, int] = {}
        for pod in pods:
            reference = controller_of(pod)
            if reference and reference["uid"] not in scales:
                uid, scale = self._scale_of(reference, pod)
                scales[reference["uid"]] = 0
                scales[uid] = scale
        return sum(scales.values())

    def _scale_of(self, reference: Mapping[str, Any], pod: Stored) -> tuple[str, int]:
        served = self._hands.kind_of(reference["apiVersion"], reference["kind"])
        key = ObjectKey(pod.key.namespace, reference["name"])
        owner = None if served is None else self._hands.get(served.storage_key, key)
        is_scaled = served is not None and any(each.name == "scale" for each in served.subresources)
        if owner is None or owner.uid != reference["uid"] or not is_scaled:
            raise UnscaledError(f'found no controllers for pod "{pod.key.name}"')
        if reference["kind"] == "ReplicaSet" and controller_of(owner).get("kind") == "Deployment":
            return self._scale_of(controller_of(owner), pod)
        return owner.uid, replicas_of(owner)

    def _conditions(self, budget: Stored, said: tuple[str, str, str], generation: int) -> list[dict[str, Any]]:
        known = [dict(condition) for condition in status_of(budget).get("conditions") or ()]
        before = next((condition for condition in known if condition["type"] == _ALLOWED), None)
        status, reason, message = said
        is_same = before is not None and before["status"] == status
        since = before["lastTransitionTime"] if before and is_same else self._hands.timestamp()
        told = {"type": _ALLOWED, "status": status, "observedGeneration": generation, "lastTransitionTime": since}
        told |= {"reason": reason, "message": message}
        return [told if condition is before else condition for condition in known] + ([] if before else [told])


def _disrupted(budget: Stored, pods: list[Stored], now: datetime) -> dict[str, str]:
    """The Pods that were evicted a moment ago, and when."""
    told = status_of(budget).get("disruptedPods") or {}
    there = {pod.key.name for pod in pods if not is_ending(pod)}
    return {name: time for name, time in told.items() if name in there and moment(time) + PATIENCE >= now}


def _share(amount: int | str, total: int) -> int:
    found = _PERCENT.fullmatch(amount) if isinstance(amount, str) else None
    if found is not None:
        return -(-(whole_number(found[1]) or 0) * total // 100)
    return int(amount) if isinstance(amount, int) else 0
