"""DaemonSets: a Pod on every Node."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import claim
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import PODS, Controller, counts, spec_of
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_active, is_ready, node_of
from reconcilekit.testing.apiserver.housekeeping.workloads.revisions import REVISION_LABEL, current_revision
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import pod_of
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.writing.quotas import QUOTAS

NODES = ("", "nodes")

_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)
"""What keeps no DaemonSet's Pod away."""


class DaemonSets(Controller):
    """The daemon set controller; taints and node selectors don't count."""

    kind = ("apps", "daemonsets")
    api_version = "apps/v1"
    kind_name = "DaemonSet"
    component = "daemonset-controller"

    @property
    def kinds(self) -> frozenset[StorageKey] | None:
        """DaemonSets, Pods and Nodes, and quotas."""
        return frozenset({self.kind, PODS, NODES, QUOTAS})

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """Nodes that come and go concern all of them."""
        if kind != NODES:
            return super().notice(kind, event)
        return () if event.type == "MODIFIED" else self.start_over()

    def sync(self, live: Stored) -> None:
        """A Pod where there is none, none where there is no Node, one at a time of an old revision."""
        pods = [pod for pod in claim(self._hands, live, PODS, self.reference(live)) if is_active(pod)]
        revision = current_revision(self._hands, live, self.reference(live)).removeprefix(f"{live.key.name}-")
        nodes = [stored.key.name for stored in self._hands.select(NODES)]
        if not live.meta.get("deletionTimestamp"):
            self._place(live, pods, nodes, revision)
        self._count(live, pods, nodes, revision)

    def _place(self, live: Stored, pods: list[Stored], nodes: list[str], revision: str) -> None:
        taken = {node_of(pod) for pod in pods}
        template = spec_of(live).get("template") or {}
        for name in nodes:
            if name not in taken:
                labels = {REVISION_LABEL: revision, "pod-template-generation": str(live.meta.get("generation", 1))}
                made = pod_of(template, namespace=live.key.namespace, reference=self.reference(live), labels=labels)
                made["spec"] |= {"nodeName": name, "tolerations": _tolerations(made["spec"])}
                self.make_pod(live, made)
        for pod in pods:
            if node_of(pod) not in nodes:
                self.delete_pod(live, pod)
        is_whole = len(pods) == len(nodes) and all(is_ready(pod) for pod in pods)
        outdated = [pod for pod in pods if not _is_of(pod, revision)]
        if (spec_of(live).get("updateStrategy") or {}).get("type") != "OnDelete" and outdated:
            broken = [pod for pod in outdated if not is_ready(pod)]
            for pod in broken or (outdated[:1] if is_whole else ()):
                self.delete_pod(live, pod)

    def _count(self, live: Stored, pods: list[Stored], nodes: list[str], revision: str) -> None:
        placed = [pod for pod in pods if node_of(pod) in nodes]
        ready = sum(is_ready(pod) for pod in placed)
        status = {
            "currentNumberScheduled": len(placed),
            "numberMisscheduled": len(pods) - len(placed),
            "desiredNumberScheduled": len(nodes),
            "numberReady": ready,
            "observedGeneration": live.meta.get("generation", 1),
            **counts(
                updatedNumberScheduled=sum(_is_of(pod, revision) for pod in placed),
                numberAvailable=ready,
                numberUnavailable=len(nodes) - ready,
            ),
        }
        self._hands.set_status(self.kind, live.key, status)


def _tolerations(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = [*_TOLERATED, *([("network-unavailable", "NoSchedule")] if spec.get("hostNetwork") else ())]
    added = [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect} for key, effect in told]
    own = [toleration for toleration in spec.get("tolerations") or () if toleration not in added]
    return [*own, *added]


def _is_of(pod: Stored, revision: str) -> bool:
    return (pod.meta.get("labels") or {}).get(REVISION_LABEL) == revision
