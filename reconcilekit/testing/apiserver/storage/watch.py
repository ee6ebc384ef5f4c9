"""Watches: events as they come, bookmarks, an end after timeoutSeconds, and what faults make of them."""

from __future__ import annotations

import asyncio
import collections
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Protocol

import attrs
import msgspec

from reconcilekit.clock import Clock
from reconcilekit.errors import LostAnswerError
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.status import JSON, StatusError
from reconcilekit.testing.apiserver.storage.storage import Event, EventType, Stored, watch_line

Predicate = Callable[[Stored], bool]

EARLY = 2.0
"""Seconds before its end that a watch is told of its progress, as the real server has it."""

SLICE = 100
"""Objects of one chunk of the state: a hundred watches of ten thousand objects must not hold up anybody."""

BOOKMARK_PERIOD = 60.0
"""Seconds between bookmarks; the real server's come up to a second and a quarter late."""


class Encoder(Protocol):
    """Makes lines of objects where they aren't shown as they are."""

    def line(self, kind: str, stored: Stored) -> bytes:
        """An event's."""

    def bookmark(self, metadata: Mapping[str, object]) -> bytes:
        """A bookmark's."""


@attrs.frozen(kw_only=True)
class WatchOptions:
    """What a watch was asked for.

    Attributes:
        after: only later events are told.
        selection: None for all.
        namespace: "" for all.
        timeout: seconds until the server ends it.
        wants_bookmarks: allowWatchBookmarks.
        encoder: None where objects are shown as they are.
        content_type: of the answer.
        frame: makes of each line what is sent; None sends lines.
    """

    served: ResourceType
    after: int
    selection: Predicate | None
    namespace: str
    timeout: float
    wants_bookmarks: bool
    encoder: Encoder | None = None
    content_type: str = JSON
    frame: Callable[[bytes], bytes] | None = None


