"""``make demo``: the story, a table, a picture and figures; exit status 0 only if it ended as promised."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from collections import Counter
from pathlib import Path

from examples.gateway.demo.picture import Panel, draw
from examples.gateway.demo.report import exit_status, table, write_json
from examples.gateway.demo.setting import set_up
from examples.gateway.demo.story import ALL_OR_NOTHING, NAIVE, Story, StoryError
from examples.gateway.demo.targets import targets
from examples.gateway.demo.traffic import Traffic
from examples.gateway.envoy import EnvoyFailedError, EnvoyNotFoundError
from reconcilekit import RunReport, SystemClock

BUILD = Path("build")


async def demo(directory: Path) -> int:
    """Play the story in `directory`; gives the exit status."""
    clock = SystemClock()
    async with set_up(directory, clock=clock) as setting:
        story = Story(setting, say=_say, log=_controllers_log(directory / "controllers.log"))
        traffic = Traffic(targets(setting), clock=clock)
        await story.play(traffic)
        _show_verdicts(story.reports)
    slowest = max((change.seconds or 0.0 for change in story.changes), default=0.0)
    _say(f"   {len(story.changes)} changes, the slowest came through after {slowest:.2f} s")
    _say("\n" + table(story.phases))
    write_json(BUILD / "demo.json", story.phases)
    (BUILD / "demo.svg").write_text(_picture(story, traffic), encoding="utf-8")
    _say(f"figures: {BUILD / 'demo.json'}; picture: {BUILD / 'demo.svg'}; every run: {directory / 'controllers.log'}")
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


def main() -> int:
    """Run it; gives the exit status."""
    logging.basicConfig(level=logging.CRITICAL)
    directory = BUILD / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        return asyncio.run(demo(directory))
    except (EnvoyNotFoundError, EnvoyFailedError, StoryError) as error:
        _say(f"the demo can't be told: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
