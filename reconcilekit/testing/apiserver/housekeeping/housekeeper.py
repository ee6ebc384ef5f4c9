"""Plays a cluster's controllers: hears of every change, and does what follows from it, now or on the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Iterable
from typing import TYPE_CHECKING

from reconcilekit.clock import Clock
from reconcilekit.testing.apiserver.housekeeping.addresses import IpAddresses
from reconcilekit.testing.apiserver.housekeeping.chores import Agenda, Chore, Due, StorageKey
from reconcilekit.testing.apiserver.housekeeping.cluster import KeptCluster
from reconcilekit.testing.apiserver.housekeeping.definitions import DefinitionFinalizer
from reconcilekit.testing.apiserver.housekeeping.events import EventExpiry
from reconcilekit.testing.apiserver.housekeeping.garbage import GarbageCollector
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.namespaces import NamespaceContents, NamespaceFinalizer
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.apiserver.housekeeping.quotas import ResourceQuotas
from reconcilekit.testing.apiserver.housekeeping.tokens import TokenSecrets
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.storage import Event

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.housekeeping.workloads.life import Nodes


FIRST_RETRY = 1.0
"""Seconds until a controller that couldn't write looks again; twice as long each further time."""

LAST_RETRY = 1000.0
"""Seconds between two looks at most, as the real controllers' queues have it."""


_AT_ONCE = (NamespaceContents, TokenSecrets)
"""Who remembers nothing, and leaves nothing for later unless they couldn't write."""


class Housekeeper:
    """The controllers that the options switch on.

    It has no task and no timer while nothing is due, so that virtual time sees a stuck run as stuck.

    Args:
        cluster: what is kept.
        clock: of everything.
        options: who is at work.
    """

    def __init__(self, cluster: KeptCluster, clock: Clock, options: Housekeeping) -> None:
        self._clock = clock
        self._agenda = Agenda()
        self._chores = list(_chores(cluster, clock, options))
        self._quotas = next((chore for chore in self._chores if isinstance(chore, ResourceQuotas)), None)
        self._nodes = _nodes(cluster, options)
        self._hearers: dict[StorageKey, tuple[Chore, ...]] = {}
        self._is_working = False
        self._moment: float | None = None
        self._retries: dict[Due, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def notice(self, kind: StorageKey, event: Event) -> None:
        """Take note of a change; nothing is written yet."""
        hearers = self._hearers.get(kind)
        if hearers is None:
            heard = (chore for chore in self._chores if chore.kinds is None or kind in chore.kinds)
            hearers = self._hearers[kind] = tuple(heard)
        for chore in hearers:
            if items := chore.notice(kind, event):
                self._plan(chore, items)

    def begin(self) -> None:
        """What comes first in a server, after its first objects."""
        if self._nodes is not None:
            self._nodes.register()
        self.settle()

    def settle(self) -> None:
        """Do all that is due, and set the timer for what is later."""
        if self._is_working:
            if self._quotas is not None:
                self._quotas.catch_up()
            return
        if self._timer is None and not len(self._agenda):
            return
        self._is_working = True
        try:
            while (found := self._agenda.pop(self._clock.monotonic())) is not None:
                self._moment, due = found
                again = self._look_at(due)
                if again is not None:
                    self._agenda.add(due, self._clock.monotonic() + again)
        finally:
            self._is_working = False
            self._moment = None
            self._set_timer()

    def resume(self) -> None:
        """Go on where no timer counts: what is due was planned before there was a loop, or in one that is gone."""
        if self._agenda.times and not self._is_timed(_running_loop()):
            self.settle()

    def follow_root_certificate(self) -> None:
        """Look at whatever holds the authority's certificate."""
        for chore in self._chores:
            if isinstance(chore, _AT_ONCE):
                self._plan(chore, chore.start_over())
        self.settle()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be tried again."""
        return not self._retries

    def start_over(self, *, unsettled: Collection[StorageKey] | None = None) -> None:
        """Look at everything anew, as controllers do when they start: the storage was replaced.

        Args:
            unsettled: the kinds of which controllers like these may have left something undone; None for all. What
                waits for its time, such as Pods that become ready, is looked at all the same.
        """
        self._agenda.clear()
        self._retries.clear()
        for chore in self._chores:
            if not (isinstance(chore, _AT_ONCE) and _is_settled(chore, unsettled)):
                self._plan(chore, chore.start_over())
        self.settle()

    def __repr__(self) -> str:
        return f"<Housekeeper chores={len(self._chores)} due={len(self._agenda)}>"

    def _plan(self, chore: Chore, items: Iterable[Hashable]) -> None:
        # What follows from something that is overdue is so, too.
        since = self._clock.monotonic() if self._moment is None else self._moment
        for item in items:
            self._agenda.add(Due(chore=chore, item=item), since + chore.delay)

    def _look_at(self, due: Due) -> float | None:
        try:
            again = due.chore.look_at(due.item)
        except StatusError:
            # The server can't write for now; nothing that changes would lead to another look.
            tries = self._retries[due] = self._retries.get(due, 0) + 1
            return min(FIRST_RETRY * 2.0 ** (tries - 1), LAST_RETRY)
        if self._retries:
            self._retries.pop(due, None)
        return again

    def _is_timed(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        return self._timer is not None and self._loop is loop

    def _set_timer(self) -> None:
        at, loop = self._agenda.next_time(), _running_loop()
        if self._timer is not None and (at is None or at < self._timer_at or not self._is_timed(loop)):
            self._timer.cancel()
            self._timer = None
        if at is None or self._timer is not None or loop is None:
            return
        self._timer_at, self._loop = at, loop
        self._timer = self._clock.call_later(max(at - self._clock.monotonic(), 0.0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.settle()


def _is_settled(chore: Chore, unsettled: Collection[StorageKey] | None) -> bool:
    return unsettled is not None and chore.kinds is not None and chore.kinds.isdisjoint(unsettled)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """None where there is none: servers are made, and filled, before; the first request in one sets the timer."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _nodes(cluster: KeptCluster, options: Housekeeping) -> Nodes | None:
    if options.workloads is None:
        return None
    from reconcilekit.testing.apiserver.housekeeping.workloads.life import Nodes

    return Nodes(Hands(cluster, "kubelet"), options.workloads)


def _chores(cluster: KeptCluster, clock: Clock, options: Housekeeping) -> Iterable[Chore]:
    hands = Hands(cluster)
    yield DefinitionFinalizer(Hands(cluster, "kube-apiserver"))
    yield IpAddresses(Hands(cluster, "kube-apiserver"))
    if options.garbage_collection:
        yield GarbageCollector(hands, delay=options.delay)
    if options.namespaces:
        yield NamespaceFinalizer(hands, delay=options.delay)
    if options.namespace_contents:
        yield NamespaceContents(hands)
    if options.tokens:
        yield TokenSecrets(hands)
    if options.quotas:
        yield ResourceQuotas(hands)
    if options.event_ttl is not None:
        yield EventExpiry(hands, clock, ttl=options.event_ttl)
    if options.workloads is not None:
        from reconcilekit.testing.apiserver.housekeeping.workloads.life import workload_controllers

        yield from workload_controllers(hands, clock, options.workloads)
