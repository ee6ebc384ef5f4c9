"""The Aggregated Discovery Service on a loopback port.

Only framing and life cycle are here: what is answered when is decided in `session` and `node`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from types import TracebackType
from typing import Any, Self, cast

from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Server, Stream

from .messages import DiscoveryRequest
from .node import Connection, Node
from .proto_json import record
from .resources import TYPE_OF_URL
from .session import Request, Response

_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_VERSION, _RESOURCES, _TYPE_URL, _NONCE = 1, 2, 4, 5  # field numbers of DiscoveryResponse


class AdsServer:
    """Serves what is offered to its nodes, on `host`:`port` without TLS; an asynchronous context manager.

    Args:
        host: the address to bind; loopback by default, since nothing here authenticates anybody.
        port: the port, 0 (the default) for any free one; see `port`.
        log: by default this module's logger.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, log: logging.Logger | None = None) -> None:
        self._host = host
        self._port = port
        self._log = log or logging.getLogger(__name__)
        self._nodes: dict[str, Node] = {}
        self._server: Server | None = None
        self._transports: set[asyncio.Transport] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<AdsServer {self._host}:{self._port} nodes={sorted(self._nodes)}>"

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._server = Server([self], codec=_Codec())
        listening = socket.create_server((self._host, self._port))
        self._port = int(listening.getsockname()[1])
        await self._server.start(sock=listening)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every stream and stop listening; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for transport in self._transports:
                transport.close()
            await server.wait_closed()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    def node(self, node_id: str) -> Node:
        """The subscriber for the Envoys of this node id; made when first asked for, also by an Envoy.

        Raises:
            RuntimeError: the server isn't running.
        """
        if self._loop is None:
            raise RuntimeError(f"{self!r} isn't running; enter it with `async with` before asking for a node")
        if node_id not in self._nodes:
            self._nodes[node_id] = Node(node_id, loop=self._loop, log=self._log)
        return self._nodes[node_id]

    def __mapping__(self) -> dict[str, Handler]:
        """How grpclib asks for the methods that are served."""
        return {_METHOD: Handler(self._serve, Cardinality.STREAM_STREAM, DiscoveryRequest, Response)}

    async def _serve(self, stream: Stream[DiscoveryRequest, Response]) -> None:
        first = await stream.recv_message()
        if first is None:
            return
        if first.node is None or not first.node.id:
            raise GRPCError(Status.INVALID_ARGUMENT, "the first request names no node id; set node.id in the bootstrap")
        # grpclib leaves connections open when it closes, and Envoy would go on waiting on a stream that is dead.
        transport: asyncio.Transport = stream._stream._transport  # noqa: SLF001 -- grpclib shows it nowhere else
        self._transports.add(transport)
        outbox: asyncio.Queue[Response] = asyncio.Queue()
        connection = self.node(first.node.id).connect(outbox.put_nowait)
        writer = asyncio.create_task(_write(stream, outbox), name=f"ads-writer-{first.node.id}")
        try:
            await self._read(stream, first, connection)
        except (StreamTerminatedError, ConnectionError) as error:
            self._log.info("envoy's stream ended: %s", error, extra={"node": first.node.id})
        finally:
            self._transports.discard(transport)
            connection.close()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    async def _read(
        self, stream: Stream[DiscoveryRequest, Response], first: DiscoveryRequest, connection: Connection
    ) -> None:
        message: DiscoveryRequest | None = first
        while message is not None:
            kind = TYPE_OF_URL.get(message.type_url)
            if kind is None:
                self._log.warning("envoy asks for a type that isn't served: %s", message.type_url)
            else:
                connection.handle(
                    Request(
                        kind=kind,
                        names=frozenset(message.resource_names),
                        nonce=message.response_nonce,
                        error=None if message.error_detail is None else message.error_detail.message,
                    )
                )
            message = await stream.recv_message()


async def _write(stream: Stream[DiscoveryRequest, Response], outbox: asyncio.Queue[Response]) -> None:
    with contextlib.suppress(StreamTerminatedError, ConnectionError):  # the reader tells of it
        while True:
            await stream.send_message(await outbox.get())


class _Codec(CodecBase):
    """Requests by the generated classes, responses from bytes that are encoded already."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        assert message_type is Response
        return _encode_response(cast("Response", message))

    def decode(self, data: bytes, message_type: Any) -> Any:
        return message_type.parse(data)


def _encode_response(response: Response) -> bytes:
    return b"".join(
        (
            record(_VERSION, response.version.encode()),
            *(record(_RESOURCES, resource.encoded) for resource in response.resources),
            record(_TYPE_URL, response.kind.url.encode()),
            record(_NONCE, response.nonce.encode()),
        )
    )
