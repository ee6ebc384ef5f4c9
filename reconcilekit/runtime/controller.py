"""One reconciler's keys: what wakes them, when they run, and what follows from how they ended.

All decisions are synchronous steps on the event loop. Only `_run` awaits, and it is one task per running key.
"""

from __future__ import annotations

import asyncio
import functools
import logging

from reconcilekit.backoff import Backoff, Delay
from reconcilekit.cache.store import Change
from reconcilekit.clock import Clock
from reconcilekit.errors import ConfigError, TransientError
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.cached import CacheMatcher, CacheProgress
from reconcilekit.runtime.dependencies import Dependencies, describe
from reconcilekit.runtime.meanwhile import Meanwhile, Trigger
from reconcilekit.runtime.options import ControllerOptions, ControllerStatistics
from reconcilekit.runtime.outcomes import Outcome, Verdict, as_transient
from reconcilekit.runtime.own_writes import OwnWrites
from reconcilekit.runtime.parking import LAG_BOUND, Parking
from reconcilekit.runtime.publishing import Publisher
from reconcilekit.runtime.queue import INITIAL_PRIORITY, KeyedQueue, Taken
from reconcilekit.runtime.reconciler import Reconciler
from reconcilekit.runtime.reports import BegunRun, ReportListener, RunReport, log_report
from reconcilekit.runtime.run import RunEnd, Runner
from reconcilekit.runtime.services import Services
from reconcilekit.runtime.settling import Settler
from reconcilekit.state import StateChange

RECHECK_JITTER = 0.1
"""Part of that by which it varies, so that a thousand keys that failed together don't come back together."""

FLOOR_SPREAD = 0.1
"""Part of a server-wide pause by which keys are spread behind it: an overloaded server isn't met by all at once."""

FAULT_SECONDS = 30.0
"""Seconds until a key runs again where it can't be told what follows from its run, because of a fault."""

NOT_BEGUN = "the run couldn't begin"
"""What fails before the reconcile, such as a refused live read, says nothing of the primary."""


