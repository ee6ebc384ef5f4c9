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
from reconcilekit.testing.apiserver.pacing import STEP, Turns
from reconcilekit.testing.apiserver.status import JSON, StatusError
from reconcilekit.testing.apiserver.storage.storage import Event, EventType, Stored, watch_line

Predicate = Callable[[Stored], bool]

EARLY = 2.0
"""Seconds before its end that a watch is told of its progress, as the real server has it."""

BOOKMARK_PERIOD = 60.0
"""Seconds between bookmarks; the real server's come up to a second and a quarter late."""


MAX_BACKLOG = 8 * 1024 * 1024
"""Bytes that wait for a client to fetch them: about what the sockets between it and a real server would hold."""

PATIENCE = 1.0
"""Seconds in which a client with a longer backlog must fetch something. The real server gives it a tenth of a second,
and a hundred events or so; but here a big write and the client share a loop."""


class Encoder(Protocol):
    """Makes lines of objects where they aren't shown as they are; the watch's first line tells more than the others."""

    def line(self, kind: str, stored: Stored, *, is_first: bool) -> bytes:
        """An event's."""

    def bookmark(self, metadata: Mapping[str, object], *, is_first: bool) -> bytes:
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

    It ends on the clock, whether anybody reads it or not. As the real server does, it gives up a client that reads
    nothing while much comes: what was told until then can still be fetched, and the client goes on from there.

    Args:
        clock: for its end and its bookmarks.
        options: what was asked for.
        progress: the revision that the kind's watches have got to; bookmarks tell it.
        on_close: called once when the watch is over, however it ends.
        turns: for telling the state, which may be long.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        options: WatchOptions,
        progress: Callable[[], int],
        on_close: Callable[[WatchStream], None],
        turns: Turns,
    ) -> None:
        self.options = options
        self._clock = clock
        self._progress = progress
        self._on_close = on_close
        self._turns = turns
        self._state: Iterator[Stored] | None = None
        self._lines: collections.deque[bytes] = collections.deque()
        self._backlog = 0
        self._fetches = 0
        self._is_watched = False
        self._is_begun = False
        self._opening: tuple[int, Callable[[bool], bytes]] | None = None
        self._wake = asyncio.Event()
        self._ends_at = clock.monotonic() + options.timeout
        self._knows = options.after
        self._bookmark_at = self._next_bookmark()
        self._is_over = False
        self._is_closed = False
        self._is_silent = False
        self._is_broken = False
        self._last_words = b""
        self._countdown: tuple[int, Callable[[], None]] | None = None
        self._timer = self._next_timer()

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
        encoder = self.options.encoder
        if kind is None:
            return
        if encoder is None:
            self._queue(self._framed(event.line(kind, self.options.served)))
            return
        shown = event.shown(kind)
        self._queue_shown(lambda is_first: encoder.line(kind, shown, is_first=is_first))

    def tell_state(self, objects: Iterator[Stored]) -> None:
        """Tell the objects that were there before the watch began, ahead of all else, a few at a time.

        Args:
            objects: as they stand, whatever happens to them later.
        """
        self._state = objects
        self._wake.set()

    def begin_at(self, revision: int) -> bool:
        """Tell later events only, from now on, where so far it was told of none; False where it is over."""
        self.options = attrs.evolve(self.options, after=revision)
        self._knows = revision
        return not self._is_over

    def catch_up(self, revision: int) -> None:
        """What came up to this revision is told at the watch's start: no later bookmark tells of it."""
        self._knows = max(self._knows, revision)

    def tell_bookmark(self, *, ends_initial_events: bool = False) -> None:
        """Queue a bookmark at the kind's progress."""
        metadata: dict[str, object] = {"resourceVersion": str(max(self._progress(), self.options.after))}
        if ends_initial_events:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        encoder = self.options.encoder
        if encoder is not None:
            self._queue_shown(lambda is_first: encoder.bookmark(metadata, is_first=is_first))
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
        self._close()
        self._wake.set()

    def break_off(self, last_words: bytes = b"") -> None:
        """Break the connection after what is queued and `last_words`."""
        self._is_broken = True
        self.end(last_words)

    def fall_silent(self) -> None:
        """Send nothing from now on, not even an end."""
        self._is_silent = True
        self._timer.cancel()
        self._state = None
        self._lines.clear()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self._fetches += 1
                if self._state is not None:
                    await self._turns.next()
                    if chunk := self._next_of_state():
                        yield chunk
                elif self._lines:
                    chunk = b"".join(self._lines)
                    self._lines.clear()
                    self._backlog = 0
                    yield chunk
                elif self._is_over:
                    break
                else:
                    self._wake.clear()
                    await self._wake.wait()
            if self._last_words:
                yield self._last_words
            if self._is_broken:
                raise LostAnswerError(f"watch of {self.options.served.plural}: the server broke the connection")
        finally:
            self._close()

    async def aclose(self) -> None:
        """The client hung up."""
        self.hang_up()

    def hang_up(self) -> None:
        """End it for a client that is gone."""
        self._state = None
        self._lines.clear()
        self.end()

    def _close(self) -> None:
        self._is_over = True
        self._timer.cancel()
        if not self._is_closed:
            self._is_closed = True
            self._on_close(self)

    def _line_of(self, stored: Stored) -> bytes:
        encoder = self.options.encoder
        if encoder is None:
            return self._framed(watch_line("ADDED", stored.body(self.options.served)))
        is_first, self._is_begun = not self._is_begun, True
        return self._framed(encoder.line("ADDED", stored, is_first=is_first))

    def _framed(self, line: bytes) -> bytes:
        return line if self.options.frame is None else self.options.frame(line)

    def _next_of_state(self) -> bytes:
        """The next few objects in one chunk; nothing where the watch was ended meanwhile."""
        state, accepts, lines = self._state, self.options.selection, []
        if state is None:
            return b""
        for _ in range(STEP):
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
        self._open()
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

    def _queue_shown(self, show: Callable[[bool], bytes]) -> None:
        """Queue what the encoder makes; behind a state that is being told, it is the first line if nothing was told."""
        if self._state is None:
            is_first, self._is_begun = not self._is_begun, True
            self._queue(self._framed(show(is_first)))
            return
        if self._opening is None:
            self._opening = (len(self._lines), show)
        self._queue(self._framed(show(False)))

    def _open(self) -> None:
        """Make the first line behind the state what a first line is, where the state had none."""
        if self._opening is not None and not self._is_begun:
            place, show = self._opening
            if place < len(self._lines):
                self._lines[place] = self._framed(show(True))
                self._is_begun = True
        self._opening = None

    def _queue(self, line: bytes) -> None:
        if self._is_silent or self._is_over:
            return
        self._lines.append(line)
        self._wake.set()
        self._backlog += len(line)
        if self._backlog > MAX_BACKLOG:
            self._watch_client()
        if self._state is None:
            self._count_line()

    def _watch_client(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            fetches = self._fetches
            self._clock.call_later(PATIENCE, lambda: self._judge_client(fetches))

    def _judge_client(self, fetches: int) -> None:
        self._is_watched = False
        if self._fetches != fetches or self._is_over:
            return
        size = sum(map(len, self._lines))
        while size > MAX_BACKLOG:
            size -= len(self._lines.pop())
        self.end()

    def _count_line(self) -> None:
        if self._countdown is not None:
            lines, action = self._countdown
            self._countdown = (lines - 1, action) if lines > 1 else None
            if lines == 1:
                action()

    def _next_timer(self) -> asyncio.TimerHandle:
        return self._clock.call_later(max(self._next_deadline() - self._clock.monotonic(), 0.0), self._tick)

    def _next_deadline(self) -> float:
        return min(self._ends_at, self._bookmark_at) if self.options.wants_bookmarks else self._ends_at

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if now >= self._ends_at:
            self.end()
            return
        if now >= self._bookmark_at:
            self._bookmark_at = self._next_bookmark()
            if self._progress() > self._knows:
                self.tell_bookmark()
        self._timer = self._next_timer()

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
