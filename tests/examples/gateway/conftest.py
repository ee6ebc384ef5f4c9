"""Worlds in two lanes: each test that lets one run does so on the embedded server and on a real kube-apiserver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.gateway.manifests import CRDS, load_manifests
from reconcilekit.testing.controlplane import ControlPlane
from reconcilekit.testing.controlplane.assets import Assets
from tests.lanes import PATIENCE
from tests.worlds import add_lanes, real_lane


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    add_lanes(metafunc, makers={"simulate"})


@pytest.fixture(scope="session")
def _gateway_plane(assets: Assets) -> Iterator[ControlPlane]:
    """It has the Gateway API from its start: installing that for each world would take longer than the tests."""
    with ControlPlane.start(assets.folder, definitions=load_manifests(CRDS), timeout=PATIENCE) as plane:
        yield plane


@pytest.fixture(autouse=True)
def world_lane(request: pytest.FixtureRequest) -> Iterator[None]:
    """Which server the worlds of a test have."""
    if getattr(request, "param", "embedded") == "embedded":
        yield
        return
    plane: ControlPlane = request.getfixturevalue("_gateway_plane")
    with real_lane(plane):
        yield
    plane.reset()
