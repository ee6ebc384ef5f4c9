"""What comes while a key runs: held until the run has ended, since only then is known what it means.

A change may be in the run's view already, or be the echo of a write that is still under way, or touch something that
the run has read since its view was taken and that the dependencies don't know yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from operator import attrgetter

import attrs

from reconcilekit.cache.store import Change
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.dependencies import Dependencies, Reads, Target, describe, describe_selection
from reconcilekit.runtime.run import RunEnd
from reconcilekit.state import StateSnapshot


@attrs.frozen(kw_only=True)
class Trigger:
    """A change that wakes a key, and why."""

    key: ObjectKey
    reason: str
    change: Change
    is_by_name: bool


@attrs.define
class _Held:
    view_from: int
    triggers: list[Trigger] = attrs.field(factory=list)
    reasons: list[str] = attrs.field(factory=list)


class Meanwhile:
    """Holds what comes for keys that run; nothing for any other.

    Args:
        dependencies: of the same controller; they know how a selection is held against a change.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        # In the order of their views; the first entry of a plain dict whose head was deleted takes a scan to find.
        self._held: OrderedDict[ObjectKey, _Held] = OrderedDict()
        self._recent: list[Change] = []
        self._latest: dict[Target, Change] = {}

    def __repr__(self) -> str:
        return f"<Meanwhile running={len(self._held)} changes={len(self._recent)}>"

    def begin(self, key: ObjectKey, *, sequence: int) -> None:
        """`key` runs from now on, on a view no older than `sequence`; may be said again once its view is taken."""
        if key in self._held:
            self._held[key].view_from = sequence
            self._held.move_to_end(key)
        else:
            self._held[key] = _Held(sequence)

    def changed(self, change: Change) -> None:
        """The cache applied a change that may wake keys: not one that a predicate passes over."""
        if self._held:
            self._recent.append(change)
            self._latest[change.resource, change.key] = change

    def hold(self, trigger: Trigger) -> bool:
        """Keep the trigger if its key runs; False where it doesn't."""
        held = self._held.get(trigger.key)
        if held is not None:
            held.triggers.append(trigger)
        return held is not None

    def hold_reason(self, key: ObjectKey, reason: str) -> bool:
        """Keep any other reason to run if the key runs; False where it doesn't."""
        held = self._held.get(key)
        if held is not None:
            held.reasons.append(reason)
        return held is not None

    def end(self, key: ObjectKey, end: RunEnd, *, sequence: int, state: StateSnapshot) -> list[str]:
        """The run has ended: the reasons to run again, each once.

        What came is held against what this run itself has read, whoever else read the same.

        Args:
            key: whose run.
            end: how it ended.
            sequence: the cache's present one.
            state: the StateStore as it is now.
        """
        held = self._held.pop(key)
        reasons = [*held.reasons]
        reasons += [trigger.reason for trigger in held.triggers if _is_news(trigger, end)]
        if end.reads is not None:
            reasons += self._read_by_name(end.reads, end)
            reasons += self._selected(end.reads, end)
            reasons += _scopes_changed(end.reads.scopes, end.state, state)
        self._let_go(sequence)
        return list(dict.fromkeys(reasons))

    def drop(self, key: ObjectKey) -> None:
        """Hold nothing for the key any longer: it runs anew in any case."""
        self._held.pop(key, None)

    def _read_by_name(self, reads: Reads, end: RunEnd) -> list[str]:
        # The last change of an object is enough: what was written rests on the version that was read, so a foreign
        # change before an echo would have been a conflict.
        targets = {**dict.fromkeys(list(reads.objects)), **dict.fromkeys(list(reads.staged))}
        changes = (self._latest.get(target) for target in targets)
        return [
            describe(each)
            for each in changes
            if each and each.sequence > end.sequence and not end.committed.is_echo(each)
        ]

    def _selected(self, reads: Reads, end: RunEnd) -> list[str]:
        if not reads.selections:
            return []
        late = self._recent[bisect_right(self._recent, end.sequence, key=attrgetter("sequence")) :]
        return [
            f"{describe(change)}, which it selected by {describe_selection(selection)}"
            for change in late
            for resource, selection in sorted(reads.selections, key=lambda each: describe_selection(each[1]))
            if resource == change.resource and self._dependencies.may_select(selection, change)
        ]

    def _let_go(self, sequence: int) -> None:
        oldest = next(iter(self._held.values())).view_from if self._held else sequence
        gone = bisect_right(self._recent, oldest, key=attrgetter("sequence"))
        for change in self._recent[:gone]:
            target = (change.resource, change.key)
            if self._latest.get(target) is change:
                del self._latest[target]
        del self._recent[:gone]


def _is_news(trigger: Trigger, end: RunEnd) -> bool:
    is_echo = trigger.is_by_name and end.committed.is_echo(trigger.change)
    return trigger.change.sequence > end.sequence and not is_echo


def _scopes_changed(scopes: Iterable[str], since: StateSnapshot | None, present: StateSnapshot) -> list[str]:
    if since is None:
        return []
    return [f"state {scope} changed while it ran" for scope in sorted(scopes) if _has_changed(scope, since, present)]


def _has_changed(scope: str, since: StateSnapshot, present: StateSnapshot) -> bool:
    # Not by ==, which compares the content alone: a verdict may have changed, or the first publication taken place.
    before, after = since.scopes.get(scope), present.scopes.get(scope)
    is_only_named_now = before is None and after is not None and after.version == 0
    return (after is not before and not is_only_named_now) or present.is_held != since.is_held
