"""A scope's desired content: who owns which entry, what a stage makes of it, and its versions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from reconcilekit.state.content import Candidate, Entries, Entry, ScopeOptions, ValuesView, Veto, diff, is_same
from reconcilekit.state.errors import EntryOwnedError, StageBusyError, VetoError
from reconcilekit.state.snapshot import ScopeVersion


@attrs.frozen(kw_only=True)
class Claim:
    """What one owner wants of one scope; the values are frozen.

    Attributes:
        owner: who.
        puts: by entry name, the value and its hash.
        drops: entries it lets go.
        replaces: it also lets go whatever else it owns.
    """

    owner: str
    puts: Mapping[str, tuple[object, str]]
    drops: frozenset[str] = frozenset()
    replaces: bool = False

    def lets_go(self, name: str) -> bool:
        """True if the owner gives `name` up."""
        return name in self.drops or (self.replaces and name not in self.puts)


Changes = Mapping[str, Entry | None]


class Desired:
    """The desired content of one scope; every method needs the store's lock."""

    def __init__(self, scope: str, options: ScopeOptions, *, version: int, history: int) -> None:
        self.scope = scope
        self.options = options
        self.version = version
        self.entries: Entries = MappingProxyType({})
        self.history: deque[ScopeVersion] = deque(maxlen=history)
        self._owned: dict[str, set[str]] = {}
        self._reserved: list[Claim] = []

    @property
    def has_reservations(self) -> bool:
        """True while a stage is prepared for this scope."""
        return bool(self._reserved)

    def is_owner(self, owner: str) -> bool:
        """True if `owner` has an entry here."""
        return owner in self._owned

    def prepare(self, claim: Claim) -> None:
        """Check `claim` against the content and what others have prepared, and reserve what it wants.

        Raises:
            VetoError: a validator refuses the content with it.
            EntryOwnedError: another owner has one of the entries with other content.
            StageBusyError: it would fail only if what another owner prepared is committed, or isn't.
        """
        others = [other for other in self._reserved if other.owner != claim.owner]
        self._refuse_collision(claim, others)
        self._refuse_vetoed(self._planned(claim, others))
        if others:
            self._prepare_together(claim, others)
        self._reserved.append(claim)

    def release(self, claim: Claim) -> None:
        """Give up what `prepare` reserved."""
        self._reserved = [other for other in self._reserved if other is not claim]

    def plan(self, claim: Claim, *, is_validated: bool) -> Changes:
        """Return what `claim` changes in the present content: by name the new entry, None for none.

        Raises:
            EntryOwnedError: another owner has one of the entries with other content.
            VetoError: a validator refuses the content with it; never if the caller says that it `is_validated`.
        """
        changes = self._changes(claim, self.entries)
        if not is_validated:
            self._refuse_vetoed(changes)
        return changes

    def _refuse_vetoed(self, changes: Changes) -> None:
        if not changes or not self.options.validators:
            return
        if vetoes := self.vetoes(_applied(self.entries, changes), names=changes):
            raise VetoError(self.scope, vetoes)

    def _changes(self, claim: Claim, entries: Entries) -> Changes:
        changes: dict[str, Entry | None] = {}
        for name, (value, digest) in claim.puts.items():
            entry = self._put(entries.get(name), name, claim.owner, value, digest)
            if entry is not None:
                changes[name] = entry
        mine = self._owned.get(claim.owner, set()) if claim.replaces else set()
        for name in (claim.drops | mine) - claim.puts.keys():
            old = entries.get(name)
            if old is not None and claim.owner in old.owners:
                left = tuple(owner for owner in old.owners if owner != claim.owner)
                changes[name] = attrs.evolve(old, owners=left) if left else None
        return changes

    def vetoes(self, entries: Entries, *, names: Iterable[str] | None = None) -> list[Veto]:
        """Return what the validators refuse of `entries` as a whole, which differ in `names` from the present ones."""
        if not self.options.validators:
            return []
        candidate = Candidate(
            scope=self.scope, values=ValuesView(entries), diff=diff(self.entries, entries, names=names)
        )
        return [veto for validator in self.options.validators for veto in validator(candidate)]

    def install(self, changes: Changes) -> frozenset[str]:
        """Make `changes` the present content and return the names whose content is new; only owners is no news."""
        names = frozenset(name for name, entry in changes.items() if not is_same(self.entries.get(name), entry))
        for name, entry in changes.items():
            self._index(name, self.entries.get(name), entry)
        if changes:
            self.entries = MappingProxyType(_applied(self.entries, changes))
        if names:
            self.version += 1
            self.history.append(ScopeVersion(version=self.version, entries=self.entries, names=names))
        return names

    def names_between(self, old: int, new: int) -> frozenset[str] | None:
        """Return the names that changed after version `old` up to `new`; None if history doesn't reach so far."""
        if old > new:
            old, new = new, old
        if old == new:
            return frozenset()
        if not self.history or self.history[0].version > old + 1:
            return None
        steps = (step.names for step in self.history if old < step.version <= new)
        return frozenset[str]().union(*steps)

    def _put(self, old: Entry | None, name: str, owner: str, value: object, digest: str) -> Entry | None:
        if old is not None and old.hash == digest:
            if owner in old.owners:
                return None
            return attrs.evolve(old, owners=tuple(sorted((*old.owners, owner))))
        others = [] if old is None else [other for other in old.owners if other != owner]
        if others:
            raise EntryOwnedError(self.scope, name, holders=others, claimant=owner)
        entry = Entry(name=name, value=value, hash=digest, owners=(owner,), version=self.version + 1)
        self.options.unit(entry)  # raises here, where nothing has been changed yet, if it can't name this one's unit
        return entry

    def _refuse_collision(self, claim: Claim, others: Iterable[Claim]) -> None:
        for other in others:
            for name in claim.puts.keys() & other.puts.keys():
                if claim.puts[name][1] != other.puts[name][1]:
                    raise StageBusyError(
                        self.scope,
                        f"entry {name!r} is being staged by {other.owner!r} with other content than {claim.owner!r} "
                        f"stages: try again when that is committed or abandoned",
                    )

    def _planned(self, claim: Claim, others: list[Claim]) -> Changes:
        try:
            return self._changes(claim, self.entries)
        except EntryOwnedError as error:
            holders = error.owners[:-1]
            if all(any(o.owner == holder and o.lets_go(error.entry) for o in others) for holder in holders):
                raise StageBusyError(self.scope, f"{error.message}; its owner is about to let it go") from error
            raise

    def _prepare_together(self, claim: Claim, others: list[Claim]) -> None:
        names = ", ".join(sorted(repr(other.owner) for other in others))
        together: dict[str, Entry | None] = {}
        try:
            for each in (*others, claim):
                together |= self._changes(each, _applied(self.entries, together))
            self._refuse_vetoed(together)
        except (EntryOwnedError, VetoError) as error:
            raise StageBusyError(self.scope, f"refused together with what {names} prepared: {error.message}") from error

    def _index(self, name: str, old: Entry | None, new: Entry | None) -> None:
        for owner in old.owners if old is not None else ():
            names = self._owned[owner]
            names.discard(name)
            if not names:
                del self._owned[owner]
        for owner in new.owners if new is not None else ():
            self._owned.setdefault(owner, set()).add(name)


def _applied(entries: Entries, changes: Changes) -> dict[str, Entry]:
    mixed = entries.copy() if isinstance(entries, MappingProxyType | dict) else dict(entries)
    for name, entry in changes.items():
        if entry is None:
            mixed.pop(name, None)
        else:
            mixed[name] = entry
    return mixed
