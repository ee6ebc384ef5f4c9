"""One order of all changes of all kinds, and the views that are open on it.

Opening a view costs one number: nothing is copied until something changes, and then only what changed is kept, for as
long as an open view may ask for it. Persistent maps were measured at ten times a dict's price for each write.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from operator import itemgetter

from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey

_Replaced = tuple[int, RawObject | None]
"""The sequence at which a version was replaced, and that version (None: there was none)."""


class Timeline:
    """Counts the changes and knows which instants are still being looked at.

    Attributes:
        lock: held by whoever changes a store or opens or closes a view, so that no view opens in the middle of a
            relist. Reading takes no lock.
        sequence: how many changes there have been.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sequence = 0
        # An OrderedDict, because the first entry of a dict whose head was deleted takes a scan to find.
        self._open: OrderedDict[int, int] = OrderedDict()
        self._histories: list[History] = []

    def __repr__(self) -> str:
        return f"<Timeline at {self.sequence}, {self.open_views} open views, {self.kept_versions} kept versions>"

    @property
    def open_views(self) -> int:
        """How many views are open."""
        return sum(self._open.values())

    @property
    def kept_versions(self) -> int:
        """How many replaced versions are kept for them, over all kinds."""
        return sum(len(history) for history in self._histories)

    def advance(self) -> int:
        """Count one more change and give its sequence; the caller holds the lock."""
        self.sequence += 1
        return self.sequence

    @property
    def newest_open(self) -> int | None:
        """The latest instant that a view is open on."""
        return next(reversed(self._open), None)

    def open(self) -> int:
        """Keep what is needed to read at the present instant, until `close`; safe from any thread."""
        with self.lock:
            self._open[self.sequence] = self._open.get(self.sequence, 0) + 1
            return self.sequence

    def close(self, sequence: int) -> None:
        """Undo one `open` that gave `sequence`; what only older views needed is let go. Safe from any thread."""
        with self.lock:
            was_oldest = next(iter(self._open)) == sequence
            self._open[sequence] -= 1
            if self._open[sequence]:
                return
            del self._open[sequence]
            if was_oldest:
                oldest = next(iter(self._open), self.sequence)
                for history in self._histories:
                    history.cut(oldest)

    def history(self) -> History:
        """A new history of one kind, on this timeline."""
        history = History(self)
        self._histories.append(history)
        return history


class History:
    """The replaced versions of one kind's objects that some open view may still read.

    Written under the timeline's lock; read without it, from any thread, always *after* the present state: a writer
    records here before it replaces the present, so a reader that sees the new version finds the old one here.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        # Chains are tuples, oldest first, that are replaced and never changed: a reader keeps the one it found.
        self._chains: dict[ObjectKey, tuple[_Replaced, ...]] = {}
        self._log: list[tuple[int, ObjectKey]] = []
        self._cut_off = 0

    def __len__(self) -> int:
        return len(self._log) - self._cut_off

    def record(self, key: ObjectKey, before: RawObject | None, sequence: int) -> None:
        """Keep `before`, replaced at `sequence`, if an open view can see it."""
        newest = self._timeline.newest_open
        if newest is None:
            return
        chain = self._chains.get(key, ())
        # Nobody looked between the last change of this key and now: a busy key's chain grows with views, not changes.
        if chain and chain[-1][0] > newest:
            return
        self._chains[key] = (*chain, (sequence, before))
        self._log.append((sequence, key))

    def at(self, key: ObjectKey, sequence: int, current: RawObject | None) -> RawObject | None:
        """The version of `key` at `sequence`, given the one that was `current` before this was called."""
        for replaced_at, before in self._chains.get(key, ()):
            if replaced_at > sequence:
                return before
        return current

    def changed_since(self, sequence: int) -> set[ObjectKey]:
        """The keys that changed after `sequence`, which a view must be open on; takes time for those alone."""
        log = self._log
        return {key for _, key in log[bisect_right(log, sequence, key=itemgetter(0)) :]}

    def cut(self, oldest: int) -> None:
        """Let go of what no view at `oldest` or later can see."""
        end = bisect_right(self._log, oldest, key=itemgetter(0))
        for _, key in self._log[self._cut_off : end]:
            rest = self._chains[key][1:]
            if rest:
                self._chains[key] = rest
            else:
                del self._chains[key]
        self._cut_off = end
        # A new list: a reader in another thread may be searching the old one.
        if self._cut_off * 2 >= len(self._log):
            self._log = self._log[self._cut_off :]
            self._cut_off = 0
