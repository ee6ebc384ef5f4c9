"""Jobs and CronJobs (pkg/apis/batch/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.kinds.traits import JOB_NAME_LABELS, JOB_UID_LABELS
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    invalid,
    not_negative,
    one_of,
    required,
    too_long,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.domain_paths import domain_path_causes
from reconcilekit.testing.apiserver.validation.job_changes import changed_job_causes
from reconcilekit.testing.apiserver.validation.job_policies import failure_policy_causes, success_policy_causes
from reconcilekit.testing.apiserver.validation.pods import template_causes
from reconcilekit.testing.apiserver.validation.selectors import matches, selector_causes

_POLICIES = ("OnFailure", "Never")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_MODES = ("NonIndexed", "Indexed")
_REPLACED = ("Failed", "TerminatingOrFailed")
_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_ANY_UID = "00000000-0000-0000-0000-000000000000"
"""What messages say where the real server's have a uid that nobody will have."""

_LONGEST_MANAGER = 63
_LONGEST_CRON_JOB = 52
"""Characters of a CronJob's name: its Jobs' names have eleven more."""

_MOST_PODS = 100_000
"""Of an indexed Job: at once, and failed."""

_MOST_OF_MANY = 10_000
"""The same where there are more completions than that."""

_OF_MANY = f"when completions are above {_MOST_PODS} and used with backoff limit per index"


def job_causes(job: Obj, old: Obj | None) -> Found:
    """What is wrong with a Job."""
    spec, name = job["spec"], job["metadata"].get("name", "")
    if old is not None:
        yield from _job_spec_causes(spec, "spec")
        yield from _selector_causes(spec, "spec")
        yield from changed_job_causes(job, old)
        yield from _index_name_causes(name, spec)
        return
    is_manual = spec.get("manualSelector")
    if not is_manual:
        # Its labels have its name.
        wrong = list(names.label_value(name))
        yield from (invalid("metadata.labels", name, why) for why in wrong)
        yield from _generated_causes(job)
        yield from (invalid("spec.template.labels", name, why) for why in wrong)
    yield from _job_spec_causes(spec, "spec")
    if is_manual:
        yield from _selector_causes(spec, "spec")
    else:
        _, labels, selector = _generated(job)
        if not matches(selector, labels):
            yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from _index_name_causes(name, spec)


def _generated(job: Obj) -> tuple[Obj, Obj, Obj]:
    """The labels that a Job's Pods get, those with the ones that were told, and the selector as it will be."""
    spec = job["spec"]
    name = job["metadata"].get("name", "")
    made = dict.fromkeys(JOB_UID_LABELS, _ANY_UID) | dict.fromkeys(JOB_NAME_LABELS, name)
    told = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    selector = spec.get("selector") or {}
    selected = {JOB_UID_LABELS[0]: _ANY_UID, **(selector.get("matchLabels") or {})}
    return made, dict(sorted({**made, **told}.items())), {**selector, "matchLabels": selected}


def _generated_causes(job: Obj) -> Found:
    """What is wrong with labels and a selector that were told, where they are to be made."""
    made, labels, selector = _generated(job)
    for name in (JOB_UID_LABELS[1], JOB_NAME_LABELS[1], JOB_UID_LABELS[0], JOB_NAME_LABELS[0]):
        if labels[name] != made[name]:
            yield invalid(f"spec.template.metadata.labels[{name}]", labels, f"must be '{made[name]}'")
    if not matches(selector, made):
        yield invalid("spec.selector", selector, "`selector` not auto-generated")


