"""Tiny HTTP servers that answer which service they are: what the demo's EndpointSlices point at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

SERVICE_HEADER = "x-service"
"""The response header that names the service that answered."""


class Backends:
    """One server per service on a free port each; an asynchronous context manager.

    Args:
        services: their names; more can be added while it runs.
        host: the address of all of them, loopback by default.
    """

    def __init__(self, *services: str, host: str = "127.0.0.1") -> None:
        self.host = host
        self._wanted = services
        self._servers: dict[str, asyncio.Server] = {}
        self._connections: set[asyncio.BaseTransport] = set()

    def __repr__(self) -> str:
        return f"<Backends {dict(self.ports)}>"

    async def __aenter__(self) -> Self:
        for service in self._wanted:
            await self.add(service)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for service in tuple(self._servers):
            await self.remove(service)
        for connection in self._connections:
            connection.close()

    @property
    def ports(self) -> Mapping[str, int]:
        """Each service's port."""
        return {service: server.sockets[0].getsockname()[1] for service, server in self._servers.items()}

    async def add(self, service: str) -> int:
        """Start another service; its port comes back."""
        if service in self._servers:
            raise ValueError(f"service {service!r} runs already; take its port from `ports`")
        loop = asyncio.get_running_loop()
        self._servers[service] = await loop.create_server(lambda: _Answering(service, self._connections), self.host, 0)
        return self.ports[service]

    async def remove(self, service: str) -> None:
        """Stop a service; connections that are open stay until the other end closes them."""
        # Nothing listens after `close`; `wait_closed` would wait for the connections, from Python 3.12 on.
        self._servers.pop(service).close()


class _Answering(asyncio.Protocol):
    """HTTP/1.1 with keep-alive for requests without a body, which is all the traffic there is."""

    def __init__(self, service: str, connections: set[asyncio.BaseTransport]) -> None:
        body = f"{service}\n".encode()
        head = f"HTTP/1.1 200 OK\r\n{SERVICE_HEADER}: {service}\r\ncontent-length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body
        self._received = b""
        self._connections = connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        if self._transport is not None and requests:
            self._transport.write(self._answer * len(requests))
