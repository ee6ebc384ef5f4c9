"""CronJobs: Jobs at the times of a schedule, on the server's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_times import moment, seconds_as_duration
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controlled, controller_of
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import Controller, spec_of, status_of
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.validation import schedules
from reconcilekit.testing.apiserver.validation.schedules import Schedule, ScheduleError

JOBS = ("batch", "jobs")

LATE = 0.1
"""Seconds after a scheduled time at which the controller looks."""

_MANY = 100
"""Missed times from which they are complained of."""

_TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_FINISHED = ("Complete", "Failed")
_WAITS = "Not starting job because prior execution is running and concurrency policy is Forbid"
_TOO_MANY = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"

Status = dict[str, Any]


@attrs.frozen
class _Missed:
    """The latest time that nothing was done at yet, None for none; and how many there are."""

    latest: datetime | None
    count: int = 0


class CronJobs(Controller):
    """The CronJob controller."""

    kind = ("batch", "cronjobs")
    api_version = "batch/v1"
    kind_name = "CronJob"
    owned = JOBS
    component = "cronjob-controller"

    def sync(self, live: Stored) -> float | None:
        """Take note of what its Jobs have come to, remove old ones, and make the one that is due."""
        status = {**status_of(live), "active": list(status_of(live).get("active") or ())}
        self._forget_old(live, status)
        self._take_note(live, status)
        again = None if live.meta.get("deletionTimestamp") else self._start(live, status)
        if not status["active"]:
            del status["active"]
        self._hands.set_status(self.kind, live.key, status)
        return again

    def _forget_old(self, live: Stored, status: Status) -> None:
        for kind, name in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            limit = spec_of(live).get(name)
            jobs = [job for job in controlled(self._hands, live, JOBS) if _end_of(job) == kind]
            jobs.sort(key=lambda job: (status_of(job).get("startTime", ""), job.key.name))
            for job in jobs[: max(len(jobs) - limit, 0)] if limit is not None else ():
                self._delete(live, job, status)

    def _take_note(self, live: Stored, status: Status) -> None:
        jobs = controlled(self._hands, live, JOBS)
        for job in jobs:
            is_known = any(told["uid"] == job.uid for told in status["active"])
            ended = _end_of(job)
            if not ended and not is_known:
                message = f"Saw a job that the controller did not create or forgot: {job.key.name}"
                self.tell(live, "UnexpectedJob", message, kind="Warning")
            if ended and is_known:
                _drop(status, job.uid)
                self.tell(live, "SawCompletedJob", f"Saw completed job: {job.key.name}, condition: {ended}")
            if ended == "Complete" and (time := status_of(job).get("completionTime")):
                status["lastSuccessfulTime"] = max(status.get("lastSuccessfulTime") or time, time)
        present = {job.uid for job in jobs}
        for told in [told for told in status["active"] if told["uid"] not in present]:
            _drop(status, told["uid"])
            self.tell(live, "MissingJob", f"Active job went missing: {told['name']}")

    def _start(self, live: Stored, status: Status) -> float | None:
        """Make the Job that is due, if one is; seconds until the next look."""
        spec, now = spec_of(live), self._hands.cluster.clock.now()
        if spec.get("suspend"):
            return None
        try:
            schedule = schedules.parse(spec.get("schedule", ""), spec.get("timeZone") or "")
        except ScheduleError as error:
            message = f'unparseable schedule: "{spec.get("schedule", "")}" : {error}'
            self.tell(live, "UnparseableSchedule", message, kind="Warning")
            return None
        due = _missed(live, status, schedule, now, deadline=spec.get("startingDeadlineSeconds"))
        if due.latest is not None:
            if due.count > _MANY:
                self.tell(live, "TooManyMissedTimes", _TOO_MANY, kind="Warning")
            self._start_at(live, status, due.latest, now)
        return _until_next(live, status, schedule, now)

    def _start_at(self, live: Stored, status: Status, time: datetime, now: datetime) -> None:
        spec, name = spec_of(live), f"{live.key.name}-{int(time.timestamp()) // 60}"
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and time + seconds_as_duration(deadline) < now:
            message = f"Missed scheduled time to start a job: {time:%a, %d %b %Y %H:%M:%S} UTC"
            self.tell(live, "MissSchedule", message, kind="Warning")
            return
        if status.get("lastScheduleTime") == _text(time) or any(told["name"] == name for told in status["active"]):
            return
        if spec.get("concurrencyPolicy") == "Forbid" and status["active"]:
            self.tell(live, "JobAlreadyActive", _WAITS)
            return
        if spec.get("concurrencyPolicy") == "Replace":
            for told in list(status["active"]):
                if (job := self._hands.get(JOBS, ObjectKey(live.key.namespace, told["name"]))) is not None:
                    self._delete(live, job, status)
        self._make(live, status, name, time)

    def _make(self, live: Stored, status: Status, name: str, time: datetime) -> None:
        template = spec_of(live).get("jobTemplate") or {}
        told = template.get("metadata") or {}
        zone = schedules.find_zone(spec_of(live).get("timeZone") or "")
        stamp = time.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
        metadata: dict[str, Any] = {"name": name, "namespace": live.key.namespace}
        metadata["annotations"] = {**(told.get("annotations") or {}), _TIMESTAMP: stamp}
        if told.get("labels"):
            metadata["labels"] = dict(told["labels"])
        metadata["ownerReferences"] = [self.reference(live)]
        body = {"metadata": metadata, "spec": template.get("spec") or {}}
        job = self.create(live, JOBS, body, failed="Error creating job: {}")
        if job is None:
            job = self._hands.get(JOBS, ObjectKey(live.key.namespace, name))
            if job is None or controller_of(job).get("uid") != live.uid:
                return
        else:
            self.tell(live, "SuccessfulCreate", f"Created job {name}")
        reference = {"kind": "Job", "namespace": live.key.namespace, "name": name, "uid": job.uid}
        reference |= {"apiVersion": "batch/v1", "resourceVersion": str(job.revision)}
        status["active"].append(reference)
        status["lastScheduleTime"] = _text(time)

    def _delete(self, live: Stored, job: Stored, status: Status) -> None:
        self._hands.delete(JOBS, job.key)
        _drop(status, job.uid)
        self.tell(live, "SuccessfulDelete", f"Deleted job {job.key.name}")


def _missed(live: Stored, status: Status, schedule: Schedule, now: datetime, *, deadline: int | None = None) -> _Missed:
    """The latest time since the last one, or since `deadline` seconds ago, where that is later."""
    began = _began(live, status)
    if deadline is not None:
        began = max(began, now - seconds_as_duration(deadline))
    first = schedule.next(began)
    if first is None or now < first:
        return _Missed(None)
    second = schedule.next(first)
    if second is None or now < second:
        return _Missed(first)
    step = max(round((second - first).total_seconds()), 1)
    count = int((now - first).total_seconds()) // step + 1
    # Near the end, so that years of missed minutes aren't counted one by one.
    latest, found = None, schedule.next(first + timedelta(seconds=(count - 2) * step))
    while found is not None and found <= now:
        latest, found = found, schedule.next(found)
    return _Missed(latest, count)


def _until_next(live: Stored, status: Status, schedule: Schedule, now: datetime) -> float | None:
    missed = _missed(live, status, schedule, now)
    since = missed.latest or (now if missed.count else _began(live, status))
    following = schedule.next(since)
    return None if following is None else max((following - now).total_seconds() + LATE, LATE)


def _began(live: Stored, status: Status) -> datetime:
    return moment(status.get("lastScheduleTime") or live.meta["creationTimestamp"])


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _drop(status: Status, uid: str) -> None:
    status["active"] = [told for told in status["active"] if told["uid"] != uid]


def _end_of(job: Stored) -> str:
    """The condition that says that it's over, "" while it isn't."""
    conditions = status_of(job).get("conditions") or ()
    return next((c["type"] for c in conditions if c["type"] in _FINISHED and c["status"] == "True"), "")
