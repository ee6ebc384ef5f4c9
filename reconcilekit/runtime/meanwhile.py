"""What comes while a key runs: held until the run has ended, since only then is known what it means.

A change may be in the run's view already, or be the echo of a write that is still under way, or touch something that
the run has read since its view was taken and that the dependencies don't know yet.
"""

from __future__ import annotations

from collections import deque

import attrs

from reconcilekit.cache.store import Change
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.dependencies import Dependencies
from reconcilekit.runtime.run import RunEnd


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
        dependencies: against which late changes are matched once more.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._held: dict[ObjectKey, _Held] = {}
        self._recent: deque[Change] = deque()

    def __repr__(self) -> str:
        return f"<Meanwhile running={len(self._held)} changes={len(self._recent)}>"

    def begin(self, key: ObjectKey, *, sequence: int) -> None:
        """`key` runs from now on, on a view no older than `sequence`; may be said again once its view is taken."""
        if key in self._held:
            self._held[key].view_from = sequence
        else:
            self._held[key] = _Held(sequence)

    def changed(self, change: Change) -> None:
        """The cache applied a change."""
        if self._held:
            self._recent.append(change)

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

    def end(self, key: ObjectKey, end: RunEnd, *, sequence: int) -> list[str]:
        """The run has ended, and its reads are in the dependencies: the reasons to run again, each once.

        Args:
            key: whose run.
            end: how it ended.
            sequence: the cache's present one.
        """
        held = self._held.pop(key)
        reasons = [*end.changed_meanwhile, *held.reasons]
        reasons += [trigger.reason for trigger in held.triggers if _is_news(trigger, end)]
        if end.reads is not None and end.reads.selections:
            reasons += self._selected_since(key, end.sequence)
        self._let_go(sequence)
        return list(dict.fromkeys(reasons))

    def _selected_since(self, key: ObjectKey, sequence: int) -> list[str]:
        late = [change for change in self._recent if change.sequence > sequence]
        woken = (each for change in late for each in self._dependencies.woken_by(change))
        return [each.reason for each in woken if each.key == key and not each.is_by_name]

    def _let_go(self, sequence: int) -> None:
        oldest = min((held.view_from for held in self._held.values()), default=sequence)
        while self._recent and self._recent[0].sequence <= oldest:
            self._recent.popleft()


def _is_news(trigger: Trigger, end: RunEnd) -> bool:
    is_echo = trigger.is_by_name and end.committed.is_echo(trigger.change)
    return trigger.change.sequence > end.sequence and not is_echo
