"""What something costs in calls, which a busy machine doesn't change."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import attrs

T = TypeVar("T")


@attrs.define
class Calls:
    """A number that grows."""

    number: int = 0


@contextmanager
def no_collection() -> Iterator[None]:
    """The garbage collector doesn't run within: what it calls and frees is others' doing, and comes at any time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def counted() -> Iterator[Calls]:
    """The calls of this thread within, Python's and C's, the resumptions of generators included."""
    calls = Calls()

    def count(frame: FrameType, event: str, argument: object) -> None:
        calls.number += event in ("call", "c_call")

    with no_collection():
        sys.setprofile(count)
        try:
            yield calls
        finally:
            sys.setprofile(None)


def calls_of(action: Callable[[], object]) -> int:
    """The calls that an action takes."""
    with counted() as calls:
        action()
    return calls.number


async def calls_of_work(work: Awaitable[T]) -> tuple[int, T]:
    """The calls that something takes until it's done, and its result."""
    with counted() as calls:
        result = await work
    return calls.number, result
