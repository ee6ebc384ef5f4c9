"""One run of a manager: controllers that start when their caches are whole, outside sources, and one end for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence

import attrs

from reconcilekit.backoff import Backoff, Floors
from reconcilekit.cache.health import KindHealth
from reconcilekit.cache.scope import Scope
from reconcilekit.cache.store import Change, Store
from reconcilekit.kube.resource import Resource
from reconcilekit.runtime.controller import Controller, is_being_cancelled
from reconcilekit.runtime.options import ControllerOptions
from reconcilekit.runtime.reconciler import Reconciler, Source
from reconcilekit.runtime.reports import ReportListener
from reconcilekit.runtime.services import Services
from reconcilekit.state import StateChange, StateError

SOURCE_DELAY = 0.5
"""Seconds at the most until a source that has failed for the first time is started again; doubled each time."""

SOURCE_MAX_DELAY = 30.0
"""Seconds at the most between two starts of a source that keeps failing."""

SOURCE_RESET_SECONDS = 120.0
"""Seconds that a source must have run for its failures to be forgotten."""


@attrs.frozen(kw_only=True)
class ManagerHealth:
    """What somebody on call wants to know first.

    Attributes:
        kinds: how each kind's cache fares.
        waiting: controllers that haven't started, with the kinds they wait for.
        abandoned: controllers with overrun runs that haven't ended, and how many.
        held: keys that the first publish of the StateStore waits for.
    """

    kinds: Mapping[Resource, KindHealth]
    waiting: Mapping[str, tuple[Resource, ...]]
    abandoned: Mapping[str, int]
    held: frozenset[str]


class Session:
    """One run of a manager, from start to stop.

    Args:
        services: what all its controllers share.
        registered: the reconcilers, with how they run.
        log: for its records.
        listener: told of each run.

    Attributes:
        controllers: one a reconciler.
        waiting: the kinds that those which haven't started wait for, by the controller's name.
    """

    def __init__(
        self,
        services: Services,
        registered: Sequence[tuple[Reconciler, ControllerOptions]],
        log: logging.Logger,
        listener: ReportListener,
    ) -> None:
        self._at = services
        self._log = log
        self._listener = listener
        self._registered = registered
        self._floors = Floors(services.clock)
        self.controllers: list[Controller] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.waiting: dict[str, tuple[Resource, ...]] = {}
        self._unsubscribe: list[Callable[[], None]] = []

    def declare(self, resource: Resource, scopes: Mapping[Resource, Scope]) -> Store:
        """Have a kind cached, as far as the scopes say."""
        return self._at.cache.declare(resource, scope=scopes.get(resource))

    async def start(self, scopes: Mapping[Resource, Scope]) -> None:
        """Fill the caches, and start each controller as soon as those are whole that it declares."""
        for reconciler, options in self._registered:
            for resource in reconciler.declared:
                self.declare(resource, scopes)
            self._make(reconciler, options)
        self._hold_first_publish()
        self._unsubscribe.append(self._at.cache.subscribe(self))
        for controller in self.controllers:
            self._subscribe(controller)
        await self._at.cache.start()
        for controller in self.controllers:
            self.waiting[controller.name] = controller.reconciler.declared
            self._spawn(self._start_when_whole(controller), f"start {controller.name}")

    async def stop(self, *, grace: float) -> None:
        """Start nothing more, and let what runs finish within `grace` seconds."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.gather(*(controller.stop(grace=grace) for controller in self.controllers))
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self._at.events.aclose()
        await self._at.cache.aclose()

    def health(self) -> ManagerHealth:
        """How it fares now."""
        counts = {controller.name: controller.statistics().abandoned for controller in self.controllers}
        cache = self._at.cache
        return ManagerHealth(
            kinds=cache.health(),
            waiting={
                name: tuple(resource for resource in declared if not cache.is_synced(resource))
                for name, declared in self.waiting.items()
            },
            abandoned={name: count for name, count in counts.items() if count},
            held=self._at.state.waiting_for,
        )

    # CacheListener, for health alone

    def changed(self, change: Change) -> None:
        """Each controller listens for itself."""

    def progressed(self, resource: Resource) -> None:
        """Likewise."""

    def health_changed(self, resource: Resource) -> None:
        """Say so in the log."""
        health = self._at.cache.health()[resource]
        self._log.info("%s is %s%s", resource, health.state, f": {health.message}" if health.message else "")

    def _subscribe(self, controller: Controller) -> None:
        # Each by itself, so that one's failure costs the others nothing.
        loop = asyncio.get_running_loop()
        self._unsubscribe += [
            self._at.cache.subscribe(controller),
            self._at.state.on_change(lambda change: _call_soon(loop, controller.state_changed, change)),
        ]

    def _make(self, reconciler: Reconciler, options: ControllerOptions) -> None:
        self.controllers.append(
            Controller(
                reconciler,
                services=self._at,
                backoff=Backoff(
                    wait=options.wait, stop=options.stop, clock=self._at.clock, floors=self._floors, logger=self._log
                ),
                options=options,
                listener=self._listener,
                log=self._log.getChild(reconciler.name),
            )
        )

    def _hold_first_publish(self) -> None:
        publishers = [controller for controller in self.controllers if controller.reconciler.publishes]
        if not publishers:
            return
        # A store that was released once, by an earlier run of the manager, goes on with the content it has.
        with contextlib.suppress(StateError):
            self._at.state.hold()
            self._at.state.expect(_placeholder(controller) for controller in publishers)

    async def _start_when_whole(self, controller: Controller) -> None:
        await self._at.cache.wait_synced(controller.reconciler.declared)
        del self.waiting[controller.name]
        controller.start()
        if controller.reconciler.publishes:
            self._at.state.report(_placeholder(controller))
        for source in controller.reconciler.watches:
            self._spawn(self._watch(controller, source), f"watch {source.name}")
        self._log.info("%s started", controller.name)

    async def _watch(self, controller: Controller, source: Source) -> None:
        """Keep a source running: one that ends or fails is started again, with backoff."""
        delay = SOURCE_DELAY
        while not is_being_cancelled():  # a source may swallow its own cancellation
            started = self._at.clock.monotonic()
            try:
                await source.watch(controller.wake)
                self._log.warning("source %s of %s has ended; it's started again", source.name, controller.name)
            except (Exception, asyncio.CancelledError):
                if is_being_cancelled():
                    raise
                self._log.exception("source %s of %s failed; it's started again", source.name, controller.name)
            if self._at.clock.monotonic() - started > SOURCE_RESET_SECONDS:
                delay = SOURCE_DELAY
            await self._at.clock.sleep(delay * self._at.clock.random.uniform(0.5, 1))
            delay = min(SOURCE_MAX_DELAY, delay * 2)

    def _spawn(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _placeholder(controller: Controller) -> str:
    return f"{controller.name} (not started)"


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[StateChange], None], change: StateChange) -> None:
    # The store calls on whatever thread changed it, perhaps after the loop has ended.
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, change)
