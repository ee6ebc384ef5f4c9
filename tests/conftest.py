"""What holds for every test: how long hypothesis looks, and that nothing is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import hypothesis
import pytest
import pytest_asyncio

from reconcilekit.clock import SystemClock

# No deadline anywhere: how long one example takes on a busy machine says nothing about the code.
# `make test` draws the same examples on every run, so that it fails for a change and never by chance; finding new
# ones is the work of `make fuzz` and of everybody's own runs.
# The parent is named because hypothesis otherwise takes another one where it finds itself in CI, and would not look for
# new examples there even when told to fuzz.
_DEFAULT = hypothesis.settings.get_profile("default")
hypothesis.settings.register_profile("dev", _DEFAULT, max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", _DEFAULT, max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("fuzz", _DEFAULT, max_examples=5000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("dev")

_TURNS_TO_END = 10
"""Turns of the loop within which a task that was told to end does so: a few nested `finally` blocks."""


@pytest.fixture(autouse=True)
def _no_task_left_behind(request: pytest.FixtureRequest) -> None:
    """Fail an async test that ends while a task of its own still runs: nobody would see that task's errors."""
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("_tasks_are_watched")


@pytest_asyncio.fixture
async def _tasks_are_watched() -> AsyncIterator[None]:
    """Compare the loop's tasks before the first fixture of the test and after its last."""
    before = asyncio.all_tasks()
    yield
    clock = SystemClock()
    for _ in range(_TURNS_TO_END):
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await clock.sleep(0)
    names = ", ".join(sorted(f"{task.get_name()} ({task.get_coro()!r})" for task in left))
    pytest.fail(f"the test left {len(left)} task(s) running: {names}; await or cancel them before it ends")
