"""Runs what blocks (credential plugins, the official package) beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def call_in_daemon_thread(function: Callable[[], _Result], *, name: str) -> _Result:
    """What `function` returns or raises, from a thread of its own.

    Cancelling leaves the thread alone, and its result is dropped. It is a daemon because a plugin that hangs must not
    keep the process alive, as a thread of an executor would.

    Args:
        function: what blocks.
        name: of the thread.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if outcome.cancelled():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None only where `function` returned it

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as caught:  # noqa: BLE001 -- it is raised where it is awaited
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome
