"""Fills a store from the server: a list, then a watch from where the list stood, for ever.

Silence is distrusted. After every failure, and after a watch that ended too early or without having come any further,
the server is asked for its present version: one below ours means that it was restored to an older state, and everything
is listed anew. Every way to come back after a failure goes through one backoff, so no server can make a loop of this
(1,223 requests a second were measured with the official client's informer when watches close empty).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from reconcilekit.cache.diagnosis import (
    EXPECTED_FAILURES,
    Classify,
    Diagnosis,
    WatchEndedError,
    WentBackError,
    diagnose,
)
from reconcilekit.cache.health import HealthState
from reconcilekit.cache.index import Log
from reconcilekit.cache.listing import Lister, Listing
from reconcilekit.cache.reconnect import ReconnectBackoff, ReflectorSettings
from reconcilekit.cache.source import ListWatch
from reconcilekit.cache.store import Change, Store
from reconcilekit.cache.versions import is_older
from reconcilekit.clock import Clock
from reconcilekit.kube.objects import UndecodableObject
from reconcilekit.kube.watch import WatchEvent

EMPTY_WATCHES = 3
"""Watches in a row that opened, brought nothing and soon ended, after which the watch isn't believed any more: the kind
is called failing and is listed each time, so that it doesn't grow old behind a proxy that swallows events."""


class ReflectorListener(Protocol):
    """Whom a reflector tells; each call comes after the store has changed, in the same synchronous step."""

    def applied(self, store: Store, changes: Sequence[Change]) -> None:
        """The store has come further, by these changes or by none."""

    def fared(self, store: Store, segment: str, state: HealthState, message: str) -> None:
        """How reading a segment of the kind goes; may repeat what was told before."""


@attrs.define(kw_only=True)
class ReflectorStatistics:
    """What a reflector has done so far: lists and watches begun, fresh versions asked for, failures met."""

    lists: int = 0
    watches: int = 0
    checks: int = 0
    failures: int = 0


