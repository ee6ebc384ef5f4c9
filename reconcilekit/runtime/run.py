"""One run of one key: view, reconcile, confirm, plan, commit.

Every way in which it can end is a `RunEnd`; nothing escapes but cancellation. What the key reads is entered here, too,
since it has to happen in the same step in which the run ends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

import attrs

from reconcilekit.cache.health import HealthState, KindHealth
from reconcilekit.cache.store import Store
from reconcilekit.cache.view import View
from reconcilekit.errors import BugError, ConfigError, ReconcileError, TransientError, walk_leaves
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.absence import Contradiction
from reconcilekit.runtime.commit import Committed, Committer, Plan, Primary, plan_commit
from reconcilekit.runtime.context import Context, Surroundings
from reconcilekit.runtime.dependencies import Reads
from reconcilekit.runtime.live import LiveReader
from reconcilekit.runtime.outcomes import Outcome, Result, as_transient
from reconcilekit.runtime.own_writes import OwnWrites
from reconcilekit.runtime.publishing import owner_of
from reconcilekit.runtime.reconciler import Reconciler
from reconcilekit.runtime.services import Services
from reconcilekit.runtime.staging import Stage, StagedEvent
from reconcilekit.runtime.stalled import StalledTeller, take_back_stalled
from reconcilekit.runtime.statuses import StagedCondition
from reconcilekit.state import EntryOwnedError, StateSnapshot, VetoError

UNREADABLE_AFTER = 30.0
"""Seconds for which a kind whose watch can't be renewed still counts as followed. A shorter failure is a lag like any
other: holes are confirmed with the server, and every write is conditional, so all that a stale view costs is a retry. A
kind that is forbidden or gone counts as unreadable at once."""

CLEANUP_SECONDS = 2.0
"""Seconds that a cancelled async reconcile has at shutdown to end what it holds open, before the event loop ends."""

BUG_REASON = "ControllerBug"
"""The condition's reason where a request can never succeed as the controller sent it."""


LogSource = Callable[[], logging.LoggerAdapter[logging.Logger]]
"""Makes a run's logger, which few runs ask for."""


@attrs.frozen(kw_only=True)
class RunEnd:
    """How a run ended.

    Attributes:
        outcome: None where the run came to nothing because the view wasn't fit for it; it's repeated once it is.
        reads: what it looked at; None where it didn't get that far.
        committed: what was written, also by a commit that stopped.
        primary: as the view showed it; None where no view was opened.
        still_running: what an overrun run left behind; the key waits for it.
        state: the StateStore as the run saw it; None where it didn't get that far.
        sequence: the view's.
        live_reads: how many reads went past the view.
    """

    outcome: Outcome | None
    reads: Reads | None = None
    committed: Committed = attrs.field(factory=Committed)
    primary: Primary | None = None
    still_running: asyncio.Future[object] | None = None
    state: StateSnapshot | None = None
    sequence: int = 0
    live_reads: int = 0


class _OverranError(TransientError):
    """The run overran its time limit; what it still does is given up."""

    def __init__(self, message: str, *, left: asyncio.Future[object]) -> None:
        super().__init__(message)
        self.left = left


