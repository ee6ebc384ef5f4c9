"""Worlds in two lanes: each test that lets one run does so on the embedded server and on a real kube-apiserver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds import add_lanes, real_lane

__all__ = ["world_lane"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    add_lanes(metafunc, makers={"simulate"})


@pytest.fixture(autouse=True)
def world_lane(request: pytest.FixtureRequest) -> Iterator[None]:
    """Which server the worlds of this test have."""
    if getattr(request, "param", "embedded") == "embedded":
        yield
        return
    with real_lane(request.getfixturevalue("control_plane")):
        yield
