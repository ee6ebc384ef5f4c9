"""The demo's three phases, with traffic through real Envoys all the while.

1. start: the controllers come up, Gateways and routes are served.
2. naive: one failed list, one changed route, and what came of it in Envoy Gateway v1.4.0 comes of it here.
3. all or nothing: the same fault and a dozen more kinds, hundreds of times, while routes are changed and the
   controllers are restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import attrs

from examples.gateway.controllers import add_controllers, gateway_state, scope_of
from examples.gateway.demo import accesslog
from examples.gateway.demo.changes import Change, User
from examples.gateway.demo.mayhem import AGENT, Mayhem
from examples.gateway.demo.naive import NaiveController
from examples.gateway.demo.report import PhaseReport
from examples.gateway.demo.setting import CONTROLLER, INTERNAL, PUBLIC, Setting
from examples.gateway.demo.traffic import Traffic
from examples.gateway.fleet import Fleet
from examples.gateway.kinds import HTTP_ROUTE
from reconcilekit import Manager, ObjectKey, RunReport, StateStore, Verdict
from reconcilekit.testing.apiserver import Fault

START, NAIVE, ALL_OR_NOTHING = "start", "naive", "all or nothing"

HEADINGS = {
    START: "the manifests are applied, the controllers come up",
    NAIVE: "the same translation in a controller that logs an error and goes on, as Envoy Gateway v1.4.0 did",
    ALL_OR_NOTHING: "reconcilekit, under faults of many kinds, while routes are changed and it is restarted",
}

PATIENCE = 30.0
"""Seconds in which anything must have come through."""

SETTLE = 0.5
"""Seconds between Envoy's ACK and the end of a phase: requests that it met with the old state end first."""

LABEL = {"metadata": {"labels": {"reconcilekit.dev/touched": "by-the-demo"}}}
"""A change that means nothing, as patch."""

Say = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Pace:
    """How long each part is shown; longer on a machine so busy that there is too little to see by then.

    Attributes:
        calm: seconds of undisturbed traffic: enough to see that it's steady.
        outage: seconds that the demo looks at the naive controller doing nothing; it would do so for hours.
        mayhem: seconds of faults, in two halves with a restart of the controllers between them.
        failures: requests that fail in the outage, at least.
        strikes: faults that strike the controllers in the mayhem, at least.
    """

    calm: float = 4.0
    outage: float = 8.0
    mayhem: float = 40.0
    failures: int = 60
    strikes: int = 12


QUICK = Pace(calm=0.6, outage=1.5, mayhem=8.0)
"""Enough to see that all of it works, not to see how often."""


class StoryError(Exception):
    """Something that the demo takes for granted didn't happen; says what."""


@attrs.define
class Operator:
    """Runs the controllers, and restarts them.

    Attributes:
        state: of the controllers that run now.
        reports: every run of a reconciler so far.
    """

    setting: Setting
    log: logging.Logger
    state: StateStore = attrs.field(factory=gateway_state)
    reports: list[RunReport] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def controllers(self) -> AsyncIterator[Manager]:
        """A fresh start: nothing is known from before, as in a new pod."""
        at = self.setting
        self.state = gateway_state()
        client = at.connect()
        manager = Manager(client, name=CONTROLLER, clock=at.clock, state=self.state, log=self.log)
        manager.subscribe(self.reports.append)
        try:
            with Fleet(self.state, at.ads):
                async with add_controllers(manager, data_planes=at.data_plane).running():
                    yield manager
        finally:
            await client.aclose()

    async def wait_served(self) -> float:
        """Wait until both Envoys have taken what is published; seconds that it took.

        Raises:
            StoryError: they haven't in time.
        """
        clock = self.setting.clock
        started = clock.monotonic()
        while not all(self.state.snapshot()[scope_of(gateway)].verdict().is_acked for gateway in (PUBLIC, INTERNAL)):
            if clock.monotonic() - started > PATIENCE:
                raise StoryError(f"the Gateways weren't served within {PATIENCE:g} s; see the controllers' log")
            await clock.sleep(0.01)
        return clock.monotonic() - started


