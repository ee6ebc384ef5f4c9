"""Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs (pkg/apis/apps, pkg/apis/batch)."""

from __future__ import annotations

import re

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    immutable,
    invalid,
    not_negative,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.claim_templates import claim_templates_causes, with_claimed_volumes
from reconcilekit.testing.apiserver.validation.pods import lasting_template_causes, template_causes
from reconcilekit.testing.apiserver.validation.selectors import is_empty, matches, selector_causes

_PERCENT = re.compile("[0-9]+%")
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
_JOB_POLICIES = ("OnFailure", "Never")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_LONGEST_CRON_JOB = 52
"""Characters of a CronJob's name: its Jobs' names have eleven more."""


def deployment_causes(deployment: Obj, old: Obj | None) -> Found:
    """What is wrong with a Deployment."""
    spec = deployment["spec"]
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from _selected_template_causes(spec, "deployment")
    yield from _strategy_causes(spec["strategy"])
    for name in ("minReadySeconds", "revisionHistoryLimit"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    deadline = spec.get("progressDeadlineSeconds")
    yield from not_negative("spec.progressDeadlineSeconds", deadline)
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    if old is not None:
        yield from _changed_causes(spec, old["spec"])


def _changed_causes(spec: Obj, old: Obj) -> Found:
    yield from immutable("spec.selector", old.get("selector"), spec.get("selector"))


def _selected_template_causes(spec: Obj, kind: str) -> Found:
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if selector is None:
        yield required("spec.selector")
    else:
        wrong = list(selector_causes(selector, "spec.selector"))
        yield from wrong
        if is_empty(selector):
            yield invalid("spec.selector", {}, f"empty selector is invalid for {kind}")
        if wrong:
            yield invalid("spec.selector", selector, "invalid label selector")
            return
    if selector is None or (not is_empty(selector) and not matches(selector, labels or {})):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from template_causes(template, selector, "spec.template")
    yield from lasting_template_causes(template.get("spec") or {}, "spec.template.spec")


def _strategy_causes(strategy: Obj) -> Found:
    field, rolling = "spec.strategy.rollingUpdate", strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate":
        if rolling is not None:
            yield forbidden(field, "may not be specified when strategy `type` is 'Recreate'")
        return
    if strategy["type"] != "RollingUpdate":
        # Shown as the real server's own struct has it, whose fields are Go's.
        shown = (
            None if rolling is None else {name: rolling.get(_lower(name)) for name in ("MaxUnavailable", "MaxSurge")}
        )
        told = {"Type": strategy["type"], "RollingUpdate": shown}
        yield unsupported("spec.strategy", told, ("Recreate", "RollingUpdate"))
        return
    wanted = rolling or {}
    unavailable, surge = wanted.get("maxUnavailable", 0), wanted.get("maxSurge", 0)
    yield from _amount_causes(unavailable, f"{field}.maxUnavailable")
    yield from _amount_causes(surge, f"{field}.maxSurge")
    if _amount(unavailable) == 0 and _amount(surge) == 0:
        yield invalid(f"{field}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    if isinstance(unavailable, str) and _amount(unavailable) > 100:
        yield invalid(f"{field}.maxUnavailable", unavailable, "must not be greater than 100%")


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _amount_causes(value: int | str, field: str) -> Found:
    if isinstance(value, int):
        yield from not_negative(field, value)
    elif not _PERCENT.fullmatch(value):
        yield invalid(field, value, _PERCENT_RULE)


def _amount(value: int | str) -> int:
    if isinstance(value, int):
        return value
    share = whole_number(value[:-1]) if _PERCENT.fullmatch(value) else None
    return -1 if share is None else share


def stateful_set_causes(stateful_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a StatefulSet."""
    spec = stateful_set["spec"]
    if old is not None:
        for name in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"):
            yield from immutable(f"spec.{name}", old["spec"].get(name), spec.get(name))
    if spec["podManagementPolicy"] not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'")
    strategy = spec["updateStrategy"]
    if strategy["type"] not in ("RollingUpdate", "OnDelete"):
        told = {"Type": strategy["type"], "RollingUpdate": strategy.get("rollingUpdate")}
        yield invalid("spec.updateStrategy", told, "must be 'RollingUpdate' or 'OnDelete'")
    yield from claim_templates_causes(spec, old)
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from _selected_template_causes(with_claimed_volumes(spec), "statefulset")


def daemon_set_causes(daemon_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a DaemonSet."""
    if old is not None:
        yield from _changed_causes(daemon_set["spec"], old["spec"])
    yield from _selected_template_causes(daemon_set["spec"], "daemonset")


def replica_set_causes(replica_set: Obj, old: Obj | None) -> Found:
    """What is wrong with a ReplicaSet."""
    spec = replica_set["spec"]
    if old is not None:
        yield from _changed_causes(spec, old["spec"])
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from _selected_template_causes(spec, "replicaset")


def job_causes(job: Obj, old: Obj | None) -> Found:
    """What is wrong with a Job."""
    if old is not None:
        for name in ("completions", "selector", "template", "completionMode"):
            yield from immutable(f"spec.{name}", old["spec"].get(name), job["spec"].get(name))
        return
    yield from _job_spec_causes(job["spec"], "spec")


def _job_spec_causes(spec: Obj, field: str) -> Found:
    for name in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        yield from not_negative(f"{field}.{name}", spec.get(name))
    template = spec.get("template") or {}
    yield from template_causes(template, None, f"{field}.template")
    if (template.get("spec") or {}).get("restartPolicy") == "Always":
        listed = ", ".join(f'"{policy}"' for policy in _JOB_POLICIES)
        yield required(f"{field}.template.spec.restartPolicy", f"valid values: {listed}")


def cron_job_causes(cron_job: Obj, old: Obj | None) -> Found:
    """What is wrong with a CronJob."""
    spec, before = cron_job["spec"], (old or {}).get("spec") or {}
    name = cron_job["metadata"].get("name", "")
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if schedule:
        yield from _schedule_causes(schedule, zone, may_have_zone="TZ" in before.get("schedule", ""))
    yield from not_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if zone is not None and (old is None or zone != before.get("timeZone")):
        yield from _zone_causes(zone)
    if spec.get("concurrencyPolicy") not in _CONCURRENCY:
        yield unsupported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), _CONCURRENCY)
    yield from _job_spec_causes(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")
    for limit in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from not_negative(f"spec.{limit}", spec.get(limit))
    if old is None and len(name) > _LONGEST_CRON_JOB:
        yield invalid("metadata.name", name, f"must be no more than {_LONGEST_CRON_JOB} characters")
    if not schedule:
        # What is declared with the type is looked at last.
        yield required("spec.schedule")


def _schedule_causes(schedule: str, zone: str | None, *, may_have_zone: bool) -> Found:
    from reconcilekit.testing.apiserver.validation import schedules

    try:
        schedules.parse(schedule)
    except schedules.ScheduleError as error:
        yield invalid("spec.schedule", schedule, str(error))
    if "TZ" in schedule and not may_have_zone:
        yield invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif "TZ" in schedule and zone is not None:
        yield invalid("spec.schedule", schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")


def _zone_causes(zone: str) -> Found:
    from reconcilekit.testing.apiserver.validation import schedules

    if not zone:
        yield invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")
        return
    if zone.lower() == "local":
        where = "https://www.iana.org/time-zones"
        yield invalid("spec.timeZone", zone, f"timeZone must be an explicit time zone as defined in {where}")
    if zone != "Local" and schedules.find_zone(zone) is None:
        yield invalid("spec.timeZone", zone, f"unknown time zone {zone}")
