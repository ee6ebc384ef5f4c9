"""All kinds as they stood at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from reconcilekit.cache.selection import Selection
from reconcilekit.cache.store import Store
from reconcilekit.cache.timeline import Timeline
from reconcilekit.errors import BugError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource


class ViewClosedError(Exception):
    """A view was read after it was closed: what it showed is no longer kept."""


class UndeclaredKindError(BugError):
    """A kind is read that nobody declared, so nothing is known about it.

    Attributes:
        resource: the kind.
    """

    def __init__(self, resource: Resource) -> None:
        super().__init__(f"{resource}: not declared, so it isn't cached; declare it before the cache starts")
        self.resource = resource


class View:
    """Reads that give the same however often and however late they are made, until `close`.

    Open one with `Cache.view`. Opening, reading one object and closing take the same time however much is cached.
    All methods may be called from any thread.

    Attributes:
        sequence: the instant: how many changes of any kind it contains.
    """

    def __init__(self, stores: Mapping[Resource, Store], timeline: Timeline) -> None:
        self._stores = stores
        self._timeline = timeline
        self._is_closed = False
        self.sequence = timeline.open()

    def __repr__(self) -> str:
        return f"<View at {self.sequence}{', closed' if self._is_closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        """True once it can't be read any more."""
        return self._is_closed

    def get(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        """The object as it was; None where there was none.

        Raises:
            ViewClosedError: the view was closed, before or during this read.
            UndeclaredKindError: the kind isn't cached.
            KindNotSyncedError: the kind's cache wasn't whole when this view was opened.
            OutOfScopeError: the key's namespace isn't cached.
        """
        found = self._store(resource).get_at(key, self.sequence)
        self._check_open()
        return found

    def select(self, resource: Resource, selection: Selection) -> list[RawObject]:
        """The objects that belonged to `selection`, sorted by key; raises as `get` does, and as `Store.select_at`."""
        found = self._store(resource).select_at(selection, self.sequence)
        # Closed in the meantime, it may have lost versions under the reader's hands.
        self._check_open()
        return found

    def close(self) -> None:
        """Let go of what only this view needed; may be called twice."""
        with self._timeline.lock:
            if not self._is_closed:
                self._is_closed = True
                self._timeline.close(self.sequence)

    def _store(self, resource: Resource) -> Store:
        self._check_open()
        try:
            return self._stores[resource]
        except KeyError as error:
            raise UndeclaredKindError(resource) from error

    def _check_open(self) -> None:
        if self._is_closed:
            raise ViewClosedError(
                f"view at {self.sequence}: closed, because its run has ended or was abandoned; open a new one"
            )
