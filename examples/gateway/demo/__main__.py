"""``make demo``: the story, a table, a picture and figures; exit status 0 only if it ended as promised."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from examples.gateway.demo.picture import Panel, draw
from examples.gateway.demo.report import conclusion, exit_status, table, write_json
from examples.gateway.demo.setting import set_up
from examples.gateway.demo.story import ALL_OR_NOTHING, NAIVE, QUICK, Pace, Story, StoryError
from examples.gateway.demo.targets import targets
from examples.gateway.demo.traffic import Traffic
from examples.gateway.envoy import EnvoyFailedError, EnvoyNotFoundError, find_envoy
from reconcilekit import RunReport, SystemClock
from reconcilekit.testing.apiserver import ApiServer

BUILD = Path("build")


INTRODUCTION = """\
Three controllers of a Gateway API implementation program two real Envoys, under steady traffic, while API faults hit
them in the middle of a reconcile. It takes about {seconds:.0f} seconds. Envoy: {envoy}
"""


async def demo(build: Path, *, pace: Pace, server: ApiServer | None = None, host: str = "127.0.0.1") -> int:
    """Tell the story; gives the exit status.

    Args:
        build: an existing folder for figures, picture and logs.
        pace: how long each part is shown.
        server: an empty API server, which takes endpoints at `host`; None starts one.
        host: where the backends listen.

    Raises:
        EnvoyNotFoundError: there's no Envoy; says how to come by one.
        EnvoyFailedError: Envoy ended.
        StoryError: something that isn't under test went wrong.
    """
    directory = build / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    clock = SystemClock()
    _say(INTRODUCTION.format(seconds=8 + 2 * pace.calm + pace.outage + pace.mayhem, envoy=find_envoy()))
    async with set_up(directory, clock=clock, server=server, host=host) as setting:
        story = Story(setting, say=_say, log=_controllers_log(directory / "controllers.log"), pace=pace)
        traffic = Traffic(targets(setting), clock=clock)
        await story.play(traffic)
    _show_verdicts(story.reports)
    slowest = max((change.seconds or 0.0 for change in story.changes), default=0.0)
    _say(f"   {len(story.changes)} changes of routes, the slowest came through after {slowest:.2f} s")
    _say("\n" + table(story.phases))
    write_json(build / "demo.json", story.phases)
    (build / "demo.svg").write_text(_picture(story, traffic), encoding="utf-8")
    _say(f"figures: {build / 'demo.json'}; picture: {build / 'demo.svg'}; every run: {directory / 'controllers.log'}")
    _say(conclusion(story.phases))
    return exit_status(story.phases)


def _picture(story: Story, traffic: Traffic) -> str:
    subtitles = {
        NAIVE: "log the error, continue, publish what there is: one failed list, once",
        ALL_OR_NOTHING: "one consistent view, one whole commit: faults throughout",
    }
    began = dict(traffic.phases)
    panels = [
        Panel(
            title=phase.name,
            subtitle=subtitles[phase.name],
            seconds=phase.seconds,
            requests=[(s.at - began[s.phase], s.trouble is not None) for s in traffic.samples if s.phase == phase.name],
            faults=[at - began[phase.name] for at in story.faults[phase.name]],
            marks=[(at - began[phase.name], label) for at, label in story.marks[phase.name]],
        )
        for phase in story.phases
        if phase.name in subtitles
    ]
    return draw(panels)


def _show_verdicts(reports: list[RunReport]) -> None:
    """Each verdict by the rule that gave it, with one example and its backoff."""
    failed = [report for report in reports if report.outcome.error is not None]
    counts = Counter((report.outcome.verdict.value, report.rule) for report in failed)
    _say("   verdicts of failed runs (each is in the log, with its backoff):")
    for (verdict, rule), number in counts.most_common():
        example = max((r for r in failed if r.rule == rule), key=lambda report: report.attempt)
        again = "" if example.next_delay is None else f", again in {example.next_delay:.3f} s"
        _say(
            f"   {number:4} x {verdict} by {rule}: {example.controller} {example.key}, attempt {example.attempt}{again}"
        )


def _controllers_log(path: Path) -> logging.Logger:
    log = logging.getLogger("reconcilekit.demo")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    log.addHandler(handler)
    return log


def _say(line: str) -> None:
    print(line, flush=True)


async def _until_told_to_stop(build: Path, pace: Pace) -> int:
    """Tell the story; SIGTERM and SIGINT end it in good order, so that no Envoy stays behind."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(demo(build, pace=pace))
    for number in (signal.SIGTERM, signal.SIGINT):
        # The second one is ignored: cancelling the cancellation would leave Envoys behind.
        loop.add_signal_handler(number, lambda: task.cancelling() or task.cancel())
    status = 2
    try:
        status = await task
    except* asyncio.CancelledError:
        _say("the demo was told to stop; its Envoys have ended")
        status = 130
    except* (EnvoyNotFoundError, EnvoyFailedError, StoryError) as group:
        for error in group.exceptions:
            _say(f"the demo can't be told: {error}")
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.gateway.demo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form of all of it, in some 20 seconds")
    pace = QUICK if parser.parse_args(arguments).quick else Pace()
    logging.basicConfig(level=logging.CRITICAL)
    BUILD.mkdir(exist_ok=True)
    return asyncio.run(_until_told_to_stop(BUILD, pace))


if __name__ == "__main__":
    sys.exit(main())