class Runner:
    """Runs the keys of one controller, each by itself.

    Args:
        reconciler: the user's.
        services: what it's run with.
        own_writes: of this controller.
        timeout: seconds a reconcile may take before it's abandoned.

    Attributes:
        stalled: says of primaries that they are.
    """

    def __init__(self, reconciler: Reconciler, *, services: Services, own_writes: OwnWrites, timeout: float) -> None:
        self._reconciler = reconciler
        self._at = services
        self._own_writes = own_writes
        self._timeout = timeout
        self._declared = {resource: resource for resource in reconciler.declared}
        self._stores: Mapping[Resource, Store] = {r: services.cache.store(r) for r in reconciler.declared}
        self._applicable = {(resource.api_version, resource.kind): resource for resource in reconciler.owns}
        self._committer = Committer(
            services.client, own_writes=own_writes, no_ops=services.no_ops, classifier=services.classifier
        )
        self.stalled = StalledTeller(
            services.client,
            committer=self._committer,
            store=self._stores[reconciler.primary],
            clock=services.clock,
            log=services.log,
        )

    async def run(self, key: ObjectKey, *, log: LogSource) -> RunEnd:
        """One run on a view of this moment."""
        attempt = self._begin(key, log)
        try:
            outcome, left = await self._conclude(attempt)
        finally:
            attempt.close()
        return RunEnd(
            outcome=outcome,
            reads=attempt.reads,
            committed=attempt.committed,
            primary=attempt.primary,
            still_running=left,
            state=attempt.state,
            sequence=attempt.view.sequence,
            live_reads=attempt.live.count,
        )

    def _begin(self, key: ObjectKey, log: LogSource) -> _Attempt:
        view = self._at.cache.view()
        try:
            return self._attempt(key, view, log)
        except BaseException:
            view.close()
            raise

    def _attempt(self, key: ObjectKey, view: View, log: LogSource) -> _Attempt:
        resource = self._stores[self._reconciler.primary].resource
        stage, reads = Stage(), Reads()
        if self._reconciler.publishes:
            stage.state = self._at.state.stage(owner=owner_of(self._reconciler, key), replace=True)
        live = LiveReader(self._at.client, workers=self._at.workers, namespace=key.namespace)
        state = self._at.state.snapshot()
        surroundings = Surroundings(
            controller=type(self._reconciler).__name__, primary=resource, declared=self._stores, live=live, log=log,
            applicable=self._applicable, is_namespaced=self._is_namespaced, view=view, state=state,
            now=self._at.clock.now(),
        )  # fmt: skip
        primary = Primary(
            resource=resource,
            key=key,
            raw=view.get(resource, key),
            has_status_subresource=self._has_status(resource),
        )
        return _Attempt(
            surroundings=surroundings, stage=stage, reads=reads, view=view, state=state, live=live, primary=primary
        )

    def _is_namespaced(self, resource: Resource) -> bool | None:
        # As last known: a kind that is in doubt is still cached by the keys under which it was listed.
        info = self._at.client.discovery.known(resource)
        return None if info is None else info.namespaced

    async def _conclude(self, attempt: _Attempt) -> tuple[Outcome | None, asyncio.Future[object] | None]:
        """Reconcile and commit; every failure becomes an outcome."""
        try:
            result = await self._decide(attempt)
            if not await self._is_confirmed(attempt):
                return None, None
            await self._commit(attempt, removes_finalizer=attempt.finalizes and result is None)
            return Outcome.of_result(result), None
        except _OverranError as error:
            return Outcome.of_error(error), error.left
        except Exception as error:  # noqa: BLE001 -- whatever a user's code raises has a verdict
            verdict = self._at.classifier.classify(error)
            if isinstance(verdict, EntryOwnedError | VetoError):
                # What somebody else staged is in the way: it's read, as much as by read_state, and its change wakes.
                attempt.reads.scopes.add(verdict.scope)
            return await self._state_failure(attempt, verdict), None

    async def _decide(self, attempt: _Attempt) -> Result | None:
        finalizer = self._reconciler.finalizer
        if finalizer is None or attempt.primary.raw is None:
            return await self._invoke(self._reconciler.reconcile, attempt)
        is_held = attempt.primary.has_finalizer(finalizer)
        if attempt.primary.is_deleting:
            attempt.finalizes = is_held
            return await self._invoke(self._reconciler.finalize, attempt) if is_held else None
        if not is_held:
            # Before the reconcile: what it does outside the cluster must not be forgotten, however the run ends.
            attempt.primary = await self._committer.add_finalizer(attempt.primary, finalizer, attempt.committed)
        return await self._invoke(self._reconciler.reconcile, attempt)

    async def _invoke(
        self, function: Callable[[Context], Awaitable[Result | None] | Result | None], attempt: _Attempt
    ) -> Result | None:
        running = self._start(function, attempt.context())
        try:
            # Most reconciles end in their first step, and a turn of the loop costs less than a timer.
            await self._at.clock.sleep(0)
            done = {running} if running.done() else (await asyncio.wait({running}, timeout=self._timeout))[0]
        except asyncio.CancelledError:
            _give_up(attempt, running)
            if isinstance(running, asyncio.Task):
                await asyncio.wait({running}, timeout=CLEANUP_SECONDS)
            raise
        if not done:
            _give_up(attempt, running)
            name = f"{type(self._reconciler).__name__}.{function.__name__}"
            raise _OverranError(f"{name} overran its time limit of {self._timeout:g} s", left=running)
        return _checked(_result_of(running, function.__qualname__), function.__qualname__)

    def _start(
        self, function: Callable[[Context], Awaitable[Result | None] | Result | None], ctx: Context
    ) -> asyncio.Future[object]:
        if inspect.iscoroutinefunction(function):
            # The watchdog tells by this name who blocks the loop.
            return asyncio.get_running_loop().create_task(function(ctx), name=f"{self._reconciler.name} {ctx.key}")
        return self._at.workers.submit(lambda: function(ctx))

    async def _is_confirmed(self, attempt: _Attempt) -> bool:
        """False where the server has what the run looked for in vain: then the run is thrown away.

        Raises:
            TransientError: the cache will never have it, or what was read can't be followed now.
        """
        self._check_readable(attempt.reads)
        if not attempt.reads.vain:
            return True
        vain = {(self._declared[resource], sought) for resource, sought in attempt.reads.vain}
        found = await self._at.absence.confirm(vain, view_sequence=attempt.view.sequence)
        missed = [each for each in found if not self._will_show(each, attempt.primary.key)]
        for resource in {each.resource for each in missed}:
            self._at.cache.relist(resource)
        if missed:
            subject = ", ".join(f"{each.resource.kind} {each.key}" for each in missed)
            raise TransientError(
                f"the server has {subject}, which the watch has passed without showing it; it's listed anew"
            )
        return not found

    def _will_show(self, contradiction: Contradiction, key: ObjectKey) -> bool:
        """False where the cache has passed the object's version and lacks it all the same, as after a restore."""
        resource, version = contradiction.resource, contradiction.resource_version
        if self._own_writes.await_version(key, resource, contradiction.key, version):
            return True
        return contradiction.is_shown_by(self._stores[resource])

    def _check_readable(self, reads: Reads) -> None:
        for resource in reads.resources:
            # As declared here: that another controller can do without the kind says nothing of this one.
            declared = self._declared[resource]
            if self._at.cache.is_readable(declared):
                continue
            health = self._at.cache.health()[declared]
            if health.state is not HealthState.FAILING or self._lasts(health) >= UNREADABLE_AFTER:
                raise TransientError(f"{resource} can't be read at present ({health.state}): {health.message}")

    def _lasts(self, health: KindHealth) -> float:
        return (self._at.clock.now() - health.since).total_seconds()

    async def _commit(self, attempt: _Attempt, *, removes_finalizer: bool = False) -> None:
        take_back_stalled(attempt.primary, attempt.stage)
        plan = plan_commit(
            attempt.primary, attempt.stage, view=attempt.view, no_ops=self._at.no_ops, clock=self._at.clock,
            removes_finalizer=self._reconciler.finalizer if removes_finalizer else None,
        )  # fmt: skip
        await self._carry_out(attempt, plan)

    async def _carry_out(self, attempt: _Attempt, plan: Plan) -> None:
        reads = attempt.reads
        primary = (attempt.primary.resource, attempt.primary.key)
        attempt.committed.quiet = (reads.staged.keys() - reads.objects.keys()) | {primary}
        await self._committer.commit(attempt.primary, plan, attempt.committed)
        self._at.events.send(attempt.primary, plan.events)

    async def _state_failure(self, attempt: _Attempt, verdict: ReconcileError) -> Outcome | None:
        """Say a config error in the status; nothing else of the run is committed."""
        stated = [verdict] if isinstance(verdict, ConfigError | BugError) else list(verdict.config_errors)
        if not stated or attempt.primary.raw is None:
            return Outcome.of_error(verdict)
        try:
            if not await self._is_confirmed(attempt):
                return None
            plan = self._failure_plan(attempt, stated)
            if plan is not None:
                await self._carry_out(attempt, plan)
        except Exception as error:  # noqa: BLE001 -- as above
            # A config error whose status can't be written isn't known to anybody yet: that has to be tried again.
            unsaid = "the status that tells of a config error can't be written"
            return Outcome.of_error(as_transient(self._at.classifier.classify(error), but=unsaid))
        return Outcome.of_error(verdict)

    def _failure_plan(self, attempt: _Attempt, stated: Collection[ReconcileError]) -> Plan | None:
        stage = Stage()
        if self._reconciler.ready_condition is not None:
            reason, message = _explain(stated)
            stage.stage_condition(
                StagedCondition(type=self._reconciler.ready_condition, status=False, reason=reason, message=message)
            )
            stage.events.append(StagedEvent(reason=reason, message=message, is_warning=True))
        take_back_stalled(attempt.primary, stage)
        plan = plan_commit(attempt.primary, stage, view=attempt.view, no_ops=self._at.no_ops, clock=self._at.clock)
        return None if plan.status is None else plan

    def _has_status(self, resource: Resource) -> bool:
        info = self._at.client.discovery.known(resource)
        return info is None or info.has_status


