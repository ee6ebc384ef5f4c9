"""Telling others what happened to the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from reconcilekit.cache.index import Log
from reconcilekit.cache.store import Change
from reconcilekit.kube.resource import Resource

T = TypeVar("T")


class CacheListener(Protocol):
    """Whom the cache tells, on the event loop, in the synchronous step in which it happened.

    The stores are up to date when these are called: for a relist, with all of its changes.
    """

    def changed(self, change: Change) -> None:
        """One object came, changed or went."""

    def progressed(self, resource: Resource) -> None:
        """A kind's watch has come further, by changes (told before) or by a bookmark: ask `Store.has_seen` again."""

    def health_changed(self, resource: Resource) -> None:
        """A kind fares better or worse than before: see `Cache.health`."""


class Listeners:
    """A list of listeners of which one that raises doesn't keep the others, or the reflector, from their work.

    Args:
        log: where a listener that raised is reported, with the traceback.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._listeners: tuple[CacheListener, ...] = ()

    def add(self, listener: CacheListener) -> Callable[[], None]:
        """Tell `listener` too; gives a function that ends it."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return unsubscribe

    def applied(self, resource: Resource, changes: Sequence[Change]) -> None:
        """Tell every change, in order, and then the progress."""
        for listener in self._listeners:
            for change in changes:
                self._tell(listener.changed, change)
        for listener in self._listeners:
            self._tell(listener.progressed, resource)

    def health_changed(self, resource: Resource) -> None:
        """Tell that a kind's health has changed."""
        for listener in self._listeners:
            self._tell(listener.health_changed, resource)

    def _tell(self, callback: Callable[[T], None], news: T) -> None:
        try:
            callback(news)
        except Exception:  # noqa: BLE001 -- one listener's bug is reported and costs nobody else their news
            self._log.exception("cache listener %r raised at %r; the others are told all the same", callback, news)