class WatchStream:
    """One watch under way: a `Stream` whose chunks are lines of events.

    Args:
        clock: for its end and its bookmarks.
        options: what was asked for.
        progress: the revision that the kind's watches have got to; bookmarks tell it.
        on_close: called once when the watch is over, however it ends.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        options: WatchOptions,
        progress: Callable[[], int],
        on_close: Callable[[WatchStream], None],
    ) -> None:
        self.options = options
        self._clock = clock
        self._progress = progress
        self._on_close = on_close
        self._state: Iterator[Stored] | None = None
        self._lines: collections.deque[bytes] = collections.deque()
        self._wake = asyncio.Event()
        self._ends_at = clock.monotonic() + options.timeout
        self._knows = options.after
        self._bookmark_at = self._next_bookmark()
        self._is_over = False
        self._is_silent = False
        self._is_broken = False
        self._last_words = b""
        self._countdown: tuple[int, Callable[[], None]] | None = None

    @property
    def status(self) -> int:
        """Watches that start are always answered with 200."""
        return 200

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers."""
        return {"content-type": self.options.content_type}

    def tell(self, event: Event) -> None:
        """Queue an event, as what it is to this watch's selection."""
        kind = self._kind_of(event)
        if kind is not None:
            encoder = self.options.encoder
            line = event.line(kind, self.options.served) if encoder is None else encoder.line(kind, event.shown(kind))
            self._queue(self._framed(line))

    def tell_state(self, objects: Iterator[Stored]) -> None:
        """Tell the objects that were there before the watch began, ahead of all else, a few at a time.

        Args:
            objects: as they stand, whatever happens to them later.
        """
        self._state = objects
        self._wake.set()

    def catch_up(self, revision: int) -> None:
        """What came up to this revision is told at the watch's start: no later bookmark tells of it."""
        self._knows = max(self._knows, revision)

    def tell_bookmark(self, *, ends_initial_events: bool = False) -> None:
        """Queue a bookmark at the kind's progress."""
        metadata: dict[str, object] = {"resourceVersion": str(max(self._progress(), self.options.after))}
        if ends_initial_events:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        if self.options.encoder is not None:
            self._queue(self._framed(self.options.encoder.bookmark(metadata)))
            return
        body = self.options.served.prefix + msgspec.json.encode({"metadata": metadata})[1:]
        self._queue(self._framed(watch_line("BOOKMARK", body)))

    def tell_error(self, error: StatusError) -> None:
        """Queue an ERROR event, and end the watch after it."""
        self._queue(self._framed(watch_line("ERROR", msgspec.json.encode(error.status()))))
        self.end()

    def tell_raw(self, chunk: bytes) -> None:
        """Queue bytes that need not be a line."""
        self._queue(chunk)

    def call_after(self, lines: int, action: Callable[[], None]) -> None:
        """Call `action` once this many further lines are queued; 0 calls it at once."""
        if lines == 0:
            action()
        else:
            self._countdown = (lines, action)

    def end(self, last_words: bytes = b"") -> None:
        """Close it properly after what is queued and `last_words`."""
        self._last_words = last_words
        self._is_over = True
        self._wake.set()

    def break_off(self, last_words: bytes = b"") -> None:
        """Break the connection after what is queued and `last_words`."""
        self._is_broken = True
        self.end(last_words)

    def fall_silent(self) -> None:
        """Send nothing from now on, not even an end."""
        self._is_silent = True
        self._state = None
        self._lines.clear()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                if self._state is not None:
                    if chunk := self._next_of_state(self._state):
                        yield chunk
                    await self._clock.sleep(0)
                elif self._lines:
                    chunk = b"".join(self._lines)
                    self._lines.clear()
                    yield chunk
                elif self._is_over:
                    break
                else:
                    await self._wait()
            if self._last_words:
                yield self._last_words
            if self._is_broken:
                raise LostAnswerError(f"watch of {self.options.served.plural}: the server broke the connection")
        finally:
            self._close()

    async def aclose(self) -> None:
        """The client hung up."""
        self._state = None
        self._lines.clear()
        self.end()
        self._close()

    def _close(self) -> None:
        self._is_over = True
        self._on_close(self)

    def _line_of(self, stored: Stored) -> bytes:
        encoder = self.options.encoder
        if encoder is None:
            return self._framed(watch_line("ADDED", stored.body(self.options.served)))
        return self._framed(encoder.line("ADDED", stored))

    def _framed(self, line: bytes) -> bytes:
        return line if self.options.frame is None else self.options.frame(line)

    def _next_of_state(self, state: Iterator[Stored]) -> bytes:
        """The next few objects in one chunk."""
        accepts, lines = self.options.selection, []
        for _ in range(SLICE):
            stored = next(state, None)
            if stored is None:
                self._end_state()
                break
            if accepts is None or accepts(stored):
                lines.append(self._line_of(stored))
                if self._countdown is not None:
                    lines += self._count_in_state()
                    if self._state is None:
                        break
        return b"".join(lines)

    def _count_in_state(self) -> Iterable[bytes]:
        """Count a line of the state; what the fault that this calls for says at once."""
        later, self._lines = self._lines, collections.deque()
        is_struck = self._is_ended_by_counting()
        said, self._lines = self._lines, later
        if is_struck:
            self._state = None
            self._lines.clear()
        return said

    def _end_state(self) -> None:
        """Count what was queued behind the state."""
        self._state = None
        later, self._lines = self._lines, collections.deque()
        for line in later:
            self._lines.append(line)
            if self._is_ended_by_counting():
                return

    def _is_ended_by_counting(self) -> bool:
        """Count a line; True where that calls for a fault that lets nothing come after this line."""
        was_over = self._is_over
        self._count_line()
        return self._is_silent or (self._is_over and not was_over)

    def _queue(self, line: bytes) -> None:
        if self._is_silent or self._is_over:
            return
        self._lines.append(line)
        self._wake.set()
        if self._state is None:
            self._count_line()

    def _count_line(self) -> None:
        if self._countdown is not None:
            lines, action = self._countdown
            self._countdown = (lines - 1, action) if lines > 1 else None
            if lines == 1:
                action()

    async def _wait(self) -> None:
        self._wake.clear()
        delay = self._next_deadline() - self._clock.monotonic()
        timer = self._clock.call_later(max(delay, 0.0), self._tick)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _next_deadline(self) -> float:
        return min(self._ends_at, self._bookmark_at) if self.options.wants_bookmarks else self._ends_at

    def _tick(self) -> None:
        now = self._clock.monotonic()
        self._wake.set()
        if self._is_silent:
            self._ends_at = self._bookmark_at = now + 3600
        elif now >= self._ends_at:
            self.end()
        elif now >= self._bookmark_at:
            self._bookmark_at = self._next_bookmark()
            if self._progress() > self._knows:
                self.tell_bookmark()

    def _next_bookmark(self) -> float:
        """When the next one is due: in a minute, or a little before the end."""
        now, last = self._clock.monotonic(), self._ends_at - EARLY
        return min(now + BOOKMARK_PERIOD, last) if now < last else math.inf

    def _kind_of(self, event: Event) -> EventType | None:
        key = (event.after or event.before).key  # type: ignore[union-attr]  # every event has one of them
        if event.revision <= self.options.after or (self.options.namespace and key.namespace != self.options.namespace):
            return None
        accepts = self.options.selection
        if accepts is None:
            return event.type
        was = event.before is not None and accepts(event.before)
        is_now = event.after is not None and accepts(event.after)
        if is_now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None


class WatchHub:
    """Every watch under way, and how far behind the storage each kind's watches are.

    Args:
        clock: delivers late events.
        revision: the storage's present revision.
    """

    def __init__(self, *, clock: Clock, revision: Callable[[], int]) -> None:
        self._clock = clock
        self._revision = revision
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
