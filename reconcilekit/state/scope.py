"""One scope's state: the desired content, its publisher, and the hold before the first publication."""

from __future__ import annotations

import logging

import attrs

from reconcilekit.state.content import ScopeOptions
from reconcilekit.state.desired import Desired
from reconcilekit.state.hold import Hold
from reconcilekit.state.publication import Answer
from reconcilekit.state.publisher import Outcome, Publisher
from reconcilekit.state.snapshot import ScopeChange, ScopeSnapshot


@attrs.define(eq=False)
class ScopeState:
    """What the store knows of one scope; every method needs the store's lock."""

    name: str
    options: ScopeOptions
    first_version: int
    desired: Desired
    publisher: Publisher
    hold: Hold
    store_hold: Hold

    @classmethod
    def create(
        cls,
        name: str,
        options: ScopeOptions,
        *,
        version: int,
        history: int,
        store_hold: Hold,
        answer: Answer,
        log: logging.Logger,
    ) -> ScopeState:
        """Return an empty scope whose next version comes after `version`."""
        desired = Desired(name, options, version=version, history=history)
        publisher = Publisher(desired, history=history, answer=answer, log=log)
        return cls(name, options, version, desired, publisher, Hold(f"scope {name!r}"), store_hold)

    @property
    def is_held(self) -> bool:
        """True while the first publication wouldn't be whole."""
        return self.hold.is_held or self.store_hold.is_held

    @property
    def is_idle(self) -> bool:
        """True if nothing would be lost with it."""
        return not (self.desired.entries or self.publisher.links or self.desired.has_reservations)

    def refresh(self, outcome: Outcome) -> None:
        """Publish what there is to publish.

        A scope that was never staged publishes nothing, not even its emptiness, unless its own owners were awaited
        and all of them have reported: a consumer that runs something keeps it rather than lose it to a scope that
        nobody has decided about.
        """
        has_content = self.desired.version > self.first_version
        self.publisher.is_open = not self.is_held and (has_content or self.hold.is_released)
        self.publisher.refresh(outcome)

    def snapshot(self) -> ScopeSnapshot:
        """Return it as it is now."""
        content = self.publisher.content
        return ScopeSnapshot(
            name=self.name,
            version=self.desired.version,
            entries=self.desired.entries,
            published=content.entries,
            quarantined=content.refusals,
            subscribers=self.publisher.subscriber_states(),
            is_held=self.is_held,
            waiting_for=self.hold.waiting_for | self.store_hold.waiting_for,
        )


@attrs.define(eq=False)
class Touched:
    """What a step did to one scope so far."""

    state: ScopeState
    outcome: Outcome = attrs.field(factory=Outcome)
    entries: frozenset[str] = frozenset()

    def change_from(self, before: ScopeSnapshot, after: ScopeSnapshot) -> ScopeChange:
        """Return what readers of `before` should know of `after`."""
        names = self.outcome.names | self.entries
        is_hold_changed = before.is_held != after.is_held or before.waiting_for != after.waiting_for
        if self.outcome.all_names or before.is_held != after.is_held:
            names |= before.entries.keys() | after.entries.keys() | before.published.keys() | after.published.keys()
        return ScopeChange(
            entries=self.entries,
            verdicts=frozenset(name for name in names if after.verdict(name).is_news_after(before.verdict(name))),
            is_hold_changed=is_hold_changed,
        )
