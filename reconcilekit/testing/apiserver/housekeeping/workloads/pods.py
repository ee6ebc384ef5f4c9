"""The scheduler and the kubelet of a node on which nothing runs: Pods are bound, become Ready, end, and stop."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Any

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.options import Workloads
from reconcilekit.testing.apiserver.housekeeping.workloads import podstates
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controller_of
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import PODS, spec_of, status_of
from reconcilekit.testing.apiserver.housekeeping.workloads.scheduling import CLAIMS, NODES, Scheduler
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

_MOMENT = 1e-6
"""Seconds that adding up floats may lose."""


class PodLife:
    """Brings Pods from Pending to Running, Jobs' Pods to Succeeded, and deleted ones to their end.

    Args:
        hands: its reads and writes.
        clock: tells the time.
        options: how long it all takes.
    """

    kinds: frozenset[StorageKey] | None = frozenset({PODS, NODES, CLAIMS})

    def __init__(self, hands: Hands, clock: Clock, options: Workloads) -> None:
        self.delay = options.delay
        self._hands = hands
        self._clock = clock
        self._options = options
        self._scheduler = Scheduler(Hands(hands.cluster, "kube-scheduler"), options.node)
        self._born: dict[str, float] = {}
        self._stopping: dict[str, float] = {}
        self._addresses: dict[str, str] = {}
        self._network = ipaddress.ip_network(options.pod_range)
        self._next = 1

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A Pod that is new, bound or being deleted, or a change that others may have waited for."""
        if kind != PODS:
            return self._scheduler.waiting_for(kind, key_of(event))
        if event.after is None:
            assert event.before is not None
            self._scheduler.forget(event.before.key)
            for known in (self._born, self._stopping, self._addresses):
                known.pop(event.before.uid, None)
            return ()
        self._born.setdefault(event.after.uid, self._clock.monotonic())
        if podstates.is_ending(event.after):
            self._stopping.setdefault(event.after.uid, self._clock.monotonic())
        return (key_of(event),)

    def look_at(self, item: Hashable) -> float | None:
        """Take the step that is due."""
        assert isinstance(item, ObjectKey)
        pod = self._hands.get(PODS, item)
        if pod is None:
            return None
        if podstates.is_ending(pod):
            return self._stop(pod)
        if not podstates.node_of(pod):
            self._scheduler.schedule(pod)
            return None
        return self._live(pod)

    def start_over(self) -> Iterable[Hashable]:
        """Every Pod; where it has an address, it keeps it."""
        self._born.clear()
        self._stopping.clear()
        self._addresses.clear()
        self._scheduler.forget_all()
        pods = self._hands.select(PODS)
        for pod in pods:
            self._born[pod.uid] = self._clock.monotonic() - self._age(pod)
            if podstates.is_ending(pod):
                self._stopping[pod.uid] = self._clock.monotonic()
            if address := status_of(pod).get("podIP"):
                self._addresses[pod.uid] = address
        return [pod.key for pod in pods]

    def _age(self, pod: Stored) -> float:
        return (self._clock.now() - datetime.fromisoformat(pod.meta["creationTimestamp"])).total_seconds()

    def _live(self, pod: Stored) -> float | None:
        phase = podstates.phase(pod)
        if phase in ("Succeeded", "Failed") or podstates.node_of(pod) != self._options.node:
            return None
        age = self._clock.monotonic() - self._born[pod.uid]
        time = self._hands.timestamp()
        ends_at = self._options.completes_after if _ends(pod) else None
        if ends_at is not None and age >= ends_at - _MOMENT:
            self._set(pod, podstates.succeeded(pod, time))
            return None
        if phase == "Running":
            return None if ends_at is None else ends_at - age
        if age < self._options.ready_after - _MOMENT:
            if not status_of(pod).get("containerStatuses"):
                self._set(pod, podstates.waiting(pod, time))
            return self._options.ready_after - age
        self._set(pod, podstates.running(pod, time, self._address(pod)))
        for container in spec_of(pod).get("containers") or ():
            self._tell(pod, "Started", "Container started", container["name"])
        return None if ends_at is None else max(ends_at - age, 0.0)

    def _stop(self, pod: Stored) -> float | None:
        grace = float(pod.meta.get("deletionGracePeriodSeconds") or 0)
        takes = min(self._options.stops_after, grace)
        left = takes - (self._clock.monotonic() - self._stopping[pod.uid])
        if left > _MOMENT:
            return left
        if grace:
            self._hands.delete(PODS, pod.key, {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}})
        return None

    def _address(self, pod: Stored) -> str:
        known = self._addresses.get(pod.uid)
        if known is None:
            taken = set(self._addresses.values())
            size = self._network.num_addresses - 2
            for _ in range(size):
                known = str(self._network[self._next])
                self._next = self._next % size + 1
                if known not in taken:
                    break
            assert known is not None
            self._addresses[pod.uid] = known
        return known

    def _set(self, pod: Stored, status: dict[str, Any]) -> None:
        self._hands.set_status(PODS, pod.key, status)

    def _tell(self, pod: Stored, reason: str, message: str, container: str) -> None:
        involved = {"kind": "Pod", "namespace": pod.key.namespace, "name": pod.key.name, "uid": pod.uid}
        involved |= {"apiVersion": "v1", "resourceVersion": str(pod.revision)}
        involved["fieldPath"] = f"spec.containers{{{container}}}"
        self._hands.tell(involved, reason=reason, message=message, component="kubelet")


def _ends(pod: Stored) -> bool:
    """Only what a Job made comes to an end: what else may not restart, nobody knows how long it runs."""
    return controller_of(pod).get("kind") == "Job"
