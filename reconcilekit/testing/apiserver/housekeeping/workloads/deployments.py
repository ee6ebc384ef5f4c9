"""Deployments roll from one ReplicaSet to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_text import quoted, whole_number
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import claim, controlled
from reconcilekit.testing.apiserver.housekeeping.workloads.conditions import (
    NO_DEADLINE,
    by_type,
    judge,
    set_condition,
    set_replica_failure,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import (
    PODS,
    Controller,
    counts,
    replicas_of,
    spec_of,
    status_of,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_active
from reconcilekit.testing.apiserver.housekeeping.workloads.rollout import Limits, scale_down, scale_up
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import HASH_LABEL, hash_of, is_same
from reconcilekit.testing.apiserver.storage.storage import Stored

REPLICA_SETS = ("apps", "replicasets")
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"

_HISTORY_LIMIT = 2000
"""Characters of a ReplicaSet's earlier revisions; the oldest go first."""

_OWN_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)
"""What a ReplicaSet doesn't take over from its Deployment."""


class Deployments(Controller):
    """The deployment controller."""

    kind = ("apps", "deployments")
    api_version = "apps/v1"
    kind_name = "Deployment"
    owned = REPLICA_SETS
    component = "deployment-controller"

    def sync(self, live: Stored) -> float | None:
        """One step of a rollout, and the status after it."""
        sets = sorted(claim(self._hands, live, REPLICA_SETS, self.reference(live)), key=_age)
        if live.meta.get("deletionTimestamp"):
            self._tell_status(live, None, sets)
            return None
        new = self._find_new(live, sets)
        is_paused = bool(spec_of(live).get("paused"))
        if new is None and not is_paused:
            new = self._make_new(live, sets)
            if new is None:
                # A name that is taken may be free later; of a quota's change this hears.
                return 1.0 if self._refusal is None else None
            sets = [*sets, new]
        if new is not None and not is_paused:
            self._take_revision(live, new, sets)
        if new is not None:
            self._roll(live, new, [one for one in sets if one.key != new.key], is_paused=is_paused)
        again = controlled(self._hands, live, REPLICA_SETS)
        self._forget_history(live, new, again)
        return self._tell_status(live, new, again)

    def _find_new(self, live: Stored, sets: list[Stored]) -> Stored | None:
        template = spec_of(live).get("template") or {}
        return next((one for one in sets if is_same(spec_of(one).get("template") or {}, template)), None)

    def _make_new(self, live: Stored, sets: list[Stored]) -> Stored | None:
        template = spec_of(live).get("template") or {}
        label = {HASH_LABEL: hash_of(template)}
        known = template.get("metadata") or {}
        labels = {**(known.get("labels") or {}), **label}
        selector = dict(spec_of(live).get("selector") or {})
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **label}
        limits = Limits.of(live)
        if (spec_of(live).get("strategy") or {}).get("type") == "Recreate":
            size = 0 if any(replicas_of(one) for one in sets) else replicas_of(live)
        else:
            room = replicas_of(live) + limits.surge - sum(replicas_of(one) for one in sets)
            size = max(min(room, replicas_of(live)), 0)
        spec: dict[str, Any] = {"replicas": size, "selector": selector}
        spec["template"] = {**template, "metadata": {**known, "labels": labels}}
        if spec_of(live).get("minReadySeconds"):
            spec["minReadySeconds"] = spec_of(live)["minReadySeconds"]
        name = f"{live.key.name}-{label[HASH_LABEL]}"
        metadata = {
            "name": name,
            "namespace": live.key.namespace,
            "labels": labels,
            "annotations": self._annotations(live, str(_last_revision(sets) + 1)),
            "ownerReferences": [self.reference(live)],
        }
        failed = f"Failed to create new replica set {quoted(name)}: {{}}"
        body = {"metadata": metadata, "spec": spec}
        made = self.create(live, REPLICA_SETS, body, failed=failed, reason="ReplicaSetCreateError")
        if self._refusal is not None:
            self._tell_refusal(live, failed.replace("{}", str(self._refusal)))
        if made is not None and size:
            self.tell(live, "ScalingReplicaSet", f"Scaled up replica set {made.key.name} from 0 to {size}")
        return made

    def _tell_refusal(self, live: Stored, message: str) -> None:
        if spec_of(live).get("progressDeadlineSeconds", 600) == NO_DEADLINE:
            return
        conditions, time = by_type(status_of(live).get("conditions") or ()), self._hands.timestamp()
        set_condition(conditions, "Progressing", "False", "ReplicaSetCreateError", message, time)
        status = {**status_of(live), "conditions": list(conditions.values())}
        self._hands.set_status(self.kind, live.key, status)

    def _annotations(self, live: Stored, revision: str) -> dict[str, str]:
        known = live.meta.get("annotations") or {}
        wanted = replicas_of(live)
        return {
            **{name: value for name, value in known.items() if name not in _OWN_ANNOTATIONS},
            REVISION: revision,
            DESIRED: str(wanted),
            MAXIMUM: str(wanted + Limits.of(live).surge),
        }

    def _take_revision(self, live: Stored, new: Stored, sets: list[Stored]) -> None:
        """The present ReplicaSet has the highest revision, even if it's an old one come back."""
        others = [one for one in sets if one.key != new.key]
        had, following = _revision(new), _last_revision(others) + 1
        revision = str(max(following, had))
        wanted = self._annotations(live, revision)
        if had and had < following:
            wanted[HISTORY] = _longer_history(new, had)
        self._annotate(REPLICA_SETS, new, wanted)
        self._annotate(self.kind, live, {REVISION: revision})

    def _annotate(self, kind: tuple[str, str], stored: Stored, wanted: Mapping[str, str]) -> None:
        known = stored.meta.get("annotations") or {}
        if wanted.items() <= known.items():
            return

        def transform(obj: dict[str, Any]) -> dict[str, Any]:
            return {**obj, "metadata": {**obj["metadata"], "annotations": {**known, **wanted}}}

        # A Deployment's annotations count as its spec does, but through its status, which is the way that the real
        # controller takes.
        self._hands.change(kind, stored.key, transform, subresource="status" if kind == self.kind else "")

    def _roll(self, live: Stored, new: Stored, old: list[Stored], *, is_paused: bool) -> None:
        if is_paused:
            # A paused Deployment follows its scale, and that alone.
            if not any(replicas_of(one) for one in old):
                self._scale(live, new, replicas_of(live))
        elif (spec_of(live).get("strategy") or {}).get("type") == "Recreate":
            self._recreate(live, new, old)
        else:
            limits = Limits.of(live)
            self._scale(live, new, scale_up(live, new, [new, *old], limits))
            current = self._hands.get(REPLICA_SETS, new.key) or new
            sizes = scale_down(live, current, old, limits)
            for one in old:
                if one.key.name in sizes:
                    self._scale(live, one, sizes[one.key.name])

    def _recreate(self, live: Stored, new: Stored, old: list[Stored]) -> None:
        for one in old:
            self._scale(live, one, 0)
        pods = [pod for one in old for pod in controlled(self._hands, one, PODS)]
        if not any(is_active(pod) or pod.meta.get("deletionTimestamp") for pod in pods):
            self._scale(live, new, replicas_of(live))

    def _scale(self, live: Stored, one: Stored, size: int) -> None:
        has = replicas_of(one)
        if has == size:
            return

        def transform(obj: dict[str, Any]) -> dict[str, Any]:
            return {**obj, "spec": {**obj["spec"], "replicas": size}}

        self._hands.change(REPLICA_SETS, one.key, transform)
        direction = "up" if size > has else "down"
        self.tell(live, "ScalingReplicaSet", f"Scaled {direction} replica set {one.key.name} from {has} to {size}")

    def _forget_history(self, live: Stored, new: Stored | None, sets: list[Stored]) -> None:
        limit = spec_of(live).get("revisionHistoryLimit")
        done = [
            one
            for one in sorted(sets, key=_revision)
            if (new is None or one.key != new.key) and not replicas_of(one) and not status_of(one).get("replicas")
        ]
        for one in done[: max(len(done) - (10 if limit is None else limit), 0)]:
            self._hands.delete(REPLICA_SETS, one.key)

    def _tell_status(self, live: Stored, new: Stored | None, sets: list[Stored]) -> float | None:
        live = self._hands.get(self.kind, live.key) or live
        current = next((one for one in sets if new is not None and one.key == new.key), None)
        before, time = status_of(live), self._hands.timestamp()
        available = sum(status_of(one).get("availableReplicas", 0) for one in sets)
        status: dict[str, Any] = {
            "observedGeneration": live.meta.get("generation", 1),
            **counts(
                replicas=sum(status_of(one).get("replicas", 0) for one in sets),
                updatedReplicas=status_of(current).get("replicas", 0) if current is not None else 0,
                readyReplicas=sum(status_of(one).get("readyReplicas", 0) for one in sets),
                availableReplicas=available,
                unavailableReplicas=max(sum(replicas_of(one) for one in sets) - available, 0),
            ),
            "terminatingReplicas": sum(status_of(one).get("terminatingReplicas", 0) for one in sets),
        }
        conditions = by_type(before.get("conditions") or ())
        left = None
        if spec_of(live).get("paused"):
            set_condition(conditions, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", time)
        elif current is not None:
            if (conditions.get("Progressing") or {}).get("reason") == "DeploymentPaused":
                message = "Deployment is resumed"
                set_condition(conditions, "Progressing", "Unknown", "DeploymentResumed", message, time)
            left = judge(live, current, before, status, conditions, time)
        set_replica_failure(conditions, [*([current] if current is not None else ()), *sets])
        status["conditions"] = list(conditions.values())
        self._hands.set_status(self.kind, live.key, status)
        return left


def _age(stored: Stored) -> tuple[str, ObjectKey]:
    return (stored.meta["creationTimestamp"], stored.key)


def _revision(stored: Stored) -> int:
    text = (stored.meta.get("annotations") or {}).get(REVISION, "")
    return whole_number(text) or 0


def _longer_history(stored: Stored, revision: int) -> str:
    known = (stored.meta.get("annotations") or {}).get(HISTORY, "")
    history = f"{known},{revision}" if known else str(revision)
    while len(history) > _HISTORY_LIMIT and "," in history:
        history = history.partition(",")[2]
    return history


def _last_revision(sets: list[Stored]) -> int:
    return max((_revision(one) for one in sets), default=0)
