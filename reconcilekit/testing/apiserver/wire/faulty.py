"""Requests that meet a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from reconcilekit.clock import Clock
from reconcilekit.errors import LostAnswerError, NotSentError
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.faults import WATCH_ACTIONS, Fault, TruncatedAnswerError
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs.dispatch import Answer
from reconcilekit.testing.apiserver.wire.limits import deadline_of

Serve = Callable[[Request], Awaitable[Answer]]

_BOUNDED = ("delay", "late_write")
"""The actions that go by the deadline that a request tells."""

HALF_A_LINE = b'{"type":"MODIFIED","object":{"kind":"'


class FaultyServing:
    """Answers requests as their faults have it.

    Args:
        clock: for delays.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stragglers: set[asyncio.Task[Answer]] = set()

    async def answer(self, request: Request, fault: Fault, serve: Serve) -> Answer:
        """What comes of a request that meets a fault.

        A delayed write lands even if its sender has given up: the real server's handlers go on, too.

        Args:
            request: any.
            fault: that it meets.
            serve: answers it as if there were none.

        Raises:
            LostAnswerError: the fault breaks the connection.
            NotSentError: it lets no connection come about.
        """
        try:
            deadline = deadline_of(request.query) if fault.action in _BOUNDED else None
        except StatusError:
            # Nothing waits for a request whose deadline can't be read.
            return await serve(request)
        task = asyncio.ensure_future(self._answer(request, fault, serve, deadline))
        self._stragglers.add(task)
        task.add_done_callback(self._forget_straggler)
        try:
            async with self._clock.timeout(deadline if fault.action == "delay" else None):
                return await asyncio.shield(task)
        except TimeoutError:
            task.add_done_callback(_leave)
            return status.timed_out()
        except asyncio.CancelledError:
            task.add_done_callback(_leave)
            raise

    async def _answer(self, request: Request, fault: Fault, serve: Serve, deadline: float | None) -> Answer:
        if fault.action in WATCH_ACTIONS:
            answer = await serve(request)
            if isinstance(answer, WatchStream):
                self._arm(answer, fault)
            return answer
        if fault.action == "late_write":
            return await self._land_late(request, fault, serve, deadline)
        if fault.when == "before" or fault.action == "delay":
            await self._delay(fault)
        if fault.when == "before" and fault.action in ("answer", "drop", "refuse"):
            return self._strike(request, fault)
        answer = await serve(request)
        if fault.when == "after" and fault.action != "delay":
            await self._delay(fault)
        if fault.action == "delay":
            return answer
        if fault.action == "second_try":
            _hang_up(answer)
            return await serve(request)
        if fault.action in ("half_body", "truncate") and isinstance(answer, Response):
            return self._damage(request, fault, answer)
        _hang_up(answer)
        return self._strike(request, fault)

    async def _land_late(self, request: Request, fault: Fault, serve: Serve, deadline: float | None) -> Answer:
        async def land() -> Answer:
            await self._clock.sleep(fault.lands_after)
            answer = await serve(request)
            _hang_up(answer)
            return answer

        await self._clock.sleep(fault.delay if deadline is None else deadline)
        task = asyncio.ensure_future(land())
        self._stragglers.add(task)
        task.add_done_callback(self._forget_straggler)
        return status.timed_out()

    async def _delay(self, fault: Fault) -> None:
        if fault.delay:
            await self._clock.sleep(fault.delay)

    def _forget_straggler(self, task: asyncio.Task[Answer]) -> None:
        self._stragglers.discard(task)
        if not task.cancelled():
            # Where its sender has given up, nobody else looks at how it broke.
            task.exception()

    def _strike(self, request: Request, fault: Fault) -> Response:
        if fault.action == "drop":
            raise LostAnswerError(f"{request}: the server closed the connection without an answer")
        if fault.action == "refuse":
            raise NotSentError(f"{request}: connection refused")
        return fault.response()

    def _damage(self, request: Request, fault: Fault, answer: Response) -> Response:
        if fault.action == "truncate":
            raise TruncatedAnswerError(request, answer)
        return attrs.evolve(answer, body=answer.body[: len(answer.body) // 2])

    def _arm(self, stream: WatchStream, fault: Fault) -> None:
        if fault.delay:
            self._clock.call_later(fault.delay, lambda: strike_watch(stream, fault))
        else:
            stream.call_after(fault.after_events, lambda: strike_watch(stream, fault))


def _leave(task: asyncio.Task[Answer]) -> None:
    """Nobody awaits the answer any more."""
    if not task.cancelled() and task.exception() is None:
        _hang_up(task.result())


def _hang_up(answer: Answer) -> None:
    """End a watch that nobody is going to read."""
    if isinstance(answer, WatchStream):
        answer.hang_up()


def strike_watch(stream: WatchStream, fault: Fault) -> None:
    """Do to a watch under way what the fault says."""
    match fault.action:
        case "close":
            stream.end()
        case "break":
            stream.break_off()
        case "silence":
            stream.fall_silent()
        case "half_line":
            stream.break_off(HALF_A_LINE)
        case "garbage_line":
            stream.tell_raw(b"<html>502 Bad Gateway</html>\n")
        case "error_event":
            stream.tell_error(fault.error())
