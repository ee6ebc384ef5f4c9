"""The two servers as the player sees them: one request in, one whole answer out."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

import attrs

from reconcilekit.errors import WireError
from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import ApiServer
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.virtual_time import VirtualClock, VirtualEventLoop

USER_AGENT = "differential/1.0"
SERVICE_RANGE = "10.0.0.0/16"
"""Where both servers take Services' addresses from."""

SECOND = 1.1
"""What a pause takes: enough for times in whole seconds to differ."""


@attrs.frozen(kw_only=True)
class Raw:
    """One answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server(Protocol):
    """A server to be played to."""

    name: str

    def send(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Raw:
        """One request."""

    def watch(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], until: Callable[[bytes], bool]
    ) -> Raw:
        """A watch up to the line for which `until` holds, or to its end."""

    def catch_up(self, path: str) -> None:
        """Have the cache before a collection know all that was written to it."""

    def pause(self) -> None:
        """Let a second pass."""

    def now(self) -> float:
        """The server's wall-clock time, in seconds since 1970."""


class Embedded:
    """Ours, on virtual time and without a socket."""

    name = "embedded"

    def __init__(self, seed: int = 1) -> None:
        self._clock = VirtualClock(seed)
        self._runner = asyncio.Runner(loop_factory=lambda: VirtualEventLoop(self._clock, limit=1e12))
        # As the real one, it has no controllers beside it, and enough addresses for a long run.
        housekeeping = attrs.evolve(Housekeeping.none(), service_range=SERVICE_RANGE)
        self.server = ApiServer(clock=self._clock, housekeeping=housekeeping)
        self._transport = self.server.transport(user_agent=USER_AGENT)

    def send(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Raw:
        """One request; what breaks the server is an answer of status 0."""
        request = Request(method=method, path=path, query=query, headers=headers, body=body or None)
        try:
            answer = self._runner.run(self._transport.send(request))
        except WireError as error:
            return Raw(status=0, headers={}, body=str(error).encode())
        except Exception as error:  # noqa: BLE001 -- a crash of the server is what this looks for
            return Raw(status=0, headers={}, body=_where(error).encode())
        return Raw(status=answer.status, headers=answer.headers, body=answer.body)

    def watch(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], until: Callable[[bytes], bool]
    ) -> Raw:
        """The lines of a watch."""
        request = Request(method="GET", path=path, query=query, headers=headers)
        try:
            return self._runner.run(self._read(request, until))
        except Exception as error:  # noqa: BLE001 -- as above
            return Raw(status=0, headers={}, body=_where(error).encode())

    def catch_up(self, path: str) -> None:
        """There is no such cache."""

    def pause(self) -> None:
        """Let a second pass."""
        self._clock.advance(SECOND)

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return self._clock.now().timestamp()

    def close(self) -> None:
        """End the loop."""
        self._runner.close()

    async def _read(self, request: Request, until: Callable[[bytes], bool]) -> Raw:
        stream = await self._transport.open(request)
        lines: list[bytes] = []
        rest = b""
        async for chunk in stream:
            *whole, rest = (rest + chunk).split(b"\n")
            lines += whole
            if any(until(line) for line in whole):
                break
        await stream.aclose()
        return Raw(status=stream.status, headers=stream.headers, body=b"\n".join([*lines, rest]))


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
    return f"CRASH {type(error).__name__}: {error} at {place}"


class Real:
    """A kube-apiserver, over one connection that is kept open.

    Args:
        url: such as https://127.0.0.1:6443; its certificate isn't verified, it is on loopback.
        authorization: the header's value.
    """

    name = "real"

    def __init__(self, url: str, authorization: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 443)
        self._context = ssl._create_unverified_context()
        self._headers = {"user-agent": USER_AGENT, "authorization": authorization}
        self._connection = self._connect()

    def send(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Raw:
        """One request; a connection that the server closed is opened again once.

        Where it closes that, too, without an answer, a handler has panicked: that is an answer of status 0.
        """
        for attempt in (1, 2):
            try:
                answer = self._request(self._connection, method, path, query, headers, body)
                return Raw(status=answer.status, headers=_lower(answer), body=answer.read())
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                self._connection = self._connect()
                if attempt == 2 and isinstance(error, http.client.RemoteDisconnected):
                    return Raw(status=0, headers={}, body=b"closed")
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def watch(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], until: Callable[[bytes], bool]
    ) -> Raw:
        """The lines of a watch, on a connection of its own."""
        connection = self._connect()
        answer = self._request(connection, "GET", path, query, headers, b"")
        lines: list[bytes] = []
        while line := answer.readline():
            lines.append(line.rstrip(b"\n"))
            if answer.status == 200 and until(line):
                break
        connection.close()
        return Raw(status=answer.status, headers=_lower(answer), body=b"\n".join(lines))

    def catch_up(self, path: str) -> None:
        """A list of the latest state is answered from the cache once that has it."""
        self.send("GET", path, {"labelSelector": "is-asked-for=its-freshness"}, {}, b"")

    def pause(self) -> None:
        """Let a second pass."""
        time.sleep(SECOND)  # noqa: TID251 -- the real server's clock is the machine's

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()  # noqa: TID251 -- as above

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(*self._address, context=self._context, timeout=60)

    def _request(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> http.client.HTTPResponse:
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        connection.request(method, target, body=body or None, headers={**self._headers, **headers})
        return connection.getresponse()


def _lower(answer: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return headers
