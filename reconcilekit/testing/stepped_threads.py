"""Threads for simulations: real ones, of which one runs at a time and only while the event loop waits for it.

A `def` reconcile runs up to its end, or to its next blocking live read, before anything else happens. So a simulation
of `def` reconcilers is as repeatable as one of `async def` ones.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class _Done:
    result: object
    error: BaseException | None


@attrs.frozen
class _Job:
    future: asyncio.Future[Any]
    says: queue.SimpleQueue[_Done | Coroutine[Any, Any, Any]] = attrs.field(factory=queue.SimpleQueue)
    answers: queue.SimpleQueue[_Done] = attrs.field(factory=queue.SimpleQueue)


class SteppedThreads:
    """`reconcilekit.runtime.workers.Workers` for simulations.

    A function that blocks on anything but `call_from_thread` blocks the whole simulation, for real.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, _Job] = {}

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run the function in a thread until it ends or calls the loop, and only then return."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(future)
        threading.Thread(target=self._work, args=(job, function), daemon=True).start()
        _step(job)
        return future

    def call_from_thread(self, coroutine: Coroutine[object, object, T]) -> T:
        """From within such a function: let the loop go on until the coroutine has ended.

        Raises:
            RuntimeError: called from anywhere else.
        """
        job = self._jobs.get(threading.get_ident())
        if job is None:
            coroutine.close()
            raise RuntimeError("a blocking live read belongs in a def reconcile; in an async def, await the other one")
        job.says.put(coroutine)
        answer: Any = job.answers.get()
        if answer.error is not None:
            raise answer.error
        result: T = answer.result
        return result

    def _work(self, job: _Job, function: Callable[[], object]) -> None:
        self._jobs[threading.get_ident()] = job
        try:
            said = _Done(function(), None)
        except BaseException as error:  # noqa: BLE001 -- it is handed on, whatever it is
            said = _Done(None, error)
        finally:
            del self._jobs[threading.get_ident()]
        job.says.put(said)


def _step(job: _Job) -> None:
    """Wait, for real, until the thread says something; the loop stands meanwhile."""
    said = job.says.get()
    if isinstance(said, _Done):
        _finish(job.future, said)
        return
    task = asyncio.get_running_loop().create_task(said)

    def resume(task: asyncio.Task[Any]) -> None:
        failed = asyncio.CancelledError() if task.cancelled() else task.exception()
        job.answers.put(_Done(None if failed else task.result(), failed))
        _step(job)

    task.add_done_callback(resume)


def _finish(future: asyncio.Future[Any], said: _Done) -> None:
    if future.cancelled():
        return
    if said.error is None:
        future.set_result(said.result)
    else:
        future.set_exception(said.error)
