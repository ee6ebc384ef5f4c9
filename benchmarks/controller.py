"""The same work by the framework: from the manager's start to the answer of the last status written."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys

from benchmarks.reporting import Stopwatch, tell
from benchmarks.widgets import CONFIG_MAP, IN_FLIGHT, WIDGET, Measured, config_map
from reconcilekit import Context, Manager, Reconciler, RunReport, SystemClock, Verdict
from reconcilekit.kube.connect import connect

SETTLE_SECONDS = 0.5
"""Seconds after the last write in which nothing more may happen: the echoes of all writes arrive, and wake nobody."""


TIME_LIMIT = 120.0
"""Seconds for the work: a run that gets lost would keep everybody waiting for ever."""


class WidgetReconciler(Reconciler):
    """One child and one status for each Widget."""

    primary = WIDGET
    owns = (CONFIG_MAP,)

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is None:
            return
        ctx.apply(config_map(ctx.primary))
        ctx.status["observedGeneration"] = ctx.primary["metadata"]["generation"]
        ctx.condition("Ready", True, reason="Made")


class Progress:
    """Counts the runs until every Widget has had one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.failure = ""
        self.runs = 0
        self.writes = 0
        self.is_complete = asyncio.Event()

    def __call__(self, report: RunReport) -> None:
        self.runs += 1
        self.writes += report.writes
        if report.outcome.verdict is not Verdict.DONE:
            self.failure = f"{report.key}: {report.outcome}"
        if self.runs == self._count or self.failure:
            self.is_complete.set()


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, do the work, print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controller", description=__doc__)
    parser.add_argument("--count", type=int, required=True, help="how many Widgets there are")
    tell(asyncio.run(run(parser.parse_args(arguments).count)))
    return 0


async def run(count: int) -> Measured:
    """Reconcile every Widget of the server that $KUBECONFIG names, and see that nothing more happens then."""
    clock = SystemClock()
    client = connect(name="bench")
    progress = Progress(count)
    manager = Manager(client, name="bench").add(WidgetReconciler(), concurrency=IN_FLIGHT)
    manager.subscribe(progress)
    gc.collect()
    stopwatch = Stopwatch(clock)
    async with manager.running():
        async with clock.timeout(TIME_LIMIT):
            await progress.is_complete.wait()
        measured = stopwatch.read(writes=progress.writes)
        await clock.sleep(SETTLE_SECONDS)
        if progress.failure or (progress.runs, progress.writes) != (count, measured.writes):
            raise AssertionError(f"{progress.runs} runs, {progress.writes} writes, {count} Widgets; {progress.failure}")
    await client.aclose()
    return measured


if __name__ == "__main__":
    sys.exit(main())
