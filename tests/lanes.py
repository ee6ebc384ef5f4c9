"""One test, two API servers: the embedded one everywhere, and a real kube-apiserver where its binaries are.

A test that takes `api_server` runs once on each; one that takes `embedded_server`, too, for its faults or its records,
runs on the embedded one alone. `@pytest.mark.lanes("embedded", "socket", "real")` chooses others. A test that is about
the real one takes `control_plane`, or `whole_control_plane` with its controller manager.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from reconcilekit.testing import ApiServer
from reconcilekit.testing.controlplane import ControlPlane, MissingBinariesError, find_assets
from reconcilekit.testing.controlplane.assets import ASSETS_VARIABLE, CONTROLLER_MANAGER, Assets
from tests.servers import EmbeddedServer, RealServer, ServerUnderTest

ROOT = Path(__file__).parents[1]

LANES = {
    "embedded": "ours, called straight",
    "socket": "ours, over loopback",
    "real": "kube-apiserver",
}
BY_DEFAULT = ("embedded", "real")

PATIENCE = 120
"""Seconds for a control plane to start, less than a test has, so that its log is what is shown."""

_ASSETS = pytest.StashKey[Assets | MissingBinariesError | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real",
        choices=("auto", "require", "off"),
        default="auto",
        help="tests on a real kube-apiserver: where there is one (auto), insisting on it (require), never (off)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"lanes(*names): the API servers that a test runs on, of {', '.join(LANES)}")
    config.stash[_ASSETS] = None
    if config.getoption("real") == "off":
        return
    try:
        config.stash[_ASSETS] = find_assets(start=ROOT)
    except MissingBinariesError as error:
        if config.getoption("real") == "require":
            raise pytest.UsageError(f"--real=require: {error}") from error
        config.stash[_ASSETS] = error


def pytest_report_header(config: pytest.Config) -> str:
    return _said(config)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = {
        outcome: sum("real" in getattr(report, "keywords", ()) for report in terminalreporter.getreports(outcome))
        for outcome in ("failed", "error", "passed", "skipped")
    }
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    terminalreporter.write_line(f"{_said(config)}; on the real one {told or 'no test'}")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "api_server" not in metafunc.fixturenames:
        return
    chosen = next((mark.args for mark in metafunc.definition.iter_markers("lanes")), BY_DEFAULT)
    if unknown := set(chosen) - set(LANES):
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: no lane is named {unknown}; there are {', '.join(LANES)}"
        )
    if "embedded_server" in metafunc.fixturenames:
        chosen = tuple(name for name in chosen if name != "real")
    params = [pytest.param(name, marks=[pytest.mark.real] if name == "real" else []) for name in chosen]
    metafunc.parametrize("api_server", params, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a control plane, before `-m` chooses."""
    for item in items:
        if {"control_plane", "whole_control_plane"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)
        if item.get_closest_marker("real") and not isinstance(config.stash[_ASSETS], Assets):
            item.add_marker(pytest.mark.skip(reason=_said(config)))


@pytest.fixture(scope="session")
def assets(pytestconfig: pytest.Config) -> Assets:
    """The binaries; tests that want them are skipped where there are none."""
    found = pytestconfig.stash[_ASSETS]
    if not isinstance(found, Assets):
        pytest.skip(_said(pytestconfig))
    return found


@pytest.fixture(scope="session")
def _shared_plane(assets: Assets) -> Iterator[ControlPlane]:
    """One for each of xdist's workers: sharing one among them would cost every test a lock for 2 s saved in all."""
    with ControlPlane.start(assets.folder, certificates=True, timeout=PATIENCE) as plane:
        yield plane


@pytest.fixture(scope="session")
def _shared_whole_plane(assets: Assets, pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    try:
        assets.binary(CONTROLLER_MANAGER)
    except MissingBinariesError as error:
        if pytestconfig.getoption("real") == "require":
            raise
        pytest.skip(str(error))  # setup-envtest brings none
    with ControlPlane.start(assets.folder, controller_manager=True, timeout=PATIENCE) as plane:
        yield plane


@pytest.fixture
def control_plane(_shared_plane: ControlPlane) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, as new."""
    yield _shared_plane
    _shared_plane.reset()


@pytest.fixture
def whole_control_plane(_shared_whole_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The same with a controller manager."""
    yield _shared_whole_plane
    _shared_whole_plane.reset()


@pytest_asyncio.fixture
async def api_server(request: pytest.FixtureRequest) -> AsyncIterator[ServerUnderTest]:
    """An API server as new, in the lane that the test's id names."""
    if request.param == "real":
        real = RealServer(request.getfixturevalue("control_plane"))
        yield real
        await real.aclose()
        return
    async with EmbeddedServer.serve(is_straight=request.param == "embedded") as embedded:
        yield embedded


@pytest.fixture
def embedded_server(api_server: EmbeddedServer) -> ApiServer:
    """The server behind `api_server`, for what no real one offers."""
    return api_server.server


@functools.cache
def _version(assets: Assets) -> str:
    return assets.version()


def _said(config: pytest.Config) -> str:
    found = config.stash[_ASSETS]
    if isinstance(found, Assets):
        place = found.folder.relative_to(ROOT) if found.folder.is_relative_to(ROOT) else found.folder
        return f"API server lanes: embedded, real (kube-apiserver {_version(found)} from {place})"
    if config.getoption("real") == "off":
        return "API server lanes: embedded only (--real=off)"
    if os.environ.get(ASSETS_VARIABLE):
        return f"API server lanes: embedded only ({found})"
    return "API server lanes: embedded only (no kube-apiserver; `make controlplane` builds it)"