class Controller:
    """Runs one reconciler's keys.

    Args:
        reconciler: the user's.
        services: what runs are made with.
        backoff: of this controller; it may share server-wide floors with others.
        options: how it runs.
        listener: told of each run.
        log: for its records.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        *,
        services: Services,
        backoff: Backoff,
        options: ControllerOptions,
        listener: ReportListener,
        log: logging.Logger,
    ) -> None:
        self.reconciler = reconciler
        self.options = options
        self._at = services
        self._clock: Clock = services.clock
        self._backoff = backoff
        self._listener = listener
        self._log = log
        self._queue = KeyedQueue(clock=services.clock, on_ready=self._pump)
        self._dependencies = Dependencies(matcher=CacheMatcher(services.cache))
        self._own_writes = OwnWrites(progress=CacheProgress(services.cache), on_caught_up=self._caught_up)
        self._runner = Runner(reconciler, services=services, own_writes=self._own_writes, timeout=options.timeout)
        self._settler = Settler(reconciler, services=services, own_writes=self._own_writes)
        self._publisher = Publisher(reconciler, state=services.state, clock=services.clock, log=log)
        self._parking = Parking(clock=services.clock, on_lag=self._lagged)
        self._meanwhile = Meanwhile(self._dependencies)
        self._running: dict[ObjectKey, asyncio.Task[None]] = {}
        self._abandoned: set[ObjectKey] = set()
        self._api_groups = frozenset(resource.group for resource in reconciler.declared)
        self._faulty_predicates: set[Resource] = set()
        self._is_taking = False
        self._is_pumping = False
        self._runs = 0
        self._retries = 0
        self._bugs = 0

    @property
    def name(self) -> str:
        """The reconciler's."""
        return self.reconciler.name

    def __repr__(self) -> str:
        counts = self.statistics()
        return f"<Controller {self.name} ready={counts.ready} running={counts.running} delayed={counts.delayed}>"

    def statistics(self) -> ControllerStatistics:
        """Counts at this moment."""
        queue = self._queue.statistics()
        return ControllerStatistics(
            ready=queue.ready,
            delayed=queue.delayed,
            running=len(self._running),
            parked=len(self._parking),
            abandoned=len(self._abandoned),
            runs=self._runs,
            retries=self._retries,
            bugs=self._bugs,
        )

    @property
    def is_idle(self) -> bool:
        """True where nothing runs, waits for a slot or waits for the cache; delays may be pending."""
        return not self._running and not len(self._parking) and not self._queue.statistics().ready

    # Life

    def start(self) -> None:
        """Take up every primary in the cache, and from now on what wakes them. The caches are whole by now."""
        primaries = sorted(self._at.cache.store(self.reconciler.primary).keys())
        self._publisher.take_over(primaries)
        self._is_taking = True
        for key in primaries:
            self._queue.add(key, "first list", priority=INITIAL_PRIORITY)
        self._pump()

    async def stop(self, *, grace: float) -> None:
        """Take no more; let what runs finish; cancel what hasn't after `grace` seconds."""
        self._is_taking = False
        self._queue.clear()
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                self._log.warning("%s: %d runs cancelled after %g s", self.name, len(late), grace)
                await asyncio.wait(late)
        self._parking.clear()

    def wake(self, key: ObjectKey, reason: str) -> None:
        """Run a key for a reason of the caller's; one whose namespace isn't cached is refused with a warning."""
        scope = self._at.cache.store(self.reconciler.primary).scope
        if not scope.covers(key.namespace):
            self._log.warning(
                "%s: %s isn't run for %r: only %s of %s are cached; wake keys of those, or widen Manager.scope",
                self.name, key, reason, scope, self.reconciler.primary,
            )  # fmt: skip
            return
        self._wake(key, reason)
        self._pump()

    # What wakes keys

    def changed(self, change: Change) -> None:
        """The cache applied a change: wake who read it."""
        if not self._is_taking:
            return
        try:
            if self._passes(change):
                self._meanwhile.changed(change)
                for trigger in self._triggers(change):
                    self._hit(trigger)
        finally:
            self._own_writes.changed(change)

    def progressed(self, resource: Resource) -> None:
        """A watch has come further."""
        if self._is_taking:
            self._own_writes.progressed(resource)
            self._pump()

    def state_changed(self, change: StateChange) -> None:
        """The StateStore changed: wake who read it."""
        if self._is_taking:
            # A scope that doesn't exist is no longer held, either.
            for scope in sorted(self._dependencies.scopes if change.is_released else change.scopes):
                for key in self._dependencies.readers_of_scope(scope):
                    self._wake(key, f"state {scope} changed")
            self._pump()

    def health_changed(self, resource: Resource) -> None:
        """A kind fares better or worse: each run looks at that itself, for the kinds it has read."""

    def _passes(self, change: Change) -> bool:
        predicate = self.reconciler.predicates.get(change.resource)
        try:
            return predicate is None or predicate(change)
        except Exception:  # noqa: BLE001 -- a predicate that can't judge a change mustn't hide it
            self._report_predicate(change.resource)
            return True

    def _report_predicate(self, resource: Resource) -> None:
        if resource not in self._faulty_predicates:
            self._faulty_predicates.add(resource)
            self._log.exception(
                "%s: its predicate for %s failed; changes that it can't judge count (said once)", self.name, resource
            )

    def _triggers(self, change: Change) -> list[Trigger]:
        woken = list(self._dependencies.woken_by(change))
        triggers = [
            Trigger(key=each.key, reason=each.reason, change=change, is_by_name=each.is_by_name) for each in woken
        ]
        is_primary = change.resource == self.reconciler.primary
        if is_primary and not any(each.key == change.key and each.is_by_name for each in woken):
            triggers.append(Trigger(key=change.key, reason=describe(change), change=change, is_by_name=True))
        return triggers

    def _hit(self, trigger: Trigger) -> None:
        if trigger.is_by_name and self._own_writes.is_echo(trigger.change, trigger.key):
            return
        if not self._meanwhile.hold(trigger):
            self._wake(trigger.key, trigger.reason)

    def _wake(self, key: ObjectKey, reason: str) -> None:
        if self._meanwhile.hold_reason(key, reason):
            return
        if self._is_taking and self._backoff.event_during_backoff(key):
            self._queue.add(key, reason)

    # When they run

    def _pump(self) -> None:
        """Start runs while there's room. Not re-entered: a run that ends at once calls it from within."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._has_room():
                taken = self._queue.take()
                if taken is None:
                    return
                self._begin(taken)
        finally:
            self._is_pumping = False

    def _has_room(self) -> bool:
        # An abandoned run's thread is replaced, but not without bound: then the controller stands, and health says so.
        return (
            self._is_taking
            and len(self._running) < self.options.concurrency
            and len(self._abandoned) < self.options.concurrency
        )

    def _begin(self, taken: Taken) -> None:
        if self._own_writes.is_behind(taken.key) and not self._own_writes.has_doubts(taken.key):
            self._park(taken)
            return
        floor = self._backoff.floors.remaining(api_groups=self._api_groups)
        if floor > 0:
            self._queue.done(taken.key)
            spread = self._clock.random.uniform(0.0, FLOOR_SPREAD * floor)
            self._queue.add_after(taken.key, floor + spread, *taken.reasons)
            return
        # How this run ends says when the next one is due; an earlier wish that came due meanwhile would only repeat it.
        self._queue.cancel_delay(taken.key)
        self._meanwhile.begin(taken.key, sequence=self._at.cache.sequence)
        task = asyncio.get_running_loop().create_task(self._run(taken), name=f"{self.name} {taken.key}")
        self._running[taken.key] = task

    def _park(self, taken: Taken) -> None:
        self._queue.done(taken.key)
        self._queue.cancel_delay(taken.key)
        self._parking.add(taken.key, taken.reasons)
        self._own_writes.park(taken.key)

    def _caught_up(self, key: ObjectKey) -> None:
        for reason in self._parking.remove(key):
            self._queue.add(key, reason)
        self._pump()

    def _lagged(self, key: ObjectKey) -> None:
        """What the key waits for didn't come in time: read it live, and have the kinds that still lag listed anew."""
        reasons = self._parking.remove(key)
        unseen = self._own_writes.unseen(key)
        self._log.warning(
            "%s %s: the watch hasn't shown for %g s what this key waits for; reading it live: %s",
            self.name, key, LAG_BOUND, ", ".join(f"{resource.kind} {object_key}" for resource, object_key in unseen),
        )  # fmt: skip
        self._own_writes.forget(key)
        for resource, object_key in unseen:
            self._own_writes.doubt(key, resource, object_key)
        for resource in {resource for resource, _ in unseen}:
            self._at.cache.relist(resource)
        for reason in reasons:
            self._queue.add(key, reason)
        self._pump()

    async def _run(self, taken: Taken) -> None:
        key = taken.key
        self._runs += 1
        run = BegunRun(
            controller=self.name,
            taken=taken,
            reconcile_id=f"{self._clock.random.getrandbits(64):016x}",
            attempt=self._backoff.attempt(key),
            at=self._clock.monotonic(),
        )
        end, retry = RunEnd(outcome=None), None
        try:
            end = await self._attempt(key, run.reconcile_id)
            retry = self._count_failure(key, end.outcome)
            await self._tell_stalled(key, end, retry)
        finally:
            self._ended(run, end, retry)
            self._pump()

    async def _attempt(self, key: ObjectKey, reconcile_id: str) -> RunEnd:
        """Run the key; nothing escapes but the cancellation by `stop`."""
        try:
            return await self._settle_and_run(key, reconcile_id)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            # A run without an outcome is repeated at once, and a fault of ours would be so for ever.
            self._log.exception("%s %s: the run itself failed", self.name, key)
            return RunEnd(outcome=Outcome.of_error(self._verdict_on_fault(error)))

    def _verdict_on_fault(self, error: BaseException) -> TransientError:
        try:
            return as_transient(self._at.classifier.classify(error), but=NOT_BEGUN)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 -- an order to stop, or an error without a text
            return TransientError(f"the run itself failed with {type(error).__name__}")

    async def _tell_stalled(self, key: ObjectKey, end: RunEnd, retry: Delay | None) -> None:
        if retry is None or not retry.is_stalled or end.outcome is None or end.outcome.error is None:
            return
        try:
            await self._runner.stalled.tell(key, end.outcome.error, end.committed)
        except Exception:  # noqa: BLE001 -- how the run ended stands all the same
            self._log.exception("%s %s: it can't be said that it is stalled", self.name, key)

    async def _settle_and_run(self, key: ObjectKey, reconcile_id: str) -> RunEnd:
        while self._own_writes.has_doubts(key):
            failure = await self._settler.settle(key)
            if failure is not None:
                return RunEnd(outcome=Outcome.of_error(as_transient(failure, but=NOT_BEGUN)))
        if self._own_writes.is_behind(key):
            return RunEnd(outcome=None)
        self._meanwhile.begin(key, sequence=self._at.cache.sequence)
        return await self._runner.run(key, log=functools.partial(self._log_of, key, reconcile_id))

    def _log_of(self, key: ObjectKey, reconcile_id: str) -> logging.LoggerAdapter[logging.Logger]:
        said = {"controller": self.name, "key": str(key), "reconcile_id": reconcile_id}
        return logging.LoggerAdapter(self._log, said)

    # What follows

    def _ended(self, run: BegunRun, end: RunEnd, retry: Delay | None) -> None:
        """One synchronous step: the slot, dependencies, what came meanwhile, the next delay.

        Whatever fails in it, the slot is free and the key runs again, by which what came meanwhile is seen, too.
        """
        key = run.taken.key
        del self._running[key]
        self._release(key, end.still_running)
        try:
            delay = self._conclude(run.taken, end, retry)
        except Exception:  # noqa: BLE001 -- no fault may cost a key its next run
            delay = retry.seconds if retry is not None else FAULT_SECONDS
            self._log.exception("%s %s: a fault after its run; it runs again in %.3g s", self.name, key, delay)
            self._meanwhile.drop(key)
            if self._is_taking:
                self._queue.add_after(key, delay, "a fault after its last run")
        if end.outcome is not None:
            self._tell(run.report(end, end.outcome, next_delay=delay, now=self._clock.monotonic()))

    def _conclude(self, taken: Taken, end: RunEnd, retry: Delay | None) -> float | None:
        """Learn from the run, and schedule the next; gives the seconds until then, as `_follow` does."""
        key = taken.key
        self._learn(key, end)
        meanwhile = self._meanwhile.end(key, end, sequence=self._at.cache.sequence, state=self._at.state.snapshot())
        delay = None
        if end.outcome is not None and self._is_taking:
            is_gone = end.primary is not None and end.primary.raw is None
            delay = self._follow(key, end.outcome, retry, is_gone=is_gone)
        elif self._is_taking:
            # The view wasn't fit for it: it waits, parked, until the cache has seen what that view lacked.
            for reason in taken.reasons:
                self._queue.add(key, reason)
        for reason in meanwhile:
            self._wake(key, reason)
        return delay

    def _learn(self, key: ObjectKey, end: RunEnd) -> None:
        if end.reads is None:
            return
        if end.outcome is not None and end.outcome.verdict in (Verdict.DONE, Verdict.REQUEUE_AFTER):
            self._dependencies.replace(key, end.reads)
        else:
            self._dependencies.extend(key, end.reads)

    def _release(self, key: ObjectKey, still_running: asyncio.Future[object] | None) -> None:
        if still_running is None or still_running.done():
            self._queue.done(key)
            return
        self._abandoned.add(key)

        def ended(_: asyncio.Future[object]) -> None:
            self._abandoned.discard(key)
            self._queue.done(key)
            self._pump()

        still_running.add_done_callback(ended)

    def _count_failure(self, key: ObjectKey, outcome: Outcome | None) -> Delay | None:
        if outcome is None or not isinstance(outcome.error, TransientError):
            return None
        self._retries += 1
        return self._backoff.failed(key, outcome.error)

    def _follow(self, key: ObjectKey, outcome: Outcome, retry: Delay | None, *, is_gone: bool) -> float | None:
        """Schedule what the outcome asks for; gives the seconds until then, None where only a change wakes the key."""
        self._queue.cancel_delay(key)
        if is_gone:
            self._publisher.gone(key)
        elif outcome.is_finished:
            self._publisher.finished(key)
        if retry is not None:
            again = f"retry {retry.attempt}" if retry.attempt else "fresh view"
            self._queue.add_after(key, retry.seconds, f"{again} after {type(outcome.error).__name__}")
            return retry.seconds
        if outcome.requeue_after is not None:
            self._backoff.succeeded(key)
            self._queue.add_after(key, outcome.requeue_after, "requeue_after has elapsed")
            return outcome.requeue_after
        if is_gone:
            # Nobody can mend what is gone, so an error has no recheck, either.
            self._bugs += outcome.verdict is Verdict.BUG
            self._forget(key)
            return None
        if outcome.error is not None:
            return self._recheck(key, outcome)
        self._backoff.succeeded(key)
        return None

    def _recheck(self, key: ObjectKey, outcome: Outcome) -> float:
        self._backoff.config_error(key)
        self._bugs += outcome.verdict is Verdict.BUG
        own = outcome.error.recheck_after if isinstance(outcome.error, ConfigError) else None
        delay = (own or self.options.recheck_after) * (1 + RECHECK_JITTER * (2 * self._clock.random.random() - 1))
        self._queue.add_after(key, delay, "recheck of a config error")
        return delay

    def _forget(self, key: ObjectKey) -> None:
        self._dependencies.forget(key)
        self._backoff.forget(key)

    def _tell(self, report: RunReport) -> None:
        for tell in (functools.partial(log_report, self._log), self._listener):
            try:
                tell(report)
            except Exception:  # noqa: BLE001 -- such as an error of the user's that can't say its own text
                self._log.exception("%s %s: its run can't be reported", self.name, report.key)


def is_being_cancelled() -> bool:
    """True where somebody cancels the present task, rather than a CancelledError having come from within it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
