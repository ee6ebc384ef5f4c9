"""The watches under way, by kind: what is told to them, and when."""

from __future__ import annotations

import collections
from collections.abc import Callable

from reconcilekit.clock import Clock
from reconcilekit.testing.apiserver.pacing import Turns
from reconcilekit.testing.apiserver.storage.storage import Event
from reconcilekit.testing.apiserver.storage.watch import WatchOptions, WatchStream


class WatchHub:
    """Every watch under way, and how far behind the storage each kind's watches are.

    Args:
        clock: delivers late events.
        revision: the storage's present revision.
        turns: of watches that are told a long state.
    """

    def __init__(self, *, clock: Clock, revision: Callable[[], int], turns: Turns) -> None:
        self._clock = clock
        self._revision = revision
        self._turns = turns
        self._streams: dict[tuple[str, str], dict[WatchStream, None]] = {}
        self._lags: dict[str, Callable[[], float]] = {}
        self._late: dict[tuple[str, str], collections.deque[tuple[float, Event]]] = {}

    @property
    def streams(self) -> list[WatchStream]:
        """The watches under way, oldest first within each kind."""
        return [stream for streams in self._streams.values() for stream in streams]

    def lag(self, plural: str, seconds: Callable[[], float]) -> None:
        """From now on hold each of the kind's events back by `seconds()`; their order stays."""
        self._lags[plural] = seconds

    def progress(self, key: tuple[str, str]) -> int:
        """The revision up to which watches of a kind have been told everything."""
        late = self._late.get(key)
        return late[0][1].revision - 1 if late else self._revision()

    def open(self, options: WatchOptions) -> WatchStream:
        """A new watch, not yet told of anything."""
        key = options.served.storage_key
        stream = WatchStream(
            clock=self._clock,
            options=options,
            progress=lambda: self.progress(key),
            on_close=lambda closed: self._drop(key, closed),
            turns=self._turns,
        )
        self._streams.setdefault(key, {})[stream] = None
        return stream

    def publish(self, key: tuple[str, str], event: Event) -> None:
        """Tell the kind's watches, now or when its lag is over."""
        lag = self._lags.get(key[1])
        late = self._late.setdefault(key, collections.deque()) if lag else self._late.get(key)
        if not late and lag is None:
            self._deliver(key, event)
            return
        assert late is not None
        # A queue, because order within a kind is a promise of every watch: nothing overtakes.
        late.append((self._clock.monotonic() + (lag() if lag else 0.0), event))
        if len(late) == 1:
            self._schedule(key)

    def end(self, key: tuple[str, str]) -> None:
        """End the watches of a kind that is served no more, once they have been told what is late."""
        late = self._late.get(key)
        if late:
            self._clock.call_later(max(late[-1][0] - self._clock.monotonic(), 0.0), lambda: self.end(key))
            return
        for stream in list(self._streams.get(key, ())):
            stream.end()

    def clear(self) -> None:
        """Forget what is late: the storage was restored to another past."""
        self._late.clear()

    def _schedule(self, key: tuple[str, str]) -> None:
        due = self._late[key][0][0]
        self._clock.call_later(max(due - self._clock.monotonic(), 0.0), lambda: self._deliver_late(key))

    def _deliver_late(self, key: tuple[str, str]) -> None:
        late = self._late.get(key)
        while late and late[0][0] <= self._clock.monotonic():
            self._deliver(key, late.popleft()[1])
        if late:
            self._schedule(key)

    def _deliver(self, key: tuple[str, str], event: Event) -> None:
        for stream in list(self._streams.get(key, ())):
            stream.tell(event)

    def _drop(self, key: tuple[str, str], stream: WatchStream) -> None:
        self._streams.get(key, {}).pop(stream, None)
