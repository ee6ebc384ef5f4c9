"""What a scope holds: entries, the difference between two contents, and what validators see of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import attrs

from reconcilekit.state.freezing import content_hash, freeze

Entries = Mapping[str, "Entry"]


@attrs.frozen(kw_only=True)
class Entry:
    """One named value of a scope; immutable.

    Attributes:
        name: its key in the scope.
        value: the frozen value.
        hash: what `content_hash` said of the value; two entries of one hash have the same content.
        owners: who staged it, sorted; several where they staged the same content.
        version: the scope's version that brought this content.
    """

    name: str
    value: object = attrs.field(repr=False)
    hash: str
    owners: tuple[str, ...]
    version: int


@attrs.frozen(kw_only=True)
class Diff:
    """What it takes to come from one content to another; false where they are the same.

    Attributes:
        added: entries only the new content has.
        changed: entries whose content differs, as they are in the new one.
        removed: entries only the old content has, as they were.
    """

    added: Entries = MappingProxyType({})
    changed: Entries = MappingProxyType({})
    removed: Entries = MappingProxyType({})

    @property
    def names(self) -> frozenset[str]:
        """The names of all entries that differ."""
        return frozenset((*self.added, *self.changed, *self.removed))

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def is_same(old: Entry | None, new: Entry | None) -> bool:
    """True if both are absent or both have the same content, whoever owns them."""
    return old is new or (old is not None and new is not None and old.hash == new.hash)


def diff(old: Entries, new: Entries, *, names: Iterable[str] | None = None) -> Diff:
    """Return how `new` differs from `old`, sorted by name.

    Args:
        old: the content to come from.
        new: the content to come to.
        names: where they can differ at most, if that is known; by default everything is compared.
    """
    added, changed, removed = {}, {}, {}
    for name in sorted(old.keys() | new.keys() if names is None else names):
        before, after = old.get(name), new.get(name)
        if is_same(before, after):
            continue
        if after is None:
            assert before is not None
            removed[name] = before
        elif before is None:
            added[name] = after
        else:
            changed[name] = after
    return Diff(added=MappingProxyType(added), changed=MappingProxyType(changed), removed=MappingProxyType(removed))


class ValuesView(Mapping[str, object]):
    """The values of some entries by name, without a copy."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> object:
        return self._entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


@attrs.frozen(kw_only=True)
class Veto:
    """A validator's no to one entry.

    Attributes:
        entry: the entry that is wrong.
        message: what is wrong with it and what to do, for people.
    """

    entry: str
    message: str


@attrs.frozen(kw_only=True)
class Candidate:
    """A scope's content as it would be, for a validator to judge.

    Attributes:
        scope: the scope's name.
        values: the whole content.
        diff: how it differs from the content it would replace.
    """

    scope: str
    values: Mapping[str, object]
    diff: Diff


Validator = Callable[[Candidate], Iterable[Veto]]
"""Returns what it refuses, nothing if all is well. Pure and quick: it runs under the store's lock, also for contents
that are only tried, and must not call the store."""


def by_entry(entry: Entry) -> str:
    """Each entry is put back by itself: the scope's validators say which entries can't do without each other."""
    return entry.name


def by_owner(entry: Entry) -> str:
    """All entries of one owner are put back together, so that what one run decided is never split."""
    return entry.owners[0]


@attrs.frozen(kw_only=True)
class ScopeOptions:
    """How a scope treats its entries.

    Attributes:
        validators: judge every new content of the scope as a whole, in this order; any of them can veto. They also
            judge each mix that is tried after a NACK.
        unit: names the unit that is put back as one after a NACK; by default each entry alone, which keeps what one
            bad entry costs smallest and relies on the validators where entries refer to each other. `by_owner` never
            splits what one owner staged.
        freeze: returns an immutable copy of a value; the default is described at `freeze`.
        content_hash: returns a digest of a frozen value; equal digests mean unchanged content.
    """

    validators: tuple[Validator, ...] = ()
    unit: Callable[[Entry], str] = by_entry
    freeze: Callable[[object], object] = freeze
    content_hash: Callable[[object], str] = content_hash
