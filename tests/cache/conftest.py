"""Worlds in two lanes: each test that lets one run does so on the embedded server and on a real kube-apiserver."""

from __future__ import annotations

import pytest

from tests.worlds import add_lanes, world_lane

__all__ = ["world_lane"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    add_lanes(metafunc, makers={"api_server"}, fixtures={"scene"})