class Reflector:
    """Reads one kind in one namespace, or in all, into its store.

    Args:
        store: written by this reflector alone, as far as its segment goes.
        segment: one of the scope's segments: a namespace, or "" for one list over all.
        client: how the server is read.
        clock: paces retries and bounds watches.
        settings: sizes and times.
        classify: gives the verdict on a failure.
        listener: told what happens.
        log: where failures are reported, with structured fields.
    """

    def __init__(
        self,
        store: Store,
        segment: str,
        *,
        client: ListWatch,
        clock: Clock,
        settings: ReflectorSettings,
        classify: Classify,
        listener: ReflectorListener,
        log: Log,
    ) -> None:
        self.store = store
        self.segment = segment
        self.statistics = ReflectorStatistics()
        self._client = client
        self._clock = clock
        self._settings = settings
        self._classify = classify
        self._listener = listener
        self._log = log
        self._backoff = ReconnectBackoff(clock=clock, settings=settings)
        self._must_list = True
        self._must_check = False
        self._is_open = False
        self._fruitless = 0
        self._reported = ""
        self._began = clock.monotonic()

    def __repr__(self) -> str:
        doing = "watching" if self._is_open else "not watching"
        return f"<Reflector {self.name}: {doing} from {self.store.resource_version(self.segment) or 'nothing'}>"

    @property
    def name(self) -> str:
        """The kind, and the namespace if it is read one by one."""
        return f"{self.store.resource} in {self.segment}" if self.segment else str(self.store.resource)

    @property
    def is_watching(self) -> bool:
        """True while a watch is open."""
        return self._is_open

    def require_list(self) -> None:
        """Make the next thing that is begun a list; it doesn't interrupt what is under way."""
        self._must_list = True

    async def run(self) -> None:
        """List and watch until cancelled; raises only for a bug."""
        while True:
            try:
                await self._follow()
            except EXPECTED_FAILURES as error:
                await self._clock.sleep(self._decide_delay(error))
            finally:
                self._is_open = False

    async def _follow(self) -> None:
        """Come up to date, then watch until that ends in the ordinary way."""
        if self._must_check and not self._must_list:
            await self._check_version()
        while self._must_list:
            await self._list()
        await self._watch()

    # --- listing

    def _lister(self) -> Lister:
        return Lister(
            client=self._client,
            resource=self.store.resource,
            namespace=self.segment or None,
            scope=self.store.scope,
            page_size=self._settings.page_size,
            reuse=self.store.current_or,
        )

    async def _list(self) -> None:
        # Cleared before the request: whoever requires a list meanwhile wants one that begins after that.
        self._must_list = False
        self.statistics.lists += 1
        try:
            listing = await self._lister().list_all()
        except BaseException:
            self._must_list = True
            raise
        self._replace(listing)

    def _replace(self, listing: Listing) -> None:
        for undecodable in listing.undecodable:
            self._report_undecodable(undecodable)
        changes = self.store.replace(
            self.segment,
            listing.objects,
            listing.resource_version,
            undecodable={each.key: each.error for each in listing.undecodable if each.key is not None},
        )
        self._must_check = False
        self._note_readable()
        self._listener.applied(self.store, changes)

    async def _check_version(self) -> None:
        self.statistics.checks += 1
        fresh = await self._lister().fresh_version()
        reached = self.store.resource_version(self.segment)
        self._must_check = False
        if is_older(fresh, reached) is not False:
            self._must_list = True
            self._log.warning(
                "%s: the server stands at resourceVersion %r, the cache at %r; listing anew",
                self.name,
                fresh,
                reached,
                extra=self._fields(serverResourceVersion=fresh),
            )

    # --- watching

    async def _watch(self) -> None:
        self.statistics.watches += 1
        self._began = self._clock.monotonic()
        events_seen = 0
        start = self.store.resource_version(self.segment)
        try:
            bound = self._clock.timeout(self._settings.watch_timeout + self._settings.watch_grace)
            async with bound, self._open_watch() as events:
                self._note_opened()
                async for event in events:
                    self._take(event)
                    events_seen += 1
        except TimeoutError as error:
            # The server ends a watch when it was asked to; one that goes on is a half-open connection.
            raise WatchEndedError(f"the watch hadn't ended after {self._lived():.3g} s; it was dropped") from error
        if self._lived() < self._settings.settled_after:
            raise WatchEndedError(f"the watch was ended after {self._lived():.3g} s and {events_seen} events")
        self._is_open = False
        # An end that nobody asked for may be a restart from a backup; and bookmarks that repeat where we are prove no
        # more than silence does.
        is_early = self._lived() < self._settings.watch_timeout - self._settings.watch_grace
        self._must_check = is_early or self.store.resource_version(self.segment) == start

    def _lived(self) -> float:
        return self._clock.monotonic() - self._began

    def _open_watch(self) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        return self._client.watch(
            self.store.resource,
            namespace=self.segment or None,
            label_selector=self.store.scope.label_selector,
            field_selector=self.store.scope.field_selector,
            resource_version=self.store.resource_version(self.segment),
            timeout_seconds=self._settings.watch_timeout,
        )

    def _note_opened(self) -> None:
        self._is_open = True
        if self._fruitless < EMPTY_WATCHES:
            self._note_readable()

    def _take(self, event: WatchEvent) -> None:
        """Bring one event into the store and tell the listener: one synchronous step."""
        if event.error is not None:
            # What the watch would have told next is unknown, and it would fail at the same place again.
            self._must_list = True
            raise event.error
        self._fruitless = 0
        self._note_readable()
        self._listener.applied(self.store, self._apply(event))

    def _apply(self, event: WatchEvent) -> Sequence[Change]:
        version = event.resource_version
        if event.undecodable is not None:
            return self._skip(event.type, event.undecodable)
        if event.object is None:
            self._refuse_older("a bookmark", version, self.store.resource_version(self.segment))
            self.store.advance(self.segment, version)
            return ()
        if event.type == "DELETED":
            return self.store.remove(self.segment, event.object.key, version)
        here = self.store.get(event.object.key)
        if here is not None and here.meta.uid == event.object.meta.uid:
            self._refuse_older(str(here.key), version, here.meta.resource_version)
        return self.store.put(self.segment, event.object)

    def _refuse_older(self, what: str, version: str, cached: str) -> None:
        if is_older(version, cached):
            raise WentBackError(
                f"the watch brought {what} at resourceVersion {version}, older than the cached {cached}"
            )

    def _skip(self, event_type: str, undecodable: UndecodableObject) -> Sequence[Change]:
        key, version = undecodable.key, undecodable.resource_version
        if event_type == "DELETED" and key is not None:
            return self.store.remove(self.segment, key, version)
        self._report_undecodable(undecodable)
        self.store.skip(self.segment, key, version, undecodable.error)
        return ()

    def _report_undecodable(self, undecodable: UndecodableObject) -> None:
        self._log.error(
            "%s: %s can't be decoded and is skipped: %s",
            self.name,
            undecodable.key or "an object without a readable name",
            undecodable.error,
            extra=self._fields(key=str(undecodable.key), objectResourceVersion=undecodable.resource_version),
        )

    # --- failing

    def _decide_delay(self, error: Exception) -> float:
        """Take a failure in, and give the seconds to wait."""
        diagnosis = diagnose(error, self._classify, resource=self.store.resource)
        was_open = self._is_open
        self._is_open = False
        self.statistics.failures += 1
        self._fruitless += was_open and self._lived() < self._settings.settled_after
        self._must_check = True
        if diagnosis.needs_list or self._fruitless >= EMPTY_WATCHES:
            self._must_list = True
        changes = self._take_absence() if diagnosis.is_proven_absence else None
        # A watch that breaks says nothing about whether the kind can be read: the next attempt will.
        if not was_open or self._fruitless >= EMPTY_WATCHES:
            self._listener.fared(self.store, self.segment, diagnosis.state, diagnosis.message)
        if changes is not None:
            self._listener.applied(self.store, changes)
        delay = self._backoff.next_delay(at_least=diagnosis.retry_after)
        self._report_failure(diagnosis, delay)
        return delay

    def _take_absence(self) -> Sequence[Change] | None:
        """Where the kind may be absent, that it is so is its content; where not, the last content is kept."""
        self._must_list = True
        return self.store.replace(self.segment, {}, "") if self.store.resource.is_optional else None

    def _report_failure(self, diagnosis: Diagnosis, delay: float) -> None:
        # What stays as it is isn't said aloud every 30 s: an optional kind may be absent for years.
        is_known = self._reported == diagnosis.message
        self._reported = diagnosis.message
        self._log.log(
            logging.DEBUG if is_known else logging.WARNING,
            "%s: %s; trying again in %.3g s",
            self.name,
            diagnosis.message,
            delay,
            extra=self._fields(
                state=diagnosis.state.value, verdict=diagnosis.verdict, rule=diagnosis.rule, delay=delay
            ),
        )

    def _note_readable(self) -> None:
        if self._reported:
            self._reported = ""
            self._log.info("%s: read again", self.name, extra=self._fields(state=HealthState.SYNCED.value))
        self._listener.fared(self.store, self.segment, HealthState.SYNCED, "")

    def _fields(self, **more: object) -> Mapping[str, object]:
        return {
            "resource": str(self.store.resource),
            "namespace": self.segment,
            "resourceVersion": self.store.resource_version(self.segment),
            **more,
        }