@attrs.define(kw_only=True)
class _Attempt:
    surroundings: Surroundings
    stage: Stage
    reads: Reads
    view: View
    state: StateSnapshot
    live: LiveReader
    primary: Primary
    committed: Committed = attrs.field(factory=Committed)
    finalizes: bool = False

    def context(self) -> Context:
        """What the reconcile is given."""
        primary = self.primary
        return Context(
            primary.key, primary=primary.raw, surroundings=self.surroundings, stage=self.stage, reads=self.reads
        )

    def close(self) -> None:
        """Whatever still runs can neither read nor stage any more."""
        self.stage.close()
        self.view.close()


def _give_up(attempt: _Attempt, running: asyncio.Future[object]) -> None:
    attempt.close()
    # A thread can't be cancelled. Its future stays pending instead: it's how the key learns that the thread has ended.
    if isinstance(running, asyncio.Task):
        running.cancel()
    running.add_done_callback(_retrieve)


def _retrieve(future: asyncio.Future[object]) -> None:
    if not future.cancelled():
        future.exception()  # what an abandoned run raises in the end interests nobody


def _checked(result: object, name: str) -> Result | None:
    if result is None or isinstance(result, Result):
        return result
    if inspect.iscoroutine(result):
        result.close()
        raise BugError(f"{name} is a def that returned a coroutine; write async def")
    raise BugError(f"{name} returned {result!r}; return None or Result(requeue_after=...), or raise an error")


def _result_of(running: asyncio.Future[object], name: str) -> object:
    """What the run gave; what it raised is raised: as an Exception, unless it's an order to the whole process."""
    if running.cancelled():
        raise TransientError(f"{name} was cancelled from within: something it awaited was cancelled by somebody else")
    error = running.exception()
    if error is None or isinstance(error, Exception | KeyboardInterrupt | SystemExit):
        return running.result()
    for leaf in walk_leaves(error):
        if isinstance(leaf, KeyboardInterrupt | SystemExit):
            raise leaf from error  # by itself, since in a group the event loop takes it for a failure like any other
    raise TransientError(f"{name} raised {error!r}") from error


def _explain(stated: Collection[ReconcileError]) -> tuple[str, str]:
    reasons = [error.reason if isinstance(error, ConfigError) else BUG_REASON for error in stated]
    messages = [error.message if isinstance(error, ConfigError) and error.message else str(error) for error in stated]
    return reasons[0], "; ".join(messages)