class Story:
    """Tells it.

    Args:
        setting: what it plays in.
        say: prints a line.
        log: for what the controllers say.
        pace: how long each part is shown.

    Attributes:
        phases: what came of each; filled once the traffic has ended.
        faults: when faults struck, in seconds of the traffic's, by phase.
        marks: what else happened, in seconds of the traffic's and in words, by phase.
        changes: what the user changed in the last phase.
    """

    def __init__(self, setting: Setting, *, say: Say, log: logging.Logger, pace: Pace = Pace()) -> None:
        self._at = setting
        self._pace = pace
        self._say = say
        self._operator = Operator(setting, log)
        self._logs = [accesslog.AccessLog(envoy.access_log) for envoy in setting.envoys.values()]
        self._chapters: list[_Chapter] = []
        self._controllers = contextlib.AsyncExitStack()
        self._told = 0
        self.phases: list[PhaseReport] = []
        self.faults: dict[str, list[float]] = {}
        self.marks: dict[str, list[tuple[float, str]]] = {START: [], NAIVE: [], ALL_OR_NOTHING: []}
        self.changes: list[Change] = []

    @property
    def reports(self) -> list[RunReport]:
        """Every run of the framework's reconcilers."""
        return self._operator.reports

    async def play(self, traffic: Traffic) -> None:
        """All of it.

        Args:
            traffic: begins as soon as the Gateways are served, and ends with the last phase.

        Raises:
            StoryError: something that isn't under test went wrong.
        """
        async with contextlib.AsyncExitStack() as until_the_end:
            self._announce(START)
            async with self._operator.controllers():
                took = await self._operator.wait_served()
                self._say(f"   Gateways and routes are served by two Envoys {took:.2f} s after the controllers' start")
                await until_the_end.enter_async_context(traffic)
                self._say(f"   from here on {traffic}")
                await self._start(traffic)
            await until_the_end.enter_async_context(self._controllers)
            self._announce(NAIVE)
            await self._naive(traffic)
            self._announce(ALL_OR_NOTHING)
            await self._all_or_nothing(traffic)
        self._report(traffic)

    def _announce(self, name: str) -> None:
        self._say(f"{list(HEADINGS).index(name) + 1}. {name}: {HEADINGS[name]}")

    async def _start(self, traffic: Traffic) -> None:
        with self._chapter(START, traffic) as chapter:
            await self._at.clock.sleep(self._pace.calm)
            chapter.converged = True

    async def _naive(self, traffic: Traffic) -> None:
        """One fault and one change; it ends when the framework's controllers have mended it."""
        at = self._at
        with self._chapter(NAIVE, traffic, must_fail=True) as chapter:
            client, state = at.connect("naive"), StateStore()
            naive = NaiveController(client, state=state, data_planes=at.data_plane, clock=at.clock)
            with Fleet(state, at.ads):
                async with naive.running():
                    await self._wait_until(lambda: bool(state.snapshot()[scope_of(PUBLIC)].entries), "routes")
                    await at.clock.sleep(self._pace.calm / 2)
                    at.server.faults.add(Fault(path="*/tokenpolicies", user_agent="naive *"))
                    await at.user.merge_patch(HTTP_ROUTE, ObjectKey("shop", "health"), LABEL)
                    await at.clock.sleep(1.0)
                    await self._wait_until(lambda: bool(naive.logged), "logged errors")
                    before = naive.reconciles
                    self._say(f"   one fault, then a label on one route. It logged: {'; '.join(naive.logged)}")
                    await at.clock.sleep(self._pace.outage)
                    await self._wait_until(lambda: _failed(traffic) >= self._pace.failures, "failed requests")
                    failed = _failed(traffic)
                    further = naive.reconciles - before
                    self._say(
                        f"   {self._pace.outage:g} s later: {further} further reconciles, {failed:,} requests failed"
                    )
            await client.aclose()
            chapter.reconciles, chapter.retries = naive.reconciles, 0
            await self._controllers.enter_async_context(self._operator.controllers())
            self._mark(traffic, "reconcilekit takes over")
            took = await self._operator.wait_served()
            await at.clock.sleep(SETTLE)
            self._say(f"   reconcilekit's controllers take over, and all is served again {took:.2f} s later")

    async def _all_or_nothing(self, traffic: Traffic) -> None:
        """Faults throughout, with a restart in the middle of them."""
        before = len(self._operator.reports)

        def is_enough() -> bool:
            # A fault that no run was repeated for shows nothing.
            reports = self._operator.reports[before:]
            return mayhem.total >= self._pace.strikes and any(r.outcome.verdict is Verdict.TRANSIENT for r in reports)

        user = User(self._at, lambda: self._operator.state)
        is_over = False
        with self._chapter(ALL_OR_NOTHING, traffic) as chapter, contextlib.ExitStack() as faults:
            mayhem = faults.enter_context(Mayhem(self._at.server, clock=self._at.clock))
            chapter.strikes = mayhem.strikes
            async with asyncio.TaskGroup() as group:
                group.create_task(user.change_routes(until=lambda: is_over))
                striking = group.create_task(mayhem.strike_watches())
                await self._at.clock.sleep(self._pace.mayhem / 2)
                await self._controllers.aclose()
                self._mark(traffic, "restart")
                self._say(f"   {mayhem.total} faults, {len(user.changes)} changes; now a restart while discovery fails")
                self._at.server.faults.add(Fault(path="/api*", user_agent=AGENT, count=4))
                async with self._operator.controllers():
                    took = await self._operator.wait_served()
                    self._say(f"   restarted; nothing was published before it was whole again, after {took:.2f} s")
                    # A slow restart is part of its half: nobody is to wait longer for it.
                    await self._at.clock.sleep(max(self._pace.mayhem / 2 - took, self._pace.mayhem / 4))
                    await self._wait_until(is_enough, "faults")
                    is_over = True
                    striking.cancel()
                    faults.close()
                    await user.wait_done()
            self.changes = user.changes
            chapter.converged = all(change.seconds is not None for change in user.changes)
        self._say(f"   {mayhem.total} faults struck the controllers:")
        for name, number in mayhem.injected.most_common():
            self._say(f"   {number:4} x {name}")

    async def _wait_until(self, is_enough: Callable[[], bool], what: str) -> None:
        clock = self._at.clock
        deadline = clock.monotonic() + PATIENCE
        while not is_enough():
            if clock.monotonic() > deadline:
                raise StoryError(f"too few {what} for a story, even {PATIENCE:g} s later; see the controllers' log")
            await clock.sleep(0.05)

    def _mark(self, traffic: Traffic, label: str) -> None:
        self.marks[traffic.phase].append((traffic.elapsed, label))

    @contextlib.contextmanager
    def _chapter(self, name: str, traffic: Traffic, *, must_fail: bool = False) -> Iterator[_Chapter]:
        """Everything that happens within belongs to this phase."""
        chapter = _Chapter(name, must_fail=must_fail)
        self._chapters.append(chapter)
        traffic.begin_phase(name)
        began, faults = self._at.clock.monotonic(), len(self._at.server.faults.log)
        yield chapter
        chapter.seconds = self._at.clock.monotonic() - began
        strikes = [hit.at for hit in self._at.server.faults.log[faults:]] + list(chapter.strikes)
        offset = self._at.clock.monotonic() - traffic.elapsed
        self.faults[name] = sorted(at - offset for at in strikes)
        # What ran before the first chapter's traffic belongs to its start.
        reports, self._told = self._operator.reports[self._told :], len(self._operator.reports)
        chapter.reconciles += len(reports)
        chapter.retries += sum(report.outcome.verdict is Verdict.TRANSIENT for report in reports)
        chapter.causes = accesslog.causes(entry for log in self._logs for entry in log.read_new() if entry.is_failure)

    def _report(self, traffic: Traffic) -> None:
        totals = traffic.totals()
        self.phases = [
            PhaseReport(
                name=chapter.name,
                seconds=chapter.seconds,
                totals=totals[chapter.name],
                faults_injected=len(self.faults[chapter.name]),
                reconciles=chapter.reconciles,
                retries=chapter.retries,
                converged=chapter.converged,
                must_fail=chapter.must_fail,
                causes=chapter.causes,
            )
            for chapter in self._chapters
        ]


def _failed(traffic: Traffic) -> int:
    return sum(sample.trouble is not None for sample in traffic.samples)


@attrs.define
class _Chapter:
    name: str
    must_fail: bool = attrs.field(default=False, kw_only=True)
    seconds: float = 0.0
    reconciles: int = 0
    retries: int = 0
    converged: bool = False
    causes: Mapping[str, int] = attrs.field(factory=dict)
    strikes: Sequence[float] = ()
