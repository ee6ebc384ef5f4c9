"""All cached kinds: declared, filled, watched over, and viewed as they stand at one instant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from reconcilekit.cache.health import HealthState, KindHealth, SegmentHealth, combine
from reconcilekit.cache.index import Log
from reconcilekit.cache.listeners import CacheListener, Listeners
from reconcilekit.cache.reconnect import ReflectorSettings
from reconcilekit.cache.reflector import Reflector
from reconcilekit.cache.scope import Scope, ScopeConflictError
from reconcilekit.cache.source import ListWatch
from reconcilekit.cache.store import Change, Store
from reconcilekit.cache.supervisor import Supervisor
from reconcilekit.cache.timeline import Timeline
from reconcilekit.cache.view import UndeclaredKindError, View
from reconcilekit.classification import Classifier, default_classifier
from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey, Resource

_logger = logging.getLogger("reconcilekit.cache")


class CacheClosedError(Exception):
    """The cache was closed, so what was waited for never comes."""


@attrs.define(kw_only=True)
class _Kind:
    store: Store
    health: dict[str, SegmentHealth]
    supervisors: tuple[Supervisor, ...] = ()
    tasks: tuple[asyncio.Task[None], ...] = ()
    undecodable: tuple[ObjectKey, ...] = ()
    state: HealthState = HealthState.STARTING


class Cache:
    """One store per kind, each kept up to date by its reflector.

    All methods but those of a `View` are for the event loop's thread.

    Args:
        client: how the server is read.
        clock: time and chance.
        log: where failures are reported; by default the logger "reconcilekit.cache".
        classifier: gives the verdicts on failed lists and watches; by default the default one.
        settings: how kinds are listed and watched.
    """

    def __init__(
        self,
        client: ListWatch,
        *,
        clock: Clock,
        log: Log | None = None,
        classifier: Classifier | None = None,
        settings: ReflectorSettings | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._log: Log = log or _logger
        self._classifier = classifier or default_classifier(clock=clock)
        self._settings = settings or ReflectorSettings()
        self._timeline = Timeline()
        self._kinds: dict[Resource, _Kind] = {}
        self._stores: dict[Resource, Store] = {}
        self._listeners = Listeners(self._log)
        self._waiters: set[asyncio.Future[None]] = set()
        self._is_running = False
        self._is_closed = False

    def __repr__(self) -> str:
        synced = sum(store.is_synced for store in self._stores.values())
        return f"<Cache at {self.sequence}: {len(self._stores)} kinds, {synced} synced>"

    @property
    def sequence(self) -> int:
        """How many changes there have been, of any kind."""
        return self._timeline.sequence

    # --- declaring and running

    def declare(self, resource: Resource, *, scope: Scope | None = None) -> Store:
        """Have a kind cached, before or after the start; callers that declare the same kind share its store.

        Args:
            resource: the kind; where anybody declares it optional, its proven absence is taken as its content.
            scope: which part of it; by default what was declared already, or else all of it.

        Raises:
            ScopeConflictError: it was declared with another scope.
            CacheClosedError: this cache has been closed.
        """
        self._check_usable()
        kind = self._kinds.get(resource)
        if kind is None:
            return self._add(resource, scope or Scope())
        if scope is not None and scope != kind.store.scope:
            raise ScopeConflictError(
                f"{resource}: declared with the scope ({scope}), but it is cached with ({kind.store.scope}) already; "
                "declare it with one scope, wide enough for everybody"
            )
        if resource.is_optional:
            kind.store.resource = resource
        return kind.store

    async def start(self) -> None:
        """Begin to fill the stores of all declared kinds; doesn't wait for them, see `wait_synced`.

        Raises:
            RuntimeError: it was started before.
            CacheClosedError: it has been closed.
        """
        self._check_usable()
        if self._is_running:
            raise RuntimeError("Cache.start: already started; start it once")
        self._is_running = True
        for kind in self._kinds.values():
            self._run(kind)

    async def aclose(self) -> None:
        """End all reflectors; what is cached can still be read. May be called twice."""
        self._is_closed = True
        tasks = [task for kind in self._kinds.values() for task in kind.tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._wake_waiters()

    def relist(self, resource: Resource) -> None:
        """Have the kind listed afresh: by a list that begins after this call, at once where its watch is open.

        Raises:
            UndeclaredKindError: it isn't cached.
        """
        for supervisor in self._kind(resource).supervisors:
            supervisor.relist()

    # --- reading

    def view(self) -> View:
        """All kinds as they are now, for as long as the view is open."""
        return View(self._stores, self._timeline)

    def store(self, resource: Resource) -> Store:
        """The store of a kind.

        Raises:
            UndeclaredKindError: it isn't cached.
        """
        return self._kind(resource).store

    def is_synced(self, resource: Resource) -> bool:
        """True once the kind's cache is whole: all was listed, or it is optional (as given here) and proven absent.

        It stays so when the kind can't be read later; see `is_readable`.

        Raises:
            UndeclaredKindError: it isn't cached.
        """
        store = self._kind(resource).store
        return store.is_synced and (resource.is_optional or store.is_listed)

    def is_readable(self, resource: Resource) -> bool:
        """True where what is cached of the kind is whole and followed, or its absence is proven and optional.

        Raises:
            UndeclaredKindError: it isn't cached.
        """
        kind = self._kind(resource)
        allowed = kind.state is HealthState.SYNCED or (resource.is_optional and kind.state is HealthState.ABSENT)
        return allowed and kind.store.is_synced

    def health(self) -> Mapping[Resource, KindHealth]:
        """How each declared kind fares."""
        return {resource: combine(kind.health, undecodable=kind.undecodable) for resource, kind in self._kinds.items()}

    async def wait_synced(self, resources: Iterable[Resource]) -> None:
        """Return once `is_synced` holds for all of `resources`; bound it with the clock's timeout.

        Raises:
            UndeclaredKindError: one of them isn't cached.
            CacheClosedError: the cache was closed first.
        """
        awaited = tuple(resources)
        while not all(self.is_synced(resource) for resource in awaited):
            self._check_usable()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def subscribe(self, listener: CacheListener) -> Callable[[], None]:
        """Tell `listener` of everything from now on; gives a function that ends it."""
        return self._listeners.add(listener)

    # --- what reflectors tell

    def applied(self, store: Store, changes: Sequence[Change]) -> None:
        """For reflectors: a store has come further."""
        self._listeners.applied(store.resource, changes)
        kind, undecodable = self._kinds[store.resource], tuple(store.undecodable)
        if kind.undecodable != undecodable:
            kind.undecodable = undecodable
            self._listeners.health_changed(store.resource)
        self._wake_waiters()

    def fared(self, store: Store, segment: str, state: HealthState, message: str) -> None:
        """For reflectors: how reading a segment goes."""
        kind = self._kinds[store.resource]
        health = kind.health
        before = health[segment]
        if (before.state, before.message) == (state, message):
            return
        since = before.since if before.state is state else self._clock.now()
        health[segment] = SegmentHealth(state=state, message=message, since=since)
        kind.state = combine(health).state
        self._listeners.health_changed(store.resource)
        self._wake_waiters()

    # --- inside

    def _add(self, resource: Resource, scope: Scope) -> Store:
        store = Store(resource, scope=scope, timeline=self._timeline, log=self._log)
        starting = SegmentHealth(state=HealthState.STARTING, since=self._clock.now())
        kind = _Kind(store=store, health=dict.fromkeys(scope.segments, starting))
        kind.supervisors = tuple(self._supervisor(store, segment) for segment in scope.segments)
        self._kinds[resource] = kind
        self._stores[resource] = store
        if self._is_running:
            self._run(kind)
        return store

    def _supervisor(self, store: Store, segment: str) -> Supervisor:
        reflector = Reflector(
            store,
            segment,
            client=self._client,
            clock=self._clock,
            settings=self._settings,
            classify=self._classifier.classify,
            listener=self,
            log=self._log,
        )
        return Supervisor(reflector, clock=self._clock, settings=self._settings, listener=self, log=self._log)

    def _run(self, kind: _Kind) -> None:
        kind.tasks = tuple(
            asyncio.create_task(supervisor.run(), name=f"supervisor of {supervisor.reflector.name}")
            for supervisor in kind.supervisors
        )

    def _kind(self, resource: Resource) -> _Kind:
        try:
            return self._kinds[resource]
        except KeyError as error:
            raise UndeclaredKindError(resource) from error

    def _check_usable(self) -> None:
        if self._is_closed:
            raise CacheClosedError(f"{self!r}: closed; make a new one")

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
