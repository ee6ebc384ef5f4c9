"""A real kube-apiserver in a world of virtual time.

It stands behind the embedded server's front, so faults, lags, records and the straight transport are the same in both
lanes. Requests block, so they take no virtual time; watches are read by threads, and before virtual time passes,
everything that the requests so far have caused must have arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import json
import queue
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs
from typing_extensions import override

from reconcilekit.clock import Clock, SystemClock
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import ApiServer
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.encoding.routes import Route
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import Turns
from reconcilekit.testing.apiserver.request_records import RequestRecord
from reconcilekit.testing.apiserver.serving import Serving
from reconcilekit.testing.apiserver.storage.watch import WatchOptions, WatchStream
from reconcilekit.testing.controlplane import ControlPlane
from tests.awaited_events import AwaitedEvents, Write, covers, route_of, version_of

QUIET = 0.02
"""Seconds without a line after which nothing more is on its way, beside what is known to come."""

LONG_QUIET = 0.3
"""The same after what may be told or not: a write to objects of which a watch selects some, the end of a kind."""

PATIENCE = 100.0
"""Seconds for what is known to come."""

GLANCE = 0.002
"""Seconds between two looks whether the watches have told something."""

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

_HOP_BY_HOP = frozenset({"host", "connection", "content-length", "accept-encoding", "transfer-encoding"})
"""Of a connection, where the front is served on a socket; this one to the real server has its own."""

_OWN_QUERY = ("timeoutSeconds", "allowWatchBookmarks")
"""Told to the front alone, since they are about time."""


class RealWorld:
    """The connections to one real server, and what comes over them: the outside of a run of virtual time."""

    def __init__(self, plane: ControlPlane, clock: Clock | None = None) -> None:
        config = plane.config()
        self._plane = plane
        self._config = config
        self._clock = clock or SystemClock()
        self._host = config.server.removeprefix("https://")
        self._tls = ssl.create_default_context(cafile=config.ca_file)
        self._connection = self._connect()
        self._feeds: list[Feed] = []
        self._lines: queue.SimpleQueue[tuple[Feed, bytes]] = queue.SimpleQueue()
        self._awaited = AwaitedEvents()
        self._quiet = 0.0
        self._is_used = False
        self.revision = 0
        self.asked = 0
        self.fronts: list[RealApiServer] = []

    def begin(self) -> None:
        """Make the server as new, for a test that lets one world run after the other."""
        if self._is_used:
            self._plane.reset()
            self._awaited.clear()
        self._is_used = True

    def ask(self, request: Request) -> Response:
        """One request, one answer."""
        self.asked += 1
        method, target = request.method, self._target(request.path, request.query)
        try:
            self._connection.request(method, target, request.body, self._headers(request))
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server closes connections that idle; nothing of this request was read then.
            self._connection.close()
            self._connection.request(method, target, request.body, self._headers(request))
            answer = self._connection.getresponse()
        made = _response(answer)
        for write in self._awaited.answered(request, made, self._feeds):
            self._note(write)
        if request.method == "POST" and made.status == 201 and request.path == _DEFINITIONS:
            self._plane.await_served(json.loads(request.body or b"{}"))
        return made

    def watch(self, request: Request, late: Callable[[int], LateStream]) -> WatchStream | Response:
        """Open a watch that feeds what `late` makes of the version that it begins at."""
        query = {name: value for name, value in request.query.items() if name not in _OWN_QUERY}
        connection = self._connect()
        connection.request("GET", self._target(request.path, query), headers=self._headers(request))
        answer = connection.getresponse()
        if answer.status != 200:
            with contextlib.closing(connection):
                return _response(answer)
        after = int(request.query.get("resourceVersion") or 0)
        # It may say nothing for as long as it likes.
        connection.sock.settimeout(None)
        feed = Feed(connection, answer, late(after), request=request, seen=after)
        self._feeds.append(feed)
        self._awaited.begun(feed, after)
        threading.Thread(target=feed.read, args=(self._lines,), name="watch", daemon=True).start()
        self._quiet = max(self._quiet, QUIET)
        return feed.late.stream

    def hang_up(self, stream: WatchStream) -> None:
        """Close the watch behind a stream."""
        for feed in [feed for feed in self._feeds if feed.late.stream is stream]:
            self._feeds.remove(feed)
            self._awaited.ended(feed)
            feed.close()

    def settle(self) -> bool:
        """See `reconcilekit.testing.virtual_time.Outside`."""
        came = False
        deadline = self._clock.monotonic() + PATIENCE
        while self._quiet or self._awaited:
            if self._clock.monotonic() > deadline:
                what = f"no event of {self._awaited}" if self._awaited else "no rest"
                raise AssertionError(f"{what} within {PATIENCE} s")
            try:
                feed, line = self._lines.get(timeout=self._quiet or QUIET)
            except queue.Empty:
                self._quiet = 0.0
                continue
            came = True
            self._hand_in(feed, line)
        return came

    def take_in(self) -> None:
        """Hand in what has come so far; where time is real, nobody waits for the rest."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._hand_in(*self._lines.get_nowait())

    def close(self) -> None:
        """Close everything."""
        for feed in self._feeds:
            feed.close()
        self._feeds.clear()
        self._connection.close()

    def _hand_in(self, feed: Feed, line: bytes) -> None:
        if feed not in self._feeds:
            return
        if not line:
            self._awaited.ended(feed)
            return
        feed.take(line)
        self.revision = max(self.revision, feed.seen)
        self._awaited.told(feed)

    def _note(self, write: Write) -> None:
        self.revision = max(self.revision, write.version)
        is_open = write.path.startswith(_DEFINITIONS) or any(f.selects and covers(f, write.path) for f in self._feeds)
        self._quiet = max(self._quiet, LONG_QUIET if is_open else QUIET)

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, context=self._tls, timeout=PATIENCE)

    def _headers(self, request: Request) -> dict[str, str]:
        kept = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        return {"authorization": self._config.authorization or "", **kept}

    def _target(self, path: str, query: Mapping[str, str]) -> str:
        return f"{path}?{urlencode(query)}" if query else path


