"""ResourceQuotas: what there is of what they limit, in their status, where writes look."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.writing.quotas import QUOTAS, concerns, kind_of, usage


class ResourceQuotas:
    """The resource quota controller, for counts of objects.

    Args:
        hands: its reads and writes.
    """

    delay = 0.0
    kinds: frozenset[StorageKey] | None = None

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._limited: dict[str, set[ObjectKey]] = {}
        self._uncounted: dict[ObjectKey, None] = {}

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A quota, or anything in a namespace that has some."""
        if kind == QUOTAS:
            self._remember(event)
        elif not self._limited:
            return ()
        quotas = sorted(self._limited.get(key_of(event).namespace, ()))
        self._uncounted |= dict.fromkeys(quotas)
        return quotas

    def look_at(self, item: Hashable) -> None:
        """Count."""
        assert isinstance(item, ObjectKey)
        self._uncounted.pop(item, None)
        quota = self._hands.get(QUOTAS, item)
        if quota is None:
            return
        limits = (quota.content.get("spec") or {}).get("hard") or {}
        counted = {name: self._count(quota, name) for name in limits}
        hard = {name: limits[name] for name, count in counted.items() if count is not None}
        used = {name: str(count) for name, count in counted.items() if count is not None}
        self._hands.set_status(QUOTAS, item, {"hard": hard, "used": used})

    def catch_up(self) -> None:
        """Count what has changed since the last look, so that a controller's next write finds it counted."""
        while self._uncounted:
            self.look_at(next(iter(self._uncounted)))

    def start_over(self) -> Iterable[Hashable]:
        """Every quota."""
        self._limited.clear()
        self._uncounted.clear()
        quotas = [quota.key for quota in self._hands.select(QUOTAS)]
        for key in quotas:
            self._limited.setdefault(key.namespace, set()).add(key)
        return quotas

    def _remember(self, event: Event) -> None:
        key = key_of(event)
        known = self._limited.setdefault(key.namespace, set())
        known.discard(key)
        if event.after is not None:
            known.add(key)
        elif not known:
            del self._limited[key.namespace]

    def _count(self, quota: Stored, name: str) -> int | None:
        """How much there is, None for what nobody counts here."""
        kind = kind_of(name)
        if kind is None:
            return None
        objects = (stored.content for stored in self._hands.select(kind, quota.key.namespace))
        return sum(usage(kind, content).get(name, 0) for content in objects if concerns(quota, kind, content))
