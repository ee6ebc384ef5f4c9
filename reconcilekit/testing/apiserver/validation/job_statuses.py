"""What is reported of a Job: how it ends, and what is counted on the way (pkg/apis/batch, KEP-4368).

Most of it is looked at only where a write changes it, so that an old Job whose status is wrong can go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, duplicate, invalid, not_negative, required

_FIELD = "status.conditions"
_COUNTED = ("active", "succeeded", "failed", "ready", "terminating")
_TERMINAL = ("Failed", "Complete", "FailureTarget")


class _IndexError(ValueError):
    """Indexes can't be read; the message says why in Go's words."""


@attrs.frozen
class _Report:
    """A Job with the status that it has or is to get."""

    job: Mapping[str, Any]

    @property
    def status(self) -> Mapping[str, Any]:
        return self.job.get("status") or {}

    def get(self, name: str) -> Any:
        return self.status.get(name)

    def count(self, name: str) -> int:
        return self.get(name) or 0

    def is_true(self, kind: str) -> bool:
        return self._is(kind, "True")

    def _is(self, kind: str, value: str) -> bool:
        found = self.get("conditions") or ()
        return any(condition.get("type") == kind and condition.get("status") == value for condition in found)

    @property
    def is_finished(self) -> bool:
        return self.is_true("Complete") or self.is_true("Failed")

    def is_resumed_after(self, old: _Report) -> bool:
        return old.is_true("Suspended") and self._is("Suspended", "False")


@attrs.frozen
class _Change:
    """Two reports, one after the other."""

    new: _Report
    old: _Report

    def of(self, *names: str) -> bool:
        """True where a write changed one of these fields."""
        return any(self.new.get(name) != self.old.get(name) for name in names)

    def of_condition(self, *kinds: str) -> bool:
        return any(self.new.is_true(kind) != self.old.is_true(kind) for kind in kinds)

    @property
    def of_end(self) -> bool:
        return self.new.is_finished != self.old.is_finished


def job_status_causes(job: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a Job's status."""
    change = _Change(_Report(job), _Report(old))
    for name in _COUNTED:
        yield from not_negative(f"status.{name}", change.new.get(name))
    yield from _uncounted_causes(change.new)
    yield from _completion_causes(change)
    yield from _end_causes(change)
    yield from _index_causes(change, job["spec"])
    if (change.of_end or change.of("terminating")) and change.new.is_finished and change.new.count("terminating") > 0:
        yield invalid("status.terminating", change.new.get("terminating"), "terminating>0 is invalid for finished job")
    ready = change.new.get("ready")
    if change.of("ready", "active") and ready is not None and ready > change.new.count("active"):
        yield invalid("status.ready", ready, "cannot set more ready pods than active")
    yield from _success_causes(change.new)
    yield from _going_back_causes(change)


def _wrong(why: str) -> Cause:
    """A cause that shows no value."""
    return Cause(reason="FieldValueInvalid", message=f"Invalid value: {why}", field=_FIELD)