def _selector_causes(spec: Obj, field: str) -> Found:
    selector = spec.get("selector")
    if selector is None:
        yield required(f"{field}.selector")
    else:
        wrong = list(selector_causes(selector, f"{field}.selector"))
        yield from wrong
        if wrong:
            return
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if selector is None or not matches(selector, labels or {}):
        yield invalid(f"{field}.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _index_name_causes(name: str, spec: Obj) -> Found:
    """A Pod's host name is its Job's, and its index."""
    if spec.get("completionMode") == "Indexed" and (completions := spec.get("completions") or 0) > 0:
        longest = f"{name}-{completions - 1}"
        if any(names.label(longest)):
            yield invalid("metadata.name", name, f"will not able to create pod with invalid DNS label: {longest}")


def _job_spec_causes(spec: Obj, field: str) -> Found:
    for name in _NUMBERS:
        yield from not_negative(f"{field}.{name}", spec.get(name))
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield required(f"{field}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if (manager := spec.get("managedBy")) is not None:
        yield from domain_path_causes(manager, f"{field}.managedBy")
        yield from too_long(f"{field}.managedBy", manager, _LONGEST_MANAGER)
    yield from _mode_causes(spec, field)
    if spec.get("podFailurePolicy") is not None:
        yield from failure_policy_causes(spec, f"{field}.podFailurePolicy")
    if (success := spec.get("successPolicy")) is not None:
        if spec.get("completionMode") == "Indexed":
            yield from success_policy_causes(spec, f"{field}.successPolicy")
        else:
            told = {"Rules": success.get("rules")}
            yield invalid(f"{field}.successPolicy", told, "requires indexed completion mode")
    if (replaced := spec.get("podReplacementPolicy")) is not None:
        known = _REPLACED[:1] if spec.get("podFailurePolicy") is not None else _REPLACED
        yield from one_of(f"{field}.podReplacementPolicy", replaced, known)
    yield from _template_causes(spec, f"{field}.template")


def _mode_causes(spec: Obj, field: str) -> Found:
    mode = spec.get("completionMode")
    if mode is not None:
        yield from one_of(f"{field}.completionMode", mode, _MODES)
    if mode == "Indexed":
        yield from _indexed_causes(spec, field)
    elif mode in (None, "NonIndexed"):
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                yield invalid(f"{field}.{name}", spec[name], "requires indexed completion mode")


def _indexed_causes(spec: Obj, field: str) -> Found:
    completions, failed, parallelism = (spec.get(n) for n in ("completions", "maxFailedIndexes", "parallelism"))
    if completions is None:
        yield required(f"{field}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > _MOST_PODS:
        why = f"must be less than or equal to {_MOST_PODS} when completion mode is Indexed"
        yield invalid(f"{field}.parallelism", parallelism, why)
    if failed is not None:
        if completions is not None and failed > completions:
            yield invalid(f"{field}.maxFailedIndexes", failed, "must be less than or equal to completions")
        if failed > _MOST_PODS:
            yield invalid(f"{field}.maxFailedIndexes", failed, f"must be less than or equal to {_MOST_PODS}")
    if completions is None or completions <= _MOST_PODS or spec.get("backoffLimitPerIndex") is None:
        return
    if failed is None:
        yield required(f"{field}.maxFailedIndexes", f"must be specified when completions is above {_MOST_PODS}")
    for name, value in (("parallelism", parallelism), ("maxFailedIndexes", failed)):
        if value is not None and value > _MOST_OF_MANY:
            yield invalid(f"{field}.{name}", value, f"must be less than or equal to {_MOST_OF_MANY} {_OF_MANY}")


def _template_causes(spec: Obj, field: str) -> Found:
    template = spec.get("template") or {}
    yield from template_causes(template, None, field)
    policy, field = (template.get("spec") or {}).get("restartPolicy", ""), f"{field}.spec.restartPolicy"
    if policy in ("", "Always"):
        listed = ", ".join(f'"{policy}"' for policy in _POLICIES)
        yield required(field, f"valid values: {listed}")
    elif policy not in _POLICIES:
        yield unsupported(field, policy, _POLICIES)
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified')


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
    yield from _job_template_causes(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")
    for limit in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from not_negative(f"spec.{limit}", spec.get(limit))
    if old is None and len(name) > _LONGEST_CRON_JOB:
        yield invalid("metadata.name", name, f"must be no more than {_LONGEST_CRON_JOB} characters")
    if not schedule:
        # What is declared with the type is looked at last.
        yield required("spec.schedule")


def _job_template_causes(spec: Obj, field: str) -> Found:
    yield from _job_spec_causes(spec, field)
    if (selector := spec.get("selector")) is not None:
        yield invalid(f"{field}.selector", selector, "`selector` will be auto-generated")
    if spec.get("manualSelector"):
        yield unsupported(f"{field}.manualSelector", True, ("nil", "false"))


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
