"""What readers get: immutable snapshots of all scopes at one instant, with verdicts, and word of what changed."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from reconcilekit.state.content import Diff, Entries, Entry, ValuesView, diff, is_same
from reconcilekit.state.quarantine import Refusal

_NOTHING: Mapping[str, Entry] = MappingProxyType({})


class VerdictState(enum.Enum):
    """What became of desired content."""

    PENDING = "pending"
    """Not every connected subscriber has accepted it yet, or there is none, or the scope is still held."""

    ACKED = "acked"
    """Every connected subscriber has accepted it."""

    NACKED = "nacked"
    """Refused: what was last accepted is published in its place, until the content changes."""


@attrs.frozen
class Verdict:
    """What became of an entry, or of several together.

    Attributes:
        state: pending, acked or nacked.
        reason: who refused it and why, or what it waits for; "" once acked.
    """

    state: VerdictState
    reason: str = ""

    @property
    def is_pending(self) -> bool:
        """True until every connected subscriber has answered."""
        return self.state is VerdictState.PENDING

    @property
    def is_acked(self) -> bool:
        """True once every connected subscriber has accepted it."""
        return self.state is VerdictState.ACKED

    @property
    def is_nacked(self) -> bool:
        """True while it is refused."""
        return self.state is VerdictState.NACKED

    def is_news_after(self, older: Verdict) -> bool:
        """True if readers of `older` should look again; what a pending one waits for is no news."""
        return self.state is not older.state or (self.is_nacked and self.reason != older.reason)


@attrs.frozen(kw_only=True, eq=False)
class SubscriberState:
    """How far one connected subscriber is.

    Attributes:
        name: the subscriber's.
        acked: the content it accepted last, None before its first ACK.
        refusal: why it is offered nothing more until the content changes, "" where it is.
    """

    name: str
    acked: Entries | None = attrs.field(default=None, repr=False)
    refusal: str = ""


@attrs.frozen(kw_only=True, eq=False)
class ScopeSnapshot(Mapping[str, object]):
    """One scope at one instant: a mapping from entry name to (frozen) desired value; immutable.

    Attributes:
        name: the scope's.
        version: of the desired content; grows with each change of it, 0 before the first.
        entries: the desired entries.
        published: the entries as subscribers are to have them: the desired ones but for what was put back.
        quarantined: by entry name, why it is put back.
        subscribers: those connected.
        is_held: nothing is published yet, because the first publication wouldn't be whole.
        waiting_for: the owners whose first report the scope waits for.
    """

    name: str
    version: int = 0
    entries: Entries = attrs.field(default=_NOTHING, repr=False)
    published: Entries = attrs.field(default=_NOTHING, repr=False)
    quarantined: Mapping[str, Refusal] = MappingProxyType({})
    subscribers: tuple[SubscriberState, ...] = ()
    is_held: bool = False
    waiting_for: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> object:
        return self.entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    @property
    def published_values(self) -> Mapping[str, object]:
        """The values of `published`."""
        return ValuesView(self.published)

    def verdict(self, *names: str) -> Verdict:
        """Return what became of these entries together, or of the whole scope if none is named.

        The worst one counts. A name that isn't desired is acked once no subscriber has it.
        """
        if self.is_held:
            return Verdict(VerdictState.PENDING, f"the first publication is held for {_listed(self.waiting_for)}")
        for name in names or self.quarantined:
            refusal = self.quarantined.get(name)
            if refusal is not None:
                return Verdict(VerdictState.NACKED, f"entry {name!r}: {_refused(refusal.subscriber)}{refusal.reason}")
        if not self.subscribers:
            return Verdict(VerdictState.PENDING, "no subscriber is connected")
        behind = [subscriber for subscriber in self.subscribers if not self._has(subscriber, names)]
        for subscriber in behind:
            if subscriber.refusal:
                return Verdict(VerdictState.NACKED, f"{_refused(subscriber.name)}{subscriber.refusal}")
        if behind:
            return Verdict(VerdictState.PENDING, f"waiting for {_listed(subscriber.name for subscriber in behind)}")
        return Verdict(VerdictState.ACKED)

    def owned_by(self, owner: str) -> Mapping[str, Entry]:
        """Return the desired entries that `owner` staged; looks at every entry."""
        return {name: entry for name, entry in self.entries.items() if owner in entry.owners}

    def diff(self, older: ScopeSnapshot) -> Diff:
        """Return how the desired content differs from that of `older`; looks at every entry."""
        return diff(older.entries, self.entries)

    def _has(self, subscriber: SubscriberState, names: tuple[str, ...]) -> bool:
        if subscriber.acked is None:
            return False
        if not names:
            return subscriber.acked is self.published
        return all(is_same(subscriber.acked.get(name), self.entries.get(name)) for name in names)


@attrs.frozen(kw_only=True, eq=False)
class StateSnapshot:
    """All scopes at one instant; immutable, and taken without a lock or a copy.

    Attributes:
        sequence: grows with every change of anything: content, verdicts, holds.
        scopes: the scopes that ever changed, by name; index the snapshot itself to get an empty one for the others.
        is_held: the whole store waits for the owners expected after a start.
        waiting_for: the owners that the whole store waits for.
    """

    sequence: int = 0
    scopes: Mapping[str, ScopeSnapshot] = attrs.field(factory=lambda: MappingProxyType({}), repr=False)
    is_held: bool = False
    waiting_for: frozenset[str] = frozenset()

    def __getitem__(self, scope: str) -> ScopeSnapshot:
        found = self.scopes.get(scope)
        if found is None:  # an empty one is false
            return ScopeSnapshot(name=scope, is_held=self.is_held, waiting_for=self.waiting_for)
        return found


@attrs.frozen(kw_only=True)
class ScopeVersion:
    """A desired content that a scope has or had.

    Attributes:
        version: its version.
        entries: the whole of it.
        names: the entries that differ from the version before.
    """

    version: int
    entries: Entries = attrs.field(repr=False)
    names: frozenset[str] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class ScopeChange:
    """What one step changed in one scope.

    Attributes:
        entries: the entries whose desired content changed.
        verdicts: the entries whose verdict changed, removed ones included.
        is_hold_changed: what the first publication waits for changed.
    """

    entries: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()
    is_hold_changed: bool = False

    def __bool__(self) -> bool:
        return bool(self.entries or self.verdicts or self.is_hold_changed)


@attrs.frozen(kw_only=True, eq=False)
class StateChange:
    """What one step changed, in all the scopes it touched.

    Attributes:
        snapshot: the store right after the step.
        scopes: by scope name, what changed in it.
        is_released: the store-wide hold ended with it, also for scopes that don't exist.
    """

    snapshot: StateSnapshot
    scopes: Mapping[str, ScopeChange]
    is_released: bool = False


def _refused(subscriber: str) -> str:
    return f"refused by {subscriber!r}: " if subscriber else ""


def _listed(names: Iterator[str] | frozenset[str]) -> str:
    ordered = sorted(names)
    shown = ", ".join(repr(name) for name in ordered[:5])
    return (shown + (f" and {len(ordered) - 5} more" if len(ordered) > 5 else "")) or "the list of owners"
