"""The embedded API server in this process, without a client process: what `benchmarks.apiserver` starts."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

import attrs
import msgspec

from benchmarks.load import CONFIG_MAPS, config_map
from reconcilekit import SystemClock
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer

CONFIG_MAP = Resource("v1", "ConfigMap")
FIRST = Request(method="GET", path="/api/v1/namespaces")


@attrs.frozen(kw_only=True)
class Direct:
    """What was measured of the embedded server in a fresh interpreter, its imports left out.

    Attributes:
        start: seconds from the making to the first answer, without a socket.
        start_socket: seconds from the making until it listens.
        creates: a second, without a socket.
        creates_client: the same through the framework's client, which reads the answers, too.
    """

    start: float
    start_socket: float
    creates: float
    creates_client: float


async def measure(count: int) -> Direct:
    """Start without a socket and with one, and create."""
    clock = SystemClock()
    start = clock.monotonic()
    server = ApiServer(clock=clock)
    assert (await server.handle(FIRST)).status == 200
    started = clock.monotonic() - start
    importlib.import_module("reconcilekit.testing.apiserver.wire.http")
    start = clock.monotonic()
    async with ApiServer(clock=clock).serve():
        started_socket = clock.monotonic() - start
    requests = [Request(method="POST", path=CONFIG_MAPS, body=config_map(number)) for number in range(count)]
    start = clock.monotonic()
    for request in requests:
        assert (await server.handle(request)).status == 201
    creates = count / (clock.monotonic() - start)
    creates_client = await create_by_client(ApiServer(clock=clock), count)
    return Direct(start=started, start_socket=started_socket, creates=creates, creates_client=creates_client)


async def create_by_client(server: ApiServer, count: int) -> float:
    """The creates a second of one task; what the client finds out at first isn't counted."""
    clock, client = SystemClock(), server.client("benchmark")
    objects = [msgspec.json.decode(config_map(number), type=dict[str, Any]) for number in range(count + 1)]
    for obj in objects:
        obj["metadata"]["namespace"] = "default"
    await client.create(CONFIG_MAP, objects.pop())
    start = clock.monotonic()
    for obj in objects:
        await client.create(CONFIG_MAP, obj)
    return count / (clock.monotonic() - start)


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(attrs.asdict(asyncio.run(measure(int(sys.argv[1]))))).decode())
