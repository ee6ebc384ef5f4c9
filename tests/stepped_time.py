"""Real sockets in a time that passes by hand: a machine that stalls for seconds makes nothing late.

`VirtualClock` can't do that, since it refuses sockets: nothing says when what is on the wire has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers wait for `pass_time`."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0

    def time(self) -> float:
        """Seconds that were passed."""
        return self._passed

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once; what falls due runs in the loop's next rounds."""
        self._passed += seconds


def run_stepped(main: Callable[[SteppedLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `main(loop)` on a loop of its own."""

    async def started() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        return await main(loop)

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        return runner.run(started())
