"""Jobs: Pods until enough of them have succeeded, or one for each index."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.go_times import moment
from reconcilekit.testing.apiserver.housekeeping.workloads import indexes
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controlled
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import (
    PODS,
    Controller,
    counts,
    spec_of,
    status_of,
)
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_active, is_ending, is_ready, phase
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import pod_of
from reconcilekit.testing.apiserver.kinds.traits import JOB_NAME_LABELS, JOB_UID_LABELS
from reconcilekit.testing.apiserver.storage.storage import Stored

_DONE = {"reason": "CompletionsReached", "message": "Reached expected number of succeeded pods"}
_TOO_MANY = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}


class Jobs(Controller):
    """The job controller; Pods aren't tracked by finalizers."""

    kind = ("batch", "jobs")
    api_version = "batch/v1"
    kind_name = "Job"
    component = "job-controller"

    def sync(self, live: Stored) -> float | None:
        """Make what is missing, count what is done, and say when it's over."""
        if live.meta.get("deletionTimestamp"):
            return None
        if status_of(live).get("completionTime") or _is_true(live, "Failed"):
            return self._after_the_end(live)
        pods = controlled(self._hands, live, PODS)
        active = [pod for pod in pods if is_active(pod)]
        succeeded = _succeeded(live, pods)
        failed = sum(phase(pod) == "Failed" for pod in pods)
        wanted = spec_of(live).get("completions")
        parallel = spec_of(live).get("parallelism", 1)
        goal = succeeded + len(active) if wanted is None and succeeded else (parallel if wanted is None else wanted)
        is_done = succeeded >= goal if wanted is not None else bool(succeeded) and not active
        limit = spec_of(live).get("backoffLimit", 6)
        is_failed = failed > limit
        if spec_of(live).get("suspend") or is_failed:
            for pod in active:
                self.delete_pod(live, pod)
        elif not is_done:
            self._make(live, pods, min(parallel, goal - succeeded) - len(active))
        self._count(live, pods, over=_DONE if is_done else _TOO_MANY if is_failed else None)
        return None

    def _make(self, live: Stored, pods: list[Stored], number: int) -> None:
        labels = dict.fromkeys(JOB_UID_LABELS, live.uid) | dict.fromkeys(JOB_NAME_LABELS, live.key.name)
        template = spec_of(live).get("template") or {}
        is_indexed = _is_indexed(live)
        places = indexes.missing(pods, spec_of(live)["completions"]) if is_indexed else itertools.count()
        for place in itertools.islice(places, max(number, 0)):
            pod = pod_of(template, namespace=live.key.namespace, reference=self.reference(live), labels=labels)
            if not self.make_pod(live, indexes.for_index(pod, live.key.name, place) if is_indexed else pod):
                return

    def _count(self, live: Stored, pods: list[Stored], *, over: dict[str, str] | None) -> None:
        time, before = self._hands.timestamp(), status_of(live)
        active = [pod for pod in pods if is_active(pod)]
        status: dict[str, Any] = {}
        if conditions := self._conditions(live, over, time):
            status["conditions"] = conditions
        if not spec_of(live).get("suspend"):
            status["startTime"] = before.get("startTime") or time
        if over is _DONE:
            status["completionTime"] = time
        status |= counts(
            active=len(active),
            succeeded=_succeeded(live, pods),
            failed=sum(phase(pod) == "Failed" for pod in pods),
        )
        status["terminating"] = sum(is_ending(pod) for pod in pods)
        if _is_indexed(live) and (done := indexes.done(pods, spec_of(live)["completions"])):
            status["completedIndexes"] = indexes.ranges(done)
        status["uncountedTerminatedPods"] = {}
        status["ready"] = sum(is_ready(pod) for pod in active)
        self._hands.set_status(self.kind, live.key, status)
        if over is _DONE:
            self.tell(live, "Completed", "Job completed")
        elif over is not None:
            self.tell(live, over["reason"], over["message"], kind="Warning")

    def _conditions(self, live: Stored, over: dict[str, str] | None, time: str) -> list[dict[str, Any]]:
        known = [dict(condition) for condition in status_of(live).get("conditions") or ()]
        suspended = next((condition for condition in known if condition["type"] == "Suspended"), None)
        is_suspended = bool(spec_of(live).get("suspend"))
        if suspended is None and is_suspended:
            known.append(_said("Suspended", {"reason": "JobSuspended", "message": "Job suspended"}, time))
            self.tell(live, "Suspended", "Job suspended")
        elif suspended is not None and (suspended["status"] == "True") != is_suspended:
            word = "suspended" if is_suspended else "resumed"
            said = {"reason": f"Job{word.capitalize()}", "message": f"Job {word}"}
            known[known.index(suspended)] = _said("Suspended", said, time, status=str(is_suspended))
            self.tell(live, word.capitalize(), f"Job {word}")
        if over is _DONE:
            known += [_said("SuccessCriteriaMet", over, time), _said("Complete", over, time)]
        elif over is not None:
            known += [_said("FailureTarget", over, time), _said("Failed", over, time)]
        return known

    def _after_the_end(self, live: Stored) -> float | None:
        ttl = spec_of(live).get("ttlSecondsAfterFinished")
        if ttl is None:
            return None
        ended = max(
            (moment(c.get("lastTransitionTime")) for c in status_of(live).get("conditions") or ()), default=None
        )
        if ended is None:
            return None
        now = datetime.fromisoformat(self._hands.timestamp())
        left = float(ttl) - (now - ended).total_seconds()
        if left > 0:
            return left
        self._hands.delete(self.kind, live.key, {"propagationPolicy": "Foreground"})
        return None


def _is_indexed(live: Stored) -> bool:
    return spec_of(live).get("completionMode") == "Indexed" and spec_of(live).get("completions") is not None


def _succeeded(live: Stored, pods: list[Stored]) -> int:
    if _is_indexed(live):
        return len(indexes.done(pods, spec_of(live)["completions"]))
    return sum(phase(pod) == "Succeeded" for pod in pods)


def _said(kind: str, said: dict[str, str], time: str, *, status: str = "True") -> dict[str, Any]:
    return {"type": kind, "status": status, "lastProbeTime": time, "lastTransitionTime": time, **said}


def _is_true(live: Stored, kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in status_of(live).get("conditions") or ())
