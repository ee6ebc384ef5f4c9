"""Calls to the outside: made after the lock is given back, one at a time, in the order of what caused them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType


class Guard:
    """A lock that says so when its holder comes back, where a plain one would wait for itself for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._holder == me:
            raise RuntimeError(
                "a validator or an option of a scope called its StateStore: judge by what it is given, "
                "or read a snapshot() taken before"
            )
        self._lock.acquire()
        self._holder = me

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._holder = None
        self._lock.release()


class Outbox:
    """Calls waiting to be made, in order.

    Whoever finds nobody at it makes all that are waiting, its own and others'; whoever finds somebody leaves its
    calls there. So they never overlap, and a callee may use the store: what that causes is called after it returned.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._calls: deque[Callable[[], None]] = deque()
        self._turn = threading.Lock()

    def put(self, calls: Iterable[Callable[[], None]]) -> None:
        """Add `calls` at the end; the caller holds the store's lock, which gives them their order."""
        self._calls.extend(calls)

    def deliver(self) -> None:
        """Make the calls that wait, unless somebody is at it; a call that raises is logged, the others are made."""
        while self._calls and self._turn.acquire(blocking=False):
            try:
                self._make_all()
            finally:
                self._turn.release()

    def _make_all(self) -> None:
        while True:
            try:
                call = self._calls.popleft()
            except IndexError:
                return
            try:
                call()
            except Exception:  # noqa: BLE001 -- a listener's bug must not become the committing key's error
                self._log.exception("a listener or subscriber of a StateStore raised; the others are still called")
