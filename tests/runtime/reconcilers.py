"""Reconcilers, a source, and a count that several tests of the manager share."""

from __future__ import annotations

import asyncio

from reconcilekit import Context, Reconciler, Wake
from tests.runtime.world import WIDGET, World


class Counts(Reconciler):
    """Writes how often it has run; a view older than its own writes would make it write the same number again."""

    primary = WIDGET

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary:
            self.seen.append(ctx.status.get("runs", 0))
            ctx.status["runs"] = ctx.status.get("runs", 0) + 1


class Waker:
    """A source whose wake the test calls."""

    name = "test"

    def __init__(self, *, fails: int = 0) -> None:
        self.wakes: list[Wake] = []
        self.starts: list[float] = []
        self.world: World | None = None
        self.fails = fails

    async def watch(self, wake: Wake) -> None:
        self.wakes.append(wake)
        if self.world is not None:
            self.starts.append(self.world.clock.monotonic())
        if len(self.wakes) <= self.fails:
            raise OSError("the queue is down")
        await asyncio.get_running_loop().create_future()


def lists_and_watches(world: World, plural: str) -> tuple[int, int]:
    """How many whole lists, and how many watches, a manager has asked for."""
    records = [r for r in world.server.requests if r.user_agent == "tests" and r.path.endswith(f"/{plural}")]
    watches = sum("watch" in record.query for record in records)
    lists = sum("watch" not in record.query and record.query.get("limit") != "1" for record in records)
    return lists, watches
