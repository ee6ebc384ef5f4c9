"""Kubernetes events about primaries: sent after the commit, in the background, and their loss fails nothing.

The same event said again within ten minutes becomes a higher count on the one that is there (as client-go's event
correlator does), so a config error that is rechecked for a week doesn't fill etcd.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import attrs

from reconcilekit.classification import is_not_found
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError
from reconcilekit.kube.client import Client
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.commit import Primary
from reconcilekit.runtime.staging import StagedEvent
from reconcilekit.runtime.statuses import timestamp

EVENT = Resource("v1", "Event")

AGGREGATION_SECONDS = 600.0
"""Seconds within which a repeated event raises the count of the one before."""

MAX_UNSENT = 1000
"""Events that wait to be sent; while the server is slow, more than these are dropped and counted in the log."""

MAX_MESSAGE = 1024
"""Characters of an event's message, by the API's validation."""

_MAX_STEM = 253 - 17
"""Characters of the primary's name in its events' names: an object's name has 253 at most, and 17 tell them apart."""


@attrs.define
class _Sent:
    name: str
    count: int
    at: float


class EventRecorder:
    """Sends events one after the other.

    Args:
        client: for the writes.
        clock: for time stamps and aggregation.
        component: who reports: the manager's name.
        log: for events that couldn't be sent.
        capacity: events remembered for aggregation.
    """

    def __init__(
        self, client: Client, *, clock: Clock, component: str, log: logging.Logger, capacity: int = 10_000
    ) -> None:
        self._client = client
        self._clock = clock
        self._component = component
        self._log = log
        self._capacity = capacity
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._unsent: asyncio.Queue[tuple[Primary, StagedEvent]] = asyncio.Queue(MAX_UNSENT)
        self._dropped = 0
        self._sender: asyncio.Task[None] | None = None

    def send(self, primary: Primary, events: Collection[StagedEvent]) -> None:
        """Send them in the background; never raises, never waits."""
        for event in events if primary.raw is not None else ():
            try:
                self._unsent.put_nowait((primary, event))
            except asyncio.QueueFull:
                self._dropped += 1
        if not self._unsent.empty() and (self._sender is None or self._sender.done()):
            self._sender = asyncio.get_running_loop().create_task(self._drain(), name="events")

    async def aclose(self) -> None:
        """Give up what wasn't sent."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait({self._sender})

    async def _drain(self) -> None:
        while not self._unsent.empty():
            primary, event = self._unsent.get_nowait()
            try:
                await self._send(primary, event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, an event's loss fails nothing
                self._log.warning(
                    "event %s about %s %s not sent: %s", event.reason, primary.resource.kind, primary.key, error
                )
        if self._dropped:
            self._log.warning("%d events dropped: the server takes them too slowly", self._dropped)
            self._dropped = 0

    async def _send(self, primary: Primary, event: StagedEvent) -> None:
        identity = _identity(primary, event)
        now = self._clock.monotonic()
        sent = self._sent.get(identity)
        namespace = primary.key.namespace or "default"
        if sent is not None and now - sent.at < AGGREGATION_SECONDS and await self._count_up(sent, namespace):
            sent.at = now
            self._sent.move_to_end(identity)
            return
        stem = primary.key.name[:_MAX_STEM].rstrip(".-")
        name = f"{stem}.{self._clock.random.getrandbits(64):016x}"
        await self._client.create(EVENT, self._event(primary, event, name, namespace))
        self._sent[identity] = _Sent(name, 1, now)
        self._sent.move_to_end(identity)
        while len(self._sent) > self._capacity:
            self._sent.popitem(last=False)

    async def _count_up(self, sent: _Sent, namespace: str) -> bool:
        """False where the event is gone: somebody deleted it."""
        sent.count += 1
        patch = {"count": sent.count, "lastTimestamp": timestamp(self._clock.now())}
        try:
            await self._client.merge_patch(EVENT, ObjectKey(namespace, sent.name), patch)
        except ApiError as error:
            if is_not_found(error):
                return False
            raise
        return True

    def _event(self, primary: Primary, event: StagedEvent, name: str, namespace: str) -> dict[str, Any]:
        assert primary.raw is not None
        now = timestamp(self._clock.now())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": primary.resource.api_version,
                "kind": primary.resource.kind,
                "namespace": primary.key.namespace,
                "name": primary.key.name,
                "uid": primary.raw.meta.uid,
                "resourceVersion": primary.raw.meta.resource_version,
            },
            "type": "Warning" if event.is_warning else "Normal",
            "reason": event.reason,
            "message": event.message[:MAX_MESSAGE],
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._component,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _identity(primary: Primary, event: StagedEvent) -> str:
    assert primary.raw is not None
    parts = (primary.raw.meta.uid, event.reason, event.message, str(event.is_warning))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
