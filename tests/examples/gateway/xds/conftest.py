"""A real Envoy under an ADS server of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.gateway.demo.backends import Backends
from examples.gateway.envoy import EnvoyNotFoundError, EnvoyProcess, find_envoy
from examples.gateway.xds import AdsServer
from reconcilekit.clock import SystemClock
from tests.examples.gateway.xds.published import World


@pytest.fixture(scope="session")
def envoy_binary() -> Path:
    try:
        return find_envoy()
    except EnvoyNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
async def ads() -> AsyncIterator[AdsServer]:
    async with AdsServer() as server:
        yield server


@pytest.fixture
async def envoy(ads: AdsServer, envoy_binary: Path, tmp_path: Path) -> AsyncIterator[EnvoyProcess]:
    async with EnvoyProcess(
        "node", ads_port=ads.port, directory=tmp_path, clock=SystemClock(), binary=envoy_binary
    ) as process:
        yield process


@pytest.fixture
def world(ads: AdsServer) -> World:
    return World(ads.node("node"))


@pytest.fixture
async def backends() -> AsyncIterator[Backends]:
    async with Backends("blue", "green") as running:
        yield running
