"""Long work is done a step at a time, and one step in each round of the event loop, so that it holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

from reconcilekit.kube.transport import Response

STEP = 50
"""Objects of one step: a fraction of a millisecond as JSON, a few milliseconds as protobuf."""


class Turns:
    """Who has long work to do has one step of it done after another, each in its turn.

    However many there are, a round of the event loop has a step of one of them at the most, and everybody else's work.
    """

    def __init__(self) -> None:
        self._latest: asyncio.Event | None = None

    async def next(self) -> None:
        """Return when it's the caller's turn to do one step: behind all who asked before, and in a later round."""
        before, over = self._latest, asyncio.Event()
        self._latest = over
        try:
            if before is not None:
                await before.wait()
        finally:
            asyncio.get_running_loop().call_soon(over.set)


class Steps:
    """An answer that is made a step at a time.

    Args:
        steps: does a step each time that it goes on, and returns the answer.
    """

    def __init__(self, steps: Generator[None, None, Response]) -> None:
        self._steps = steps

    def then(self, change: Callable[[Response], Response]) -> Steps:
        """The same with a last step."""

        def changed() -> Generator[None, None, Response]:
            return change((yield from self._steps))

        return Steps(changed())

    def finish(self) -> Response:
        """The answer, all at once."""
        while True:
            try:
                next(self._steps)
            except StopIteration as end:
                answer: Response = end.value
                return answer

    async def in_turns(self, turns: Turns) -> Response:
        """The answer, in the time that others leave."""
        while True:
            await turns.next()
            try:
                next(self._steps)
            except StopIteration as end:
                answer: Response = end.value
                return answer
