"""All Envoys of one node id, as one subscriber of one scope of the StateStore.

A publication is acknowledged when every connected Envoy has all of it, warmed and with what it replaces gone; the first
refusal refuses it. With no Envoy connected it stays unanswered. An Envoy that connects later, or again, gets the whole
of it in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import attrs

from reconcilekit.state import Entry, Publication

from .messages import EncodingError
from .resources import ResourceSet, ResourceType, XdsResource, encode
from .session import Request, Response, Session


@attrs.frozen(kw_only=True)
class NodeStatistics:
    """Counters since the node was made, for tests and figures.

    Attributes:
        streams: the Envoys connected now.
        pushed: responses sent, by type.
        acked: publications that every Envoy took.
        nacked: publications that one refused, or that can't be encoded.
    """

    streams: int
    pushed: Mapping[ResourceType, int]
    acked: int
    nacked: int


class Node:
    """The subscriber for one node id; made by `AdsServer.node`.

    `offer` may be called from any thread; everything else happens on the server's event loop.

    Args:
        name: the node id, as the Envoys' bootstrap has it.
        loop: the server's event loop.
        log: refusals at warning, pushes at debug.
    """

    def __init__(self, name: str, *, loop: asyncio.AbstractEventLoop, log: logging.Logger) -> None:
        self._name = name
        self._loop = loop
        self._log = log
        self._publication: Publication | None = None
        self._target: ResourceSet | None = None
        self._generation = 0
        self._live: ResourceSet = {}
        self._connections: dict[Connection, None] = {}
        self._encoded: dict[str, tuple[str, XdsResource]] = {}
        self._pushed = dict.fromkeys(ResourceType, 0)
        self._acked = self._nacked = 0

    def __repr__(self) -> str:
        return f"<Node {self._name} generation={self._generation} {self.statistics()}>"

    @property
    def name(self) -> str:
        """The node id."""
        return self._name

    def statistics(self) -> NodeStatistics:
        """The counters as they stand."""
        return NodeStatistics(
            streams=len(self._connections), pushed=dict(self._pushed), acked=self._acked, nacked=self._nacked
        )

    def offer(self, publication: Publication) -> None:
        """Take the next publication; returns at once, whatever the thread."""
        self._loop.call_soon_threadsafe(self._take, publication)

    def connect(self, send: Callable[[Response], None]) -> Connection:
        """An Envoy's new stream: `send` is called with what is due to it, and must not block."""
        connection = Connection(self, Session(live=self._live), send)
        self._connections[connection] = None
        if self._target is not None:
            self._log.info("envoy connected", extra={"node": self._name, "generation": self._generation})
            connection.session.aim(self._target, generation=self._generation)
        return connection

    def disconnected(self, connection: Connection) -> None:
        """The stream ended; what its Envoy had is where the next one begins."""
        if self._connections.pop(connection, False) is None:
            self._live = connection.session.live
            self._conclude()

    def sent(self, responses: Iterable[Response]) -> None:
        """Count what went out, and answer the publication if that was the last that was missing."""
        for response in responses:
            self._pushed[response.kind] += 1
            self._log.debug("pushed %s", response.kind.value, extra={"node": self._name, "version": response.version})
        self._conclude()

    def _take(self, publication: Publication) -> None:
        try:
            target = self._encode(publication.entries)
        except _EntryError as error:
            self._refuse(publication, str(error), frozenset((error.key,)))
            return
        self._publication, self._target, self._generation = publication, target, publication.version
        due = [(one, one.session.aim(target, generation=publication.version)) for one in self._connections]
        for connection, responses in due:  # all aim first: one that is still settled on the last goal would count
            connection.deliver(responses)

    def _encode(self, entries: Mapping[str, Entry]) -> ResourceSet:
        kept: dict[str, tuple[str, XdsResource]] = {}
        target: dict[ResourceType, dict[str, XdsResource]] = {kind: {} for kind in ResourceType}
        for key, entry in entries.items():
            known = self._encoded.get(key)
            kept[key] = known if known and known[0] == entry.hash else (entry.hash, _encode_entry(key, entry.value))
            resource = kept[key][1]
            target[resource.kind][resource.name] = resource
        self._encoded = kept
        return target

    def _conclude(self) -> None:
        publication = self._publication
        if publication is None or not self._connections:
            return
        sessions = [connection.session for connection in self._connections]
        refusal = next((session.refusal for session in sessions if session.refusal), None)
        if refusal is not None:
            for session in sessions:
                session.rest()
            self._refuse(publication, refusal.reason, refusal.suspects)
        elif all(session.is_settled for session in sessions):
            self._publication = None
            self._acked += 1
            self._live = self._target or {}
            publication.ack()

    def _refuse(self, publication: Publication, reason: str, suspects: frozenset[str]) -> None:
        # An Envoy that connects now waits for what the store offers next: the last content that passed.
        self._publication = self._target = None
        self._nacked += 1
        self._log.warning(
            "publication refused: %s", reason, extra={"node": self._name, "generation": publication.version}
        )
        publication.nack(reason, suspects=suspects)


@attrs.frozen(eq=False)
class Connection:
    """One Envoy's stream within its node."""

    node: Node
    session: Session
    send: Callable[[Response], None]

    def handle(self, request: Request) -> None:
        """Take one request of this stream."""
        self.deliver(self.session.handle(request))

    def deliver(self, responses: list[Response]) -> None:
        """Send what is due."""
        for response in responses:
            self.send(response)
        self.node.sent(responses)

    def close(self) -> None:
        """The stream ended."""
        self.node.disconnected(self)


class _EntryError(EncodingError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def _encode_entry(key: str, value: object) -> XdsResource:
    if not isinstance(value, Mapping):
        raise _EntryError(key, f"entry {key!r} holds a {type(value).__name__}; publish proto-JSON")
    try:
        return encode(key, cast("Mapping[str, Any]", value))
    except EncodingError as error:
        raise _EntryError(key, str(error)) from error
