"""client-go and controller-runtime: programs in Go that run a scenario and end with 0.

They belong to the tests on a real control plane (`make test-real`), for which Go is wanted anyhow.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Cluster

SOURCES = Path(__file__).parent / "go"
BUILT = Path(__file__).parents[2] / "build/clients"
PATIENCE = 200.0
"""Seconds for a scenario, which takes about 2."""

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def programs(pytestconfig: pytest.Config) -> Path:
    """The folder of the programs, built from the sources as they are."""
    checked = subprocess.run([SOURCES / "build", "--check"], capture_output=True, text=True, check=False)
    if checked.returncode:
        if pytestconfig.getoption("real") == "require":
            pytest.fail(checked.stderr)
        pytest.skip(checked.stderr.strip())
    return BUILT


@pytest.mark.parametrize("program", ["clientgo", "manager"])
def test_go_programs_run_their_scenario(
    program: str, cluster: Cluster, programs: Path, request: pytest.FixtureRequest
) -> None:
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig()), "EXPECT_PROTOBUF": "yes"}
    if request.node.callspec.params["cluster"] == "socket":
        # The real collector learns of a new kind of owners within 30 s.
        environment["EXPECT_COLLECTION"] = "yes"
    done = subprocess.run(
        [programs / program], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "\ndone: " in done.stdout
