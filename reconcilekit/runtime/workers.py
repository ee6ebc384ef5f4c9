"""Where a `def` reconcile runs: daemon threads of our own.

A ThreadPoolExecutor's stuck thread keeps the process alive after main has returned; a daemon thread doesn't. A thread
whose run overran its limit is given up and replaced, up to a bound, and health says how many there are.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs

T = TypeVar("T")


class Workers(Protocol):
    """Runs blocking functions beside the event loop."""

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run the function in a thread; cancelling the future doesn't stop it."""

    def call_from_thread(self, coroutine: Coroutine[object, object, T]) -> T:
        """From within such a function: run the coroutine on the event loop and wait for it."""


@attrs.frozen
class _Job:
    function: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


@runtime_checkable
class BringsWorkers(Protocol):
    """A clock that real threads would break, and that so brings workers of its own: the virtual one."""

    def workers(self) -> Workers:
        """New workers, for one run of a manager."""


class DaemonThreads:
    """Threads that are started as they're needed and kept for the next job.

    Args:
        name: prefix of the threads' names.
    """

    def __init__(self, *, name: str = "reconcile") -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = 0
        self._started = 0
        self._is_closed = False
        self._lock = threading.Lock()
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run the function in an idle thread, or a new one; the controllers' concurrency is the bound.

        What the function raises is raised by the future, but StopIteration and CancelledError, which mean something
        else there, as the cause of a RuntimeError.

        Raises:
            RuntimeError: these threads were closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"threads {self._name!r} were closed; make new ones")
            if self._idle:
                self._idle -= 1
            else:
                self._started += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        self._jobs.put(_Job(function, future, loop))
        return future

    def call_from_thread(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run the coroutine on the loop that submitted this thread's job.

        Raises:
            RuntimeError: called from anywhere but a function that was submitted here, or the loop was closed meanwhile.
        """
        loop = self._loops.get(threading.get_ident())
        if loop is None:
            coroutine.close()
            raise RuntimeError(
                "a blocking live read belongs into a def reconcile; in an async def, await the other one"
            )
        try:
            waiting = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:
            coroutine.close()
            raise
        return waiting.result()

    def close(self) -> None:
        """Let idle threads end; busy ones end after their job. Nothing more can be submitted."""
        with self._lock:
            started = 0 if self._is_closed else self._started
            self._is_closed = True
            for _ in range(started):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)
            # An idle thread would keep the run's view and stage alive until its next job.
            del job

    def _do(self, job: _Job) -> None:
        self._loops[threading.get_ident()] = job.loop
        try:
            result = job.function()
        except BaseException as error:  # noqa: BLE001 -- it is handed on, whatever it is
            self._settle(job, None, error)
        else:
            self._settle(job, result, None)
        finally:
            del self._loops[threading.get_ident()]

    def _settle(self, job: _Job, result: object, error: BaseException | None) -> None:
        with self._lock:
            self._idle += 1
        # The loop may have been closed meanwhile: then nobody waits any more.
        with suppress(RuntimeError):
            job.loop.call_soon_threadsafe(_finish, job.future, result, error)


def _finish(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration | asyncio.CancelledError):
        # A future refuses the one, and by the other it would look as if whoever awaits it had been cancelled.
        wrapped = RuntimeError(f"the function raised {type(error).__name__}")
        wrapped.__cause__ = error
        future.set_exception(wrapped)
    else:
        future.set_exception(error)