def _uncounted_causes(new: _Report) -> Found:
    seen: set[str] = set()
    for name in ("succeeded", "failed"):
        for i, uid in enumerate((new.get("uncountedTerminatedPods") or {}).get(name) or ()):
            field = f"status.uncountedTerminatedPods.{name}[{i}]"
            if not uid:
                yield invalid(field, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(field, uid)
            seen.add(uid)


def _completion_causes(change: _Change) -> Found:
    new, is_complete = change.new, change.new.is_true("Complete")
    started, completed = new.get("startTime"), new.get("completionTime")
    if change.of_condition("Complete", "Failed") and is_complete and new.is_true("Failed"):
        yield _wrong("cannot set Complete=True and Failed=true conditions")
    if change.of_condition("Complete", "FailureTarget") and is_complete and new.is_true("FailureTarget"):
        yield _wrong("cannot set Complete=True and FailureTarget=true conditions")
    field = "status.completionTime"
    if change.of_condition("Complete") or change.of("completionTime"):
        if completed is not None and not is_complete:
            yield invalid(field, completed, "cannot set completionTime when there is no Complete=True condition")
        if completed is None and is_complete:
            yield required(field, "completionTime is required for Complete jobs")
    # Both are in UTC and whole seconds, so their texts compare as they do.
    if change.of("startTime", "completionTime") and started and completed and completed < started:
        yield invalid(field, completed, "must be equal to or after `startTime`")


def _end_causes(change: _Change) -> Found:
    new = change.new
    has_failed = change.of_condition("Failed") or change.of("failedIndexes")
    if has_failed and new.is_true("Failed") and not new.is_true("FailureTarget"):
        yield _wrong("cannot set Failed=True condition without the FailureTarget=true condition")
    is_completing = change.of_condition("Complete", "SuccessCriteriaMet")
    if is_completing and new.is_true("Complete") and not new.is_true("SuccessCriteriaMet"):
        yield _wrong("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    if not new.is_finished:
        return
    if (change.of_end or change.of("active")) and new.count("active") > 0:
        yield invalid("status.active", new.get("active"), "active>0 is invalid for finished job")
    spec = new.job["spec"]
    is_idle = spec.get("suspend") is True and spec.get("completions") == 0
    if (change.of_end or change.of("startTime")) and not is_idle and new.get("startTime") is None:
        yield required("status.startTime", "startTime is required for finished job")
    uncounted = new.get("uncountedTerminatedPods") or {}
    if (change.of_end or change.of("uncountedTerminatedPods")) and any(uncounted.values()):
        shown = {"Succeeded": uncounted.get("succeeded"), "Failed": uncounted.get("failed")}
        yield invalid("status.uncountedTerminatedPods", shown, "must be empty for finished job")


def _index_causes(change: _Change, spec: Obj) -> Found:
    completed, failed = change.new.get("completedIndexes") or "", change.new.get("failedIndexes")
    completions, has_limit = spec.get("completions"), spec.get("backoffLimitPerIndex") is not None
    if change.of("completedIndexes") and completions is not None:
        yield from _unreadable("completedIndexes", completed, completions)
    if change.of("failedIndexes") and completions is not None and has_limit and failed is not None:
        yield from _unreadable("failedIndexes", failed, completions)
    if change.of("completedIndexes") and completed and spec.get("completionMode") != "Indexed":
        why = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", completed, why)
    if change.of("failedIndexes") and not has_limit and failed is not None:
        why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, why)
    if change.of("failedIndexes", "completedIndexes") and completions is not None and failed is not None:
        index = _shared(_readable(completed, completions), _readable(failed, completions))
        if index is not None:
            why = f"failedIndexes and completedIndexes overlap at index: {index}"
            yield invalid("status.failedIndexes", failed, why)


def _unreadable(name: str, text: str, completions: int) -> Found:
    try:
        _check_order(text, completions)
    except _IndexError as error:
        yield invalid(f"status.{name}", text, f"error parsing {name}: {error}")


def _check_order(text: str, completions: int) -> None:
    last = -1
    for part in text.split(",") if text else ():
        first, end = _interval(part, completions)
        if last >= first:
            raise _IndexError(f"non-increasing order, previous: {last}, current: {first}")
        last = end


def _readable(text: str, completions: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        with contextlib.suppress(_IndexError):
            found.append(_interval(part, completions))
    return found


def _shared(completed: list[tuple[int, int]], failed: list[tuple[int, int]]) -> int | None:
    """The first index that both have; their intervals rise."""
    i = j = 0
    while i < len(completed) and j < len(failed):
        first = max(completed[i][0], failed[j][0])
        if first <= min(completed[i][1], failed[j][1]):
            return first
        if completed[i][0] <= failed[j][0]:
            i += 1
        else:
            j += 1
    return None


def _interval(part: str, completions: int) -> tuple[int, int]:
    ends = part.split("-")
    if len(ends) > 2:
        why = "violates the requirement that an index interval can have at most two parts separated by '-'"
        raise _IndexError(f'the fragment "{part}" {why}')
    first, last = _index(ends[0], completions), _index(ends[-1], completions)
    if len(ends) == 2 and first >= last:
        raise _IndexError(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def _index(text: str, completions: int) -> int:
    index = whole_number(text)
    if index is None or not -(1 << 63) <= index < 1 << 63:
        raise _IndexError(f'cannot convert string to integer for index: "{text}"')
    if index >= completions:
        raise _IndexError(f'too large index: "{text}"')
    return index


def _success_causes(new: _Report) -> Found:
    is_met = new.is_true("SuccessCriteriaMet")
    for kind in ("Failed", "FailureTarget"):
        if is_met and new.is_true(kind):
            yield _wrong(f"cannot set SuccessCriteriaMet=True and {kind}=true conditions")
    if new.job["spec"].get("successPolicy") is not None and not is_met and new.is_true("Complete"):
        yield _wrong("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")


def _going_back_causes(change: _Change) -> Found:
    new, old, spec = change.new, change.old, change.new.job["spec"]
    for kind in _TERMINAL:
        if old.is_true(kind) and not new.is_true(kind):
            yield _wrong(f"cannot disable the terminal {kind}=True condition")
    # An indexed Job that runs all at once can be made smaller.
    may_shrink = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    for name in ("failed", *(() if may_shrink else ("succeeded",))):
        if new.count(name) < old.count(name):
            yield invalid(f"status.{name}", new.count(name), f"cannot decrease the {name} counter")
    if None not in (new.get("completionTime"), old.get("completionTime")) and change.of("completionTime"):
        yield invalid("status.completionTime", new.get("completionTime"), "field is immutable")
    has_started = old.get("startTime") is not None and change.of("startTime")
    if has_started and not new.is_resumed_after(old) and not spec.get("suspend"):
        why = "field is immutable for unsuspended job once set"
        yield invalid("status.startTime", new.get("startTime"), why)
    if old.is_true("SuccessCriteriaMet") and not new.is_true("SuccessCriteriaMet"):
        yield _wrong("cannot disable the SuccessCriteriaMet=True condition")
    elif old.is_true("Complete") and not old.is_true("SuccessCriteriaMet") and new.is_true("SuccessCriteriaMet"):
        yield _wrong("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
