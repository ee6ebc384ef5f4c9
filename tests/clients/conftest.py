"""A server on a loopback socket with TLS and RBAC, in a thread of its own: the clients under test block theirs."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping, Workloads
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint

PATIENCE = 20.0
"""Seconds that starting and stopping may take before the test fails."""


_LEAKS = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several clients leave connections to the garbage collector, which is their affair and no failure of ours."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for leak in _LEAKS:
                item.add_marker(pytest.mark.filterwarnings(leak))


@pytest.fixture(autouse=True)
def _leaks_are_found_where_they_are_excused() -> Iterator[None]:
    yield
    gc.collect()


@attrs.define
class RunningServer:
    """The server, and how clients find it."""

    server: ApiServer
    endpoint: Endpoint
    folder: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    def kubeconfig(self, *, user: User | None = None, token: str = "", namespace: str = "default") -> Path:
        """A new file that tells of it."""
        path = self.folder / f"kubeconfig-{next(self._numbers)}"
        self.endpoint.write_kubeconfig(path, user=user, token=token, namespace=namespace)
        return path


class _Thread:
    """Runs a server until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="api-server")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._running: RunningServer | None = None

    def start(self) -> RunningServer:
        self._thread.start()
        assert self._is_ready.wait(PATIENCE)
        assert self._running is not None
        return self._running

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    async def _main(self) -> None:
        workloads = Workloads(ready_after=0.05, completes_after=0.2, stops_after=0.1)
        server = ApiServer(
            clock=SystemClock(), authorization="RBAC", housekeeping=Housekeeping.cluster(workloads=workloads)
        )
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with server.serve(tls=True) as endpoint:
            self._running = RunningServer(server, endpoint, self._folder)
            self._is_ready.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for a module's tests; each has a namespace of its own."""
    thread = _Thread(tmp_path_factory.mktemp("cluster"))
    yield thread.start()
    thread.stop()