@contextlib.asynccontextmanager
async def real_api_server(world: RealWorld, clock: Clock) -> AsyncIterator[RealApiServer]:
    """The server where time is real, or runs fast: a task hands in what its watches tell."""
    system = SystemClock()

    async def hand_in() -> None:
        while True:
            world.take_in()
            await system.sleep(GLANCE)

    task = asyncio.create_task(hand_in(), name="watches of the real server")
    try:
        yield RealApiServer(clock=clock, world=world)
    finally:
        task.cancel()


class Feed:
    """The connection of one watch."""

    def __init__(
        self,
        connection: http.client.HTTPSConnection,
        answer: http.client.HTTPResponse,
        late: LateStream,
        *,
        request: Request,
        seen: int,
    ) -> None:
        self._connection = connection
        self._answer = answer
        self.selects = "labelSelector" in request.query or "fieldSelector" in request.query
        self.path = request.path
        self.late = late
        self.seen = seen
        self.gone: set[str] = set()

    def read(self, into: queue.SimpleQueue[tuple[Feed, bytes]]) -> None:
        """Until it ends; runs in a thread."""
        told = (OSError, ValueError, http.client.HTTPException, AttributeError)
        # The response holds the socket open, and its thread is the last that looks at it.
        with contextlib.suppress(*told), contextlib.closing(self._answer):
            while line := self._answer.readline():
                into.put((self, line))
        into.put((self, b""))

    def take(self, line: bytes) -> None:
        """Tell the stream, and remember how far this has come."""
        event = json.loads(line)
        if event["type"] != "ERROR":
            self.seen = max(self.seen, version_of(event))
        if event["type"] == "DELETED":
            self.gone.add(event["object"]["metadata"]["uid"])
        self.late.take(line)
        if event["type"] == "ERROR":
            self.late.stream.end()

    def close(self) -> None:
        """Break the connection, which ends the thread."""
        # Closing alone would wait for the thread's read to end.
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


@attrs.define(kw_only=True, eq=False, slots=False)
class _RealServing(Serving):
    """Has requests answered by what is given."""

    _answer: Callable[[Request], Response | WatchStream]

    @override
    def _serve(self, record: RequestRecord, peer: User | None, request: Request) -> Response | WatchStream:
        return self._answer(request)


