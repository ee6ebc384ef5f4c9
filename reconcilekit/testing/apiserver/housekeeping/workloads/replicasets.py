"""ReplicaSets keep as many Pods as they are told to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.housekeeping.workloads.claims import claim
from reconcilekit.testing.apiserver.housekeeping.workloads.conditions import REPLICA_FAILURE, by_type
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import (
    PODS,
    Controller,
    counts,
    replicas_of,
    spec_of,
    status_of,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import (
    is_active,
    is_available,
    is_ending,
    is_ready,
    node_of,
    phase,
    seconds_ready,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import pod_of
from reconcilekit.testing.apiserver.storage.storage import Stored


class ReplicaSets(Controller):
    """The replica set controller."""

    kind = ("apps", "replicasets")
    api_version = "apps/v1"
    kind_name = "ReplicaSet"
    component = "replicaset-controller"

    def sync(self, live: Stored) -> float | None:
        """Make and delete Pods, then count what was there before."""
        claimed = claim(self._hands, live, PODS, self.reference(live))
        active = [pod for pod in claimed if is_active(pod)]
        if not live.meta.get("deletionTimestamp"):
            self._keep(live, active)
        ending = [pod for pod in claimed if is_ending(pod) and phase(pod) not in ("Succeeded", "Failed")]
        return self._count(live, active, ending)

    def _keep(self, live: Stored, active: list[Stored]) -> None:
        missing = replicas_of(live) - len(active)
        template = spec_of(live).get("template") or {}
        for _ in range(missing):
            if not self.make_pod(live, pod_of(template, namespace=live.key.namespace, reference=self.reference(live))):
                break
        for pod in sorted(active, key=_worth)[: max(-missing, 0)]:
            self.delete_pod(live, pod)

    def _count(self, live: Stored, active: list[Stored], ending: list[Stored]) -> float | None:
        now = datetime.fromisoformat(self._hands.timestamp())
        spec = spec_of(live)
        min_ready = spec.get("minReadySeconds") or 0
        wanted = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        labelled = [pod for pod in active if wanted.items() <= (pod.meta.get("labels") or {}).items()]
        ready = [pod for pod in active if is_ready(pod)]
        available = [pod for pod in ready if is_available(pod, min_ready=min_ready, now=now)]
        status = {
            "replicas": len(active),
            **counts(fullyLabeledReplicas=len(labelled), readyReplicas=len(ready), availableReplicas=len(available)),
            "terminatingReplicas": len(ending),
            "observedGeneration": live.meta.get("generation", 1),
        }
        if conditions := self._conditions(live):
            status["conditions"] = conditions
        self._hands.set_status(self.kind, live.key, status)
        waits = [min_ready - seconds_ready(pod, now) for pod in ready if pod not in available]
        return max(min(waits), 0.1) if waits else None

    def _conditions(self, live: Stored) -> list[dict[str, Any]]:
        """Those that it has; one more while its Pods are refused."""
        known = by_type(status_of(live).get("conditions") or ())
        if self._refusal is None:
            known.pop(REPLICA_FAILURE, None)
        elif REPLICA_FAILURE not in known:
            known[REPLICA_FAILURE] = {
                "type": REPLICA_FAILURE,
                "status": "True",
                "lastTransitionTime": self._hands.timestamp(),
                "reason": "FailedCreate",
                "message": str(self._refusal),
            }
        return list(known.values())


def _worth(pod: Stored) -> tuple[bool, bool, bool, str, str]:
    """Those that are worth least come first: unassigned, pending, not ready, then the youngest."""
    age = "".join(chr(0x10FFFF - ord(letter)) for letter in pod.meta["creationTimestamp"])
    return (bool(node_of(pod)), phase(pod) != "Pending", is_ready(pod), age, pod.key.name)
