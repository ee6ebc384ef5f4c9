"""Stages: what one owner wants changed, in any number of scopes, taken whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Protocol, Self

from reconcilekit.state.content import Entries, ScopeOptions
from reconcilekit.state.desired import Claim
from reconcilekit.state.errors import StageClosedError
from reconcilekit.state.snapshot import StateSnapshot


class StagedEntries(MutableMapping[str, object]):
    """One owner's entries in one scope as they will be: what it has, less and plus what is staged.

    A value is copied and frozen when it is assigned; what its caller changes later changes nothing here. Entries of
    other owners aren't in it.
    """

    def __init__(
        self, owner: str, entries: Entries, options: ScopeOptions, *, replaces: bool, check: Callable[[], None]
    ) -> None:
        self.options = options
        self._owner = owner
        self._entries = entries
        self._replaces = replaces
        self._check = check
        self._puts: dict[str, tuple[object, str]] = {}
        self._drops: set[str] = set()

    def __setitem__(self, name: str, value: object) -> None:
        self._check()
        self._puts[name] = self._take(value)
        self._drops.discard(name)

    def __delitem__(self, name: str) -> None:
        self._check()
        if name not in self:
            raise KeyError(name)
        self._puts.pop(name, None)
        self._drops.add(name)

    def __getitem__(self, name: str) -> object:
        if name in self._puts:
            return self._puts[name][0]
        if self._has_kept(name):
            return self._entries[name].value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from self._puts
        if not self._replaces:
            yield from (name for name in self._entries if name not in self._puts and self._has_kept(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def replace(self, entries: Mapping[str, object]) -> None:
        """Make these the only entries that the owner has here."""
        self._check()
        puts = {name: self._take(value) for name, value in entries.items()}
        self._puts, self._replaces = puts, True

    def claim(self) -> Claim:
        """Return what is staged."""
        return Claim(owner=self._owner, puts=dict(self._puts), drops=frozenset(self._drops), replaces=self._replaces)

    def _has_kept(self, name: str) -> bool:
        entry = self._entries.get(name)
        return not self._replaces and entry is not None and self._owner in entry.owners and name not in self._drops

    def _take(self, value: object) -> tuple[object, str]:
        frozen = self.options.freeze(value)
        return frozen, self.options.content_hash(frozen)


class Committer(Protocol):
    """What a stage needs of its store."""

    def options_of(self, scope: str) -> ScopeOptions:
        """Return the options of a scope, present or to be."""

    def prepare(self, owner: str, staged: Mapping[str, StagedEntries], *, replace: bool) -> PreparedStage:
        """Check and reserve what is staged."""


class Stage:
    """What one owner wants changed; used once, by one thread, and closed from any.

    Use it as a context manager, which prepares and commits at its end and drops everything if the block raises; or
    call `prepare` and decide later. Until a commit nothing of it can be seen.
    """

    def __init__(self, committer: Committer, owner: str, base: StateSnapshot, *, replace: bool) -> None:
        self.owner = owner
        self._committer = committer
        self._base = base
        self._replace = replace
        self._staged: dict[str, StagedEntries] = {}
        self._is_closed = False

    def __getitem__(self, scope: str) -> StagedEntries:
        """Return the owner's entries in `scope`, to be changed."""
        self._check()
        if scope not in self._staged:
            self._staged[scope] = StagedEntries(
                self.owner,
                self._base[scope].entries,
                self._committer.options_of(scope),
                replaces=self._replace,
                check=self._check,
            )
        return self._staged[scope]

    def replace_owned(self, scope: str, entries: Mapping[str, object]) -> None:
        """Make `entries` the only ones that the owner has in `scope`; what stays the same isn't touched."""
        self[scope].replace(entries)

    def prepare(self) -> PreparedStage:
        """Check all of it against the present content and reserve it; nothing is visible yet. Closes the stage.

        Raises:
            VetoError: a validator refuses the content; names scope and entry.
            EntryOwnedError: another owner has one of the entries with other content; names both.
            StageBusyError: it collides with what another owner has prepared; passes by itself.
            StageClosedError: the stage was prepared, committed or closed before.
        """
        self._check()
        self._is_closed = True
        return self._committer.prepare(self.owner, self._staged, replace=self._replace)

    def close(self) -> None:
        """Drop everything; whoever still uses the stage gets a `StageClosedError`. Idempotent."""
        self._is_closed = True

    def __enter__(self) -> Self:
        self._check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.prepare().commit()
        else:
            self.close()

    def _check(self) -> None:
        if self._is_closed:
            raise StageClosedError(
                f"the stage of owner {self.owner!r} is closed: it was prepared, committed or given up; take a new one"
            )


class PreparedStage:
    """A stage that was found good and holds its reservations until it is committed or abandoned.

    Others prepare and commit meanwhile: only what can't go together with it is refused, there and then. As a context
    manager it abandons what wasn't committed.
    """

    def __init__(self, owner: str, *, commit: Callable[[], StateSnapshot], release: Callable[[], None]) -> None:
        self.owner = owner
        self._commit = commit
        self._release = release
        self._unused = threading.Lock()

    def commit(self) -> StateSnapshot:
        """Make all of it visible in one step and return the store as it is then.

        Listeners and subscribers hear of it before this returns, or from the thread that is calling them already.

        Raises:
            StageBusyError: others' commits since `prepare` make a validator refuse it now; nothing was changed.
            StageClosedError: it was committed or abandoned before.
        """
        if not self._unused.acquire(blocking=False):
            raise StageClosedError(f"the prepared stage of owner {self.owner!r} was committed or abandoned before")
        return self._commit()

    def abandon(self) -> None:
        """Give up the reservations; nothing was changed. Idempotent, and without effect after a commit."""
        if self._unused.acquire(blocking=False):
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.abandon()