class RealApiServer(ApiServer):
    """A real kube-apiserver behind the embedded one's front.

    Args:
        clock: of the run.
        world: what is real about it.
    """

    def __init__(self, *, clock: Clock, world: RealWorld) -> None:
        super().__init__(clock=clock)
        self._serving = _RealServing(
            cluster=self._cluster,
            gate=self.access,
            clock=clock,
            faults=self.faults,
            requests=self.requests,
            answer=self._asked,
        )
        self._world = world
        world.fronts.append(self)
        self._streams: list[WatchStream] = []
        self._turns = Turns()
        self._lag_of: dict[str, Callable[[], float]] = {}
        self._plurals: dict[Resource, str] = {}

    @property
    def revision(self) -> int:
        """The latest that a write was answered with or that a watch told."""
        return self._world.revision

    @property
    def watches(self) -> list[WatchStream]:
        """The watches under way."""
        return list(self._streams)

    def objects(self, resource: Resource, *, namespace: str = "") -> list[dict[str, Any]]:
        """What a list gives."""
        listed = self._get(self._collection(resource, namespace))
        items: list[dict[str, Any]] = (listed or {}).get("items") or []
        return [{"kind": resource.kind, "apiVersion": resource.api_version, **item} for item in items]

    def object(self, resource: Resource, name: str, *, namespace: str = "") -> dict[str, Any] | None:
        """What a get gives, None for a 404."""
        return self._get(f"{self._collection(resource, namespace)}/{name}")

    def lag(self, plural: str, seconds: float | Callable[[], float]) -> None:
        """As the embedded server."""
        self._lag_of[plural] = seconds if callable(seconds) else lambda: seconds

    def _asked(self, request: Request) -> Response | WatchStream:
        if request.query.get("watch") in ("1", "true"):
            return self._world.watch(request, functools.partial(self._stream, request))
        return self._world.ask(request)

    def _stream(self, request: Request, after: int) -> LateStream:
        route = route_of(request.path)
        late: LateStream
        stream = WatchStream(
            clock=self._clock,
            options=WatchOptions(
                served=_kind_of(route),
                after=after,
                selection=None,
                namespace=route.namespace,
                timeout=float(request.query.get("timeoutSeconds") or 3600.0),
                wants_bookmarks=request.query.get("allowWatchBookmarks") in ("1", "true"),
            ),
            progress=lambda: late.seen if late.is_holding else self._world.revision,
            on_close=self._over,
            turns=self._turns,
        )
        late = LateStream(stream, clock=self._clock, seconds=lambda: self._lag_of.get(route.plural))
        self._streams.append(stream)
        return late

    def _over(self, stream: WatchStream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)
        self._world.hang_up(stream)

    def _collection(self, resource: Resource, namespace: str) -> str:
        root = f"/apis/{resource.api_version}" if "/" in resource.api_version else f"/api/{resource.api_version}"
        if resource not in self._plurals:
            served = (self._get(root) or {})["resources"]
            own = (each["name"] for each in served if each["kind"] == resource.kind and "/" not in each["name"])
            self._plurals[resource] = next(own)
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{within}/{self._plurals[resource]}"

    def _get(self, path: str) -> dict[str, Any] | None:
        answer = self._world.ask(Request(method="GET", path=path))
        if answer.status == 404:
            return None
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body!r}"
        found: dict[str, Any] = json.loads(answer.body)
        return found


class LateStream:
    """A stream whose lines may be held back, in their order."""

    def __init__(self, stream: WatchStream, *, clock: Clock, seconds: Callable[[], Callable[[], float] | None]) -> None:
        self.stream = stream
        self.seen = 0
        self._clock = clock
        self._seconds = seconds
        self._held: list[tuple[float, bytes]] = []

    @property
    def is_holding(self) -> bool:
        """True where lines are late."""
        return bool(self._held)

    def take(self, line: bytes) -> None:
        """Hand a line on, now or when it's due."""
        draw = self._seconds()
        if draw is None and not self._held:
            self._hand_on(line)
            return
        due = self._clock.monotonic() + (draw() if draw else 0.0)
        self._held.append((max(due, self._held[-1][0] if self._held else due), line))
        self._clock.call_later(max(self._held[-1][0] - self._clock.monotonic(), 0.0), self._release)

    def _release(self) -> None:
        while self._held and self._held[0][0] <= self._clock.monotonic():
            self._hand_on(self._held.pop(0)[1])

    def _hand_on(self, line: bytes) -> None:
        self.seen = max(self.seen, version_of(json.loads(line)))
        self.stream.tell_raw(line)


@functools.cache
def _kind_of(route: Route) -> ResourceType:
    return ResourceType(
        group=route.group,
        version=route.version,
        kind=route.plural,
        plural=route.plural,
        singular=route.plural,
        is_namespaced=True,
    )


def _response(answer: http.client.HTTPResponse) -> Response:
    headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
    return Response(status=answer.status, headers=headers, body=answer.read())
