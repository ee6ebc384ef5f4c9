from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from reconcilekit.clock import SystemClock
from reconcilekit.runtime.workers import DaemonThreads

ROOT = Path(__file__).parents[2]
NAME = "worker-under-test"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[DaemonThreads]:
    made = DaemonThreads(name=NAME)
    yield made
    made.close()
    for thread in threads():
        thread.join(50)
    assert threads() == []


def raises(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


async def test_what_a_function_returns_comes_back(workers: DaemonThreads) -> None:
    thread = await workers.submit(threading.current_thread)
    assert thread is not threading.current_thread()
    assert thread.daemon


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyError("spec"), ExceptionGroup("two", [ValueError(), OSError()])]
)
async def test_what_it_raises_comes_back_as_it_is(workers: DaemonThreads, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await workers.submit(raises(error))
    assert caught.value is error


@pytest.mark.parametrize("error", [StopIteration(3), asyncio.CancelledError("no")])
async def test_what_a_future_cannot_raise_comes_back_as_a_cause(workers: DaemonThreads, error: BaseException) -> None:
    """A future refuses StopIteration, and then nobody would ever hear of the run again."""
    with pytest.raises(RuntimeError) as caught:
        await asyncio.wait_for(workers.submit(raises(error)), 50)
    assert str(caught.value) == f"the function raised {type(error).__name__}"
    assert caught.value.__cause__ is error


async def test_a_thread_serves_again_also_after_an_error(workers: DaemonThreads) -> None:
    first = await workers.submit(threading.get_ident)
    with pytest.raises(ValueError):
        await workers.submit(raises(ValueError()))
    assert {await workers.submit(threading.get_ident) for _ in range(10)} == {first}
    assert len(threads()) == 1


async def test_functions_run_side_by_side(workers: DaemonThreads) -> None:
    barrier = threading.Barrier(5, timeout=50)
    await asyncio.gather(*(workers.submit(barrier.wait) for _ in range(5)))
    assert len(threads()) == 5
    await asyncio.gather(*(workers.submit(barrier.wait) for _ in range(5)))
    assert len(threads()) == 5


async def test_cancelling_stops_nothing_and_the_end_is_heard_by_nobody(workers: DaemonThreads) -> None:
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def function() -> None:
        started.set()
        go_on.wait(50)
        ended.set()
        raise ValueError("too late")

    future = workers.submit(function)
    await workers.submit(lambda: started.wait(50))
    future.cancel()
    go_on.set()
    assert await workers.submit(lambda: ended.wait(50))
    assert future.cancelled()


async def test_an_idle_thread_keeps_nothing_of_its_last_job(workers: DaemonThreads) -> None:
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    await workers.submit(lambda holds=held: None)  # type: ignore[misc]
    del held
    clock = SystemClock()
    async with clock.timeout(50):
        while gone() is not None:
            await clock.sleep(0.001)


class TestCallsFromAThread:
    async def test_a_coroutine_runs_on_the_loop_that_submitted(self, workers: DaemonThreads) -> None:
        async def where() -> tuple[asyncio.AbstractEventLoop, int]:
            return asyncio.get_running_loop(), threading.get_ident()

        loop, ident = await workers.submit(lambda: workers.call_from_thread(where()))
        assert (loop, ident) == (asyncio.get_running_loop(), threading.get_ident())

    async def test_what_it_raises_is_raised_in_the_thread(self, workers: DaemonThreads) -> None:
        async def fail() -> None:
            raise KeyError("spec")

        with pytest.raises(KeyError):
            await workers.submit(lambda: workers.call_from_thread(fail()))

    async def test_from_the_loop_itself_it_is_refused(self, workers: DaemonThreads) -> None:
        async def never() -> None:
            pytest.fail("it ran")

        with pytest.raises(RuntimeError) as caught:
            workers.call_from_thread(never())
        assert str(caught.value) == (
            "a blocking live read belongs into a def reconcile; in an async def, await the other one"
        )


def test_a_loop_that_was_closed_meanwhile_harms_no_thread() -> None:
    """The thread serves the next loop, and what was to be called on the old one says that it's closed."""
    workers = DaemonThreads(name=NAME)
    go_on, told = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    async def never() -> None:
        pytest.fail("it ran")

    def outlive() -> None:
        go_on.wait(50)
        try:
            workers.call_from_thread(never())
        except RuntimeError as error:
            failures.append(error)
        told.set()

    async def abandon() -> None:
        workers.submit(outlive)

    asyncio.run(abandon())
    go_on.set()
    assert told.wait(50)
    assert [str(error) for error in failures] == ["Event loop is closed"]
    (thread,) = threads()

    async def again() -> int:
        return await asyncio.wait_for(workers.submit(threading.get_ident), 50)

    served = asyncio.run(again())
    workers.close()
    for each in threads():
        each.join(50)
    assert served == thread.ident
    assert threads() == []


async def test_closed_threads_end_and_take_nothing_more(workers: DaemonThreads) -> None:
    await workers.submit(lambda: None)
    workers.close()
    workers.close()
    for thread in threads():
        thread.join(50)
    assert threads() == []
    with pytest.raises(RuntimeError) as caught:
        workers.submit(lambda: None)
    assert str(caught.value) == f"threads '{NAME}' were closed; make new ones"


def test_a_stuck_thread_does_not_keep_the_process_alive() -> None:
    """A ThreadPoolExecutor's would."""
    program = (
        "import asyncio, threading\n"
        "from reconcilekit.runtime.workers import DaemonThreads\n"
        "async def main():\n"
        "    started = threading.Event()\n"
        "    workers = DaemonThreads()\n"
        "    workers.submit(lambda: (started.set(), threading.Event().wait()))\n"
        "    await workers.submit(started.wait)\n"
        "asyncio.run(main())\n"
        "print('ended')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert (ended.stdout, ended.stderr) == ("ended\n", "")
