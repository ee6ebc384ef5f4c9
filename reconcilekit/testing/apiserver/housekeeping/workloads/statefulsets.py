"""StatefulSets: Pods with ordinals, one after the other."""

from __future__ import annotations

from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import claim
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import (
    PODS,
    Controller,
    counts,
    replicas_of,
    spec_of,
    status_of,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_active, is_ending, is_ready, phase
from reconcilekit.testing.apiserver.housekeeping.workloads.revisions import REVISION_LABEL, current_revision
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import pod_of
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.storage import Stored

CLAIMS = ("", "persistentvolumeclaims")


class StatefulSets(Controller):
    """The stateful set controller; volume claims are made, and kept."""

    kind = ("apps", "statefulsets")
    api_version = "apps/v1"
    kind_name = "StatefulSet"
    component = "statefulset-controller"

    def sync(self, live: Stored) -> None:
        """One step: the next Pod, one too many, or one of an old revision."""
        pods = {_ordinal(pod): pod for pod in claim(self._hands, live, PODS, self.reference(live))}
        revision = current_revision(self._hands, live, self.reference(live))
        if not live.meta.get("deletionTimestamp"):
            self._step(live, pods, revision)
        self._count(live, [pod for pod in pods.values() if phase(pod) not in ("Failed", "Succeeded")], revision)

    def _step(self, live: Stored, pods: dict[int, Stored], revision: str) -> None:
        first = int((spec_of(live).get("ordinals") or {}).get("start", 0))
        wanted = range(first, first + replicas_of(live))
        in_order = spec_of(live).get("podManagementPolicy") != "Parallel"
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None:
                self._make(live, ordinal, revision)
            elif phase(pod) in ("Failed", "Succeeded") and not is_ending(pod):
                self._end(live, pod)
            if in_order and (pod is None or is_ending(pod) or not is_ready(pod)):
                return
        for ordinal in sorted(pods.keys() - set(wanted), reverse=True):
            if not is_ending(pods[ordinal]):
                self._end(live, pods[ordinal])
            if in_order:
                return
        self._update(live, {ordinal: pods[ordinal] for ordinal in wanted if ordinal in pods}, revision)

    def _update(self, live: Stored, pods: dict[int, Stored], revision: str) -> None:
        strategy = spec_of(live).get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in sorted(pods, reverse=True):
            pod = pods[ordinal]
            if ordinal < partition or is_ending(pod) or not is_ready(pod):
                return
            if not self._is_of(pod, live, revision):
                self._end(live, pod)
                return

    def _make(self, live: Stored, ordinal: int, revision: str) -> None:
        name = f"{live.key.name}-{ordinal}"
        labels = {
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
            REVISION_LABEL: revision,
        }
        template = spec_of(live).get("template") or {}
        pod = pod_of(template, namespace=live.key.namespace, reference=self.reference(live), labels=labels)
        pod["metadata"]["name"] = name
        pod["spec"] |= {"hostname": name, "subdomain": spec_of(live).get("serviceName", "")}
        failed = f"Create Pod {name} in StatefulSet {live.key.name} failed error: {{}}"
        if (refusal := self._claim(live, pod)) is not None:
            self.complain(live, refusal, failed=failed)
        elif self.create(live, PODS, pod, failed=failed) is not None:
            message = f"Create Pod {name} in StatefulSet {live.key.name} successful"
            self.tell(live, "SuccessfulCreate", message)

    def _claim(self, live: Stored, pod: dict[str, Any]) -> StatusError | None:
        """Make the Pod's volume claims, where they aren't there from an earlier life, and mount them.

        Returns:
            Why one of them may not be made.
        """
        name, volumes = pod["metadata"]["name"], []
        chosen = (spec_of(live).get("selector") or {}).get("matchLabels") or {}
        for template in spec_of(live).get("volumeClaimTemplates") or ():
            # An older server's folder can hold one without a name.
            told = template.get("metadata") or {}
            volume = told.get("name", "")
            key = ObjectKey(live.key.namespace, f"{volume}-{name}")
            volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": key.name}})
            if self._hands.get(CLAIMS, key) is not None:
                continue
            metadata = {
                "name": key.name,
                "namespace": key.namespace,
                "labels": {**(told.get("labels") or {}), **chosen},
            }
            if told.get("annotations"):
                metadata["annotations"] = told["annotations"]
            body = {"metadata": metadata, "spec": template.get("spec") or {}}
            failed = f"Create Claim {key.name} for Pod {name} in StatefulSet {live.key.name} failed error: {{}}"
            if self.create(live, CLAIMS, body, failed=failed) is not None:
                message = f"Create Claim {key.name} Pod {name} in StatefulSet {live.key.name} success"
                self.tell(live, "SuccessfulCreate", message)
            elif self._refusal is not None:
                return self._refusal
        if volumes:
            taken = {volume["name"] for volume in volumes}
            others = [volume for volume in pod["spec"].get("volumes") or () if volume["name"] not in taken]
            pod["spec"]["volumes"] = [*volumes, *others]
        return None

    def _end(self, live: Stored, pod: Stored) -> None:
        self._hands.delete(PODS, pod.key, {"preconditions": {"uid": pod.uid}})
        message = f"Delete Pod {pod.key.name} in StatefulSet {live.key.name} successful"
        self.tell(live, "SuccessfulDelete", message)

    def _is_of(self, pod: Stored, live: Stored, revision: str) -> bool:
        return (pod.meta.get("labels") or {}).get(REVISION_LABEL) == revision

    def _count(self, live: Stored, pods: list[Stored], revision: str) -> None:
        ready = [pod for pod in pods if is_ready(pod) and not is_ending(pod)]
        updated = [pod for pod in pods if self._is_of(pod, live, revision) and is_active(pod)]
        before = status_of(live)
        current = str(before.get("currentRevision") or revision)
        is_done = len(updated) == len(ready) == len(pods) == replicas_of(live)
        if is_done:
            current = revision
        of_current = [pod for pod in pods if self._is_of(pod, live, current) and is_active(pod)]
        status: dict[str, Any] = {
            "observedGeneration": live.meta.get("generation", 1),
            "replicas": len(pods),
            **counts(readyReplicas=len(ready), currentReplicas=len(of_current), updatedReplicas=len(updated)),
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
            "availableReplicas": len(ready),
        }
        self._hands.set_status(self.kind, live.key, status)


def _ordinal(pod: Stored) -> int:
    text = pod.key.name.rpartition("-")[2]
    value = whole_number(text)
    return -1 if value is None else value
