"""Several controllers in one process: one client, one cache per kind, one StateStore, one start and one end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping

from tenacity.stop import StopBaseT
from tenacity.wait import WaitBaseT

from reconcilekit.cache.cache import Cache
from reconcilekit.cache.scope import Scope
from reconcilekit.cache.selection import IndexFunction
from reconcilekit.classification import Classifier, default_classifier
from reconcilekit.clock import Clock, SystemClock
from reconcilekit.errors import ConfigError
from reconcilekit.kube.client import Client
from reconcilekit.kube.resource import Resource
from reconcilekit.runtime.absence import AbsenceConfirmer
from reconcilekit.runtime.comparison import NoOps
from reconcilekit.runtime.declaration import check_declaration
from reconcilekit.runtime.events import EventRecorder
from reconcilekit.runtime.options import (
    CONCURRENCY,
    RECHECK_SECONDS,
    TIMEOUT,
    ControllerOptions,
    ControllerStatistics,
)
from reconcilekit.runtime.reconciler import Reconciler
from reconcilekit.runtime.reports import ReportListener, RunReport
from reconcilekit.runtime.services import Services
from reconcilekit.runtime.session import ManagerHealth, Session
from reconcilekit.runtime.watchdog import Watchdog
from reconcilekit.runtime.workers import BringsWorkers, DaemonThreads, Workers
from reconcilekit.state import StateStore

DRAIN_SECONDS = 25.0
"""Seconds that runs may go on after a SIGTERM: under the 30 s after which Kubernetes kills a pod."""


class Manager:
    """Runs controllers until it's told to stop.

    Args:
        client: of the API server; None connects as kubeconfig or the pod's service account say.
        name: of the whole: the field manager of what it writes, the component of its events, and in its user agent.
            A client that is handed in brings it; without one the default is "reconcilekit". Keep it: fields that were
            written under another name are no longer its own to remove.
        clock: time and chance; by default the client's.
        state: the StateStore that its controllers publish to; None makes one.
        classifier: gives foreign errors their verdict, such as ``mine | default_classifier()``.
        workers: where `def` reconciles run; None makes daemon threads or, on a virtual clock, threads that it steps.
        drain: seconds that runs may go on once it stops.
        log: for its records.

    Raises:
        ValueError: the client writes under another name.
        TypeError: the client is no Client, or the classifier no Classifier; says what to write.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        name: str | None = None,
        clock: Clock | None = None,
        state: StateStore | None = None,
        classifier: Classifier | None = None,
        workers: Workers | None = None,
        drain: float = DRAIN_SECONDS,
        log: logging.Logger | None = None,
    ) -> None:
        _check_client(client)
        _check_classifier(classifier)
        self.name = _agreed_name(name, client)
        self.state = state or StateStore()
        self._client = client
        self._clock: Clock = clock or (SystemClock() if client is None else client.clock)
        self._classifier = classifier or default_classifier(clock=self._clock)
        self._workers = workers
        self._drain = drain
        self._log = log or logging.getLogger("reconcilekit")
        self._registered: list[tuple[Reconciler, ControllerOptions]] = []
        self._scopes: dict[Resource, Scope] = {}
        self._indexes: list[tuple[Resource, str, IndexFunction]] = []
        self._listeners: list[ReportListener] = []
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"<Manager {self.name} controllers={[reconciler.name for reconciler, _ in self._registered]}>"

    def add(
        self,
        reconciler: Reconciler,
        *,
        concurrency: int = CONCURRENCY,
        timeout: float = TIMEOUT,
        recheck_after: float = RECHECK_SECONDS,
        wait: WaitBaseT | None = None,
        stop: StopBaseT | None = None,
    ) -> Manager:
        """Run this reconciler's keys, too; gives the manager, so that calls can be chained.

        Args:
            reconciler: yours.
            concurrency: keys that run at once.
            timeout: seconds a reconcile may take before it's abandoned and retried.
            recheck_after: seconds until a config error is looked at again by itself.
            wait: any tenacity wait strategy, for the delays after transient errors; None takes full jitter up to
                5 ms * 2**n and 1000 s.
            stop: any tenacity stop strategy. Nothing is ever given up: where it says stop, the key is retried every
                five minutes and its primary has the condition Stalled until it has succeeded. None never says stop.

        Raises:
            TypeError: the class can't work, or an option is of a wrong type; says which line to write.
            ValueError: there's one of that name, or an option isn't positive.
            RuntimeError: the manager is running.
        """
        self._check_not_running("add")
        check_declaration(reconciler)
        if any(other.name == reconciler.name for other, _ in self._registered):
            raise ValueError(f"there are two controllers named {reconciler.name!r}; set name on one of the classes")
        options = ControllerOptions(
            concurrency=concurrency, timeout=timeout, recheck_after=recheck_after, wait=wait, stop=stop
        )
        self._registered.append((reconciler, options))
        return self

    def scope(self, resource: Resource, scope: Scope) -> Manager:
        """Cache only a part of a kind: some namespaces, or what selectors match. Reads outside it are refused.

        Raises:
            RuntimeError: the manager is running.
        """
        self._check_not_running("scope")
        self._scopes[resource] = scope
        return self

    def index(self, resource: Resource, name: str, function: IndexFunction) -> Manager:
        """Add an index that ``ctx.select(resource, index=(name, value))`` looks up.

        Raises:
            RuntimeError: the manager is running.
        """
        self._check_not_running("index")
        self._indexes.append((resource, name, function))
        return self

    def subscribe(self, listener: ReportListener) -> Callable[[], None]:
        """Tell `listener` of each run; gives the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: then take no more, let runs finish, cancel what doesn't, and return.

        Raises:
            SystemExit: it can't start for a reason that the message tells, such as a kubeconfig that isn't there.
        """
        try:
            asyncio.run(self._run_until_signal())
        except ConfigError as error:
            # Whoever starts it reads what to mend, not where in here that was noticed.
            raise SystemExit(f"{self.name} can't start: {error}") from error

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Manager]:
        """Run for the length of an ``async with`` block.

        Raises:
            RuntimeError: it is running already, or has no controller.
        """
        self._check_not_running("running")
        self._check_has_controllers()
        # What was begun is ended in reverse, also where a later step of the start fails.
        async with contextlib.AsyncExitStack() as stack:
            client = await self._connect(stack)
            workers = self._workers or self._own_workers(stack)
            session = Session(self._services(client, workers), self._registered, self._log, self._report)
            self._session = session
            stack.callback(self._forget_session)
            self._watch_loop(stack)
            stack.push_async_callback(session.stop, grace=self._drain)
            for resource, name, function in self._indexes:
                session.declare(resource, self._scopes).add_index(name, function)
            await session.start(self._scopes)
            yield self

    def health(self) -> ManagerHealth:
        """How it fares now.

        Raises:
            RuntimeError: it isn't running.
        """
        return self._running_session().health()

    def statistics(self) -> Mapping[str, ControllerStatistics]:
        """Counts of each controller, by its name.

        Raises:
            RuntimeError: it isn't running.
        """
        return {controller.name: controller.statistics() for controller in self._running_session().controllers}

    @property
    def is_idle(self) -> bool:
        """True where every controller has started and nothing runs or waits for the cache; delays may be pending."""
        session = self._running_session()
        return not session.waiting and all(controller.is_idle for controller in session.controllers)

    def _running_session(self) -> Session:
        if self._session is None:
            raise RuntimeError(f"manager {self.name!r} isn't running; call it within: async with manager.running()")
        return self._session

    def _check_not_running(self, method: str) -> None:
        if self._session is not None:
            raise RuntimeError(f"manager {self.name!r} is running; call {method}() before it starts or after it ends")

    def _check_has_controllers(self) -> None:
        if not self._registered:
            raise RuntimeError(
                f"manager {self.name!r} has no controller, so it would do nothing; call add(YourReconciler()) first"
            )

    def _forget_session(self) -> None:
        self._session = None

    def _report(self, report: RunReport) -> None:
        for listener in list(self._listeners):
            try:
                listener(report)
            except Exception:  # noqa: BLE001 -- a listener's failure is its own
                self._log.exception("a listener of runs failed")

    async def _run_until_signal(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with self.running():
            await stop.wait()
            self._log.info("%s stops", self.name)

    def _watch_loop(self, stack: contextlib.AsyncExitStack) -> None:
        if isinstance(self._clock, SystemClock):  # a simulation's loop may stand as long as it likes
            watchdog = Watchdog(clock=self._clock, log=self._log.getChild("watchdog"))
            watchdog.start()
            stack.callback(watchdog.stop)

    async def _connect(self, stack: contextlib.AsyncExitStack) -> Client:
        if self._client is not None:
            return self._client
        from reconcilekit.kube.connect import connect

        client = connect(name=self.name, clock=self._clock)
        stack.push_async_callback(client.aclose)
        return client

    def _own_workers(self, stack: contextlib.AsyncExitStack) -> Workers:
        if isinstance(self._clock, BringsWorkers):
            return self._clock.workers()
        threads = DaemonThreads(name=self.name)
        stack.callback(threads.close)
        return threads

    def _services(self, client: Client, workers: Workers) -> Services:
        cache = Cache(client, clock=self._clock, classifier=self._classifier, log=self._log.getChild("cache"))
        return Services(
            client=client,
            cache=cache,
            state=self.state,
            clock=self._clock,
            classifier=self._classifier,
            workers=workers,
            absence=AbsenceConfirmer(client, stores=cache.store, sequence=lambda: cache.sequence),
            events=EventRecorder(client, clock=self._clock, component=self.name, log=self._log.getChild("events")),
            no_ops=NoOps(),
            log=self._log,
        )


def _check_client(client: object) -> None:
    if isinstance(client, str):
        raise TypeError(f"Manager({client!r}): the first argument is the client; write: Manager(name={client!r})")
    if client is not None and not isinstance(client, Client):
        raise TypeError(
            f"Manager({client!r}): the client isn't a Client; leave it out to connect as kubeconfig or the pod's "
            "service account say"
        )


def _check_classifier(classifier: object) -> None:
    if classifier is not None and not isinstance(classifier, Classifier):
        rule = getattr(classifier, "__name__", "rule")
        raise TypeError(
            f"Manager(classifier={classifier!r}) isn't a Classifier; "
            f"write: classifier=Classifier([{rule}]) | default_classifier()"
        )


def _agreed_name(name: str | None, client: Client | None) -> str:
    if client is None:
        return name or "reconcilekit"
    if name is not None and name != client.field_manager:
        raise ValueError(
            f"Manager(name={name!r}) got a client whose field manager is {client.field_manager!r}; "
            "say the same name twice, or only to the client"
        )
    return client.field_manager
