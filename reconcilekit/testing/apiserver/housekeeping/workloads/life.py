"""Who is at work where workloads are played, and the Node on which they are."""

from __future__ import annotations

from collections.abc import Iterable

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import Chore
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.options import Workloads
from reconcilekit.testing.apiserver.housekeeping.workloads.budgets import DisruptionBudgets
from reconcilekit.testing.apiserver.housekeeping.workloads.cronjobs import CronJobs
from reconcilekit.testing.apiserver.housekeeping.workloads.daemonsets import NODES, DaemonSets
from reconcilekit.testing.apiserver.housekeeping.workloads.deployments import Deployments
from reconcilekit.testing.apiserver.housekeeping.workloads.endpoints import Endpoints
from reconcilekit.testing.apiserver.housekeeping.workloads.jobs import Jobs
from reconcilekit.testing.apiserver.housekeeping.workloads.pods import PodLife
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import HOST
from reconcilekit.testing.apiserver.housekeeping.workloads.replicasets import ReplicaSets
from reconcilekit.testing.apiserver.housekeeping.workloads.statefulsets import StatefulSets

_CAPACITY = {"cpu": "8", "memory": "32Gi", "pods": "1000"}


def workload_controllers(hands: Hands, clock: Clock, options: Workloads) -> Iterable[Chore]:
    """Everybody, in the order in which they act at one instant."""
    for controller in (CronJobs, Deployments, StatefulSets, DaemonSets, Jobs, ReplicaSets):
        yield controller(hands, delay=options.delay)
    yield DisruptionBudgets(hands, delay=options.delay)
    yield PodLife(Hands(hands.cluster, "kubelet"), clock, options)
    yield Endpoints(hands, delay=options.delay)


class Nodes:
    """Registers the one Node, as its kubelet would.

    Args:
        hands: its writes.
        options: the Node's name.
    """

    def __init__(self, hands: Hands, options: Workloads) -> None:
        self._hands = hands
        self._name = options.node

    def register(self) -> None:
        """Create it, ready for everything, unless it's there."""
        if not self._name or self._hands.get(NODES, ObjectKey("", self._name)) is not None:
            return
        labels = {"kubernetes.io/hostname": self._name, "kubernetes.io/os": "linux"}
        key = ObjectKey("", self._name)
        self._hands.create(NODES, {"metadata": {"name": self._name, "labels": labels}, "spec": {}})
        time = self._hands.timestamp()
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": time, "lastTransitionTime": time}
        ready |= {"reason": "KubeletReady", "message": "kubelet is posting ready status"}
        addresses = [{"type": "InternalIP", "address": HOST}, {"type": "Hostname", "address": self._name}]
        status = {"capacity": _CAPACITY, "allocatable": _CAPACITY, "conditions": [ready], "addresses": addresses}
        self._hands.set_status(NODES, key, status)
        # Every new Node has a taint that says that it isn't ready.
        self._hands.change(NODES, key, lambda node: {**node, "spec": {**node["spec"], "taints": []}})
