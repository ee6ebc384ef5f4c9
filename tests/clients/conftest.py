"""What unmodified clients talk to: ours on a loopback socket with TLS and RBAC, and a real control plane.

What is demanded of ours is so known to hold for the real one. Ours runs in a thread of its own: the clients under test
block theirs. `@pytest.mark.lanes("socket")` keeps a test on ours.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping, Workloads
from reconcilekit.testing.controlplane import ControlPlane
from reconcilekit.testing.controlplane.users import write_kubeconfig
from tests.clients.kubelet import kubelet

PATIENCE = 100.0
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cluster" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("lanes")
    lanes = mark.args if mark else ("socket", "real")
    params = [pytest.param(name, marks=[pytest.mark.real] if name == "real" else []) for name in lanes]
    metafunc.parametrize("cluster", params, indirect=True, scope="module")


class WriteKubeconfig(Protocol):
    """Writes a file that tells of a server; without a token, as the administrator."""

    def __call__(self, path: Path, *, token: str, namespace: str) -> None:
        """Write it."""


@attrs.define
class Cluster:
    """How clients find a server."""

    folder: Path
    write: WriteKubeconfig
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    def kubeconfig(self, *, token: str = "", namespace: str = "default") -> Path:
        """A new file that tells of it; without a token, as the administrator."""
        path = self.folder / f"kubeconfig-{next(self._numbers)}"
        self.write(path, token=token, namespace=namespace)
        return path


def _writer_of(plane: ControlPlane) -> WriteKubeconfig:
    def write(path: Path, *, token: str, namespace: str) -> None:
        if not token:
            plane.write_kubeconfig(path, namespace=namespace)
            return
        write_kubeconfig(
            path, server=plane.url, ca_file=plane.ca_file, credentials={"token": token}, namespace=namespace
        )

    return write


class _Thread:
    """Runs a server until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="api-server")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._running: Cluster | None = None

    def start(self) -> Cluster:
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
            self._running = Cluster(self._folder, endpoint.write_kubeconfig)
            self._is_ready.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server for a module's tests; each has a namespace of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    if request.param == "real":
        plane: ControlPlane = request.getfixturevalue("_shared_whole_plane")
        with kubelet(plane):
            yield Cluster(folder, _writer_of(plane))
        plane.reset()
        return
    thread = _Thread(folder)
    yield thread.start()
    thread.stop()


@pytest.fixture
def own_name(request: pytest.FixtureRequest) -> str:
    """For the namespace of a test: what the test is called, as Kubernetes writes names."""
    return re.sub("[^a-z0-9]+", "-", str(request.node.name).lower())[:60].strip("-")
