"""The demo as it is told, in short and on real Envoys: it ends as promised, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from examples.gateway.demo.__main__ import demo
from examples.gateway.demo.picture import WIDTH
from examples.gateway.demo.setting import PORTS, set_up
from examples.gateway.demo.story import Pace
from examples.gateway.demo.targets import targets
from examples.gateway.envoy import EnvoyNotFoundError, find_envoy
from reconcilekit import SystemClock
from reconcilekit.testing.controlplane import ControlPlane
from tests.real_world import real_api_server
from tests.worlds import real_lane

ROOT = Path(__file__).resolve().parents[4]
PACE = Pace(calm=0.4, outage=0.6, mayhem=4.0)


@pytest.fixture(autouse=True)
def envoy() -> Path:
    try:
        return find_envoy()
    except EnvoyNotFoundError as error:
        pytest.skip(f"the demo isn't tried: {error}")


@pytest.mark.slow
async def test_the_short_story_ends_as_promised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = await demo(tmp_path, pace=PACE)

    told = capsys.readouterr().out
    assert status == 0, told
    check(tmp_path, told)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.own_network("192.0.2.1")
async def test_it_ends_so_on_a_real_kube_apiserver(
    control_plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which takes endpoints that aren't on loopback alone."""
    with real_lane(control_plane) as world:
        async with real_api_server(world, SystemClock()) as server:
            status = await demo(tmp_path, pace=PACE, server=server, host="192.0.2.1")

    told = capsys.readouterr().out
    assert status == 0, told
    check(tmp_path, told)


def check(folder: Path, told: str) -> None:
    """What was promised."""
    figures = msgspec.json.decode((folder / "demo.json").read_bytes())
    assert list(figures) == ["start", "naive", "all or nothing"]
    wanted = {"requests", "failed", "faults_injected", "reconciles", "retries", "converged"}
    assert all(wanted <= phase.keys() for phase in figures.values())
    assert figures["naive"]["failed"] > 50
    assert figures["naive"]["faults_injected"] == 1
    assert figures["naive"]["envoy"]
    assert figures["start"]["failed"] == figures["all or nothing"]["failed"] == 0
    assert figures["start"]["reconciles"] >= 8
    assert figures["all or nothing"]["converged"]
    assert figures["all or nothing"]["faults_injected"] > 10
    assert figures["all or nothing"]["retries"] > 0
    assert "etcdserver: leader changed" in told
    assert "As promised: 1 API fault cost the naive controller" in told
    picture = (folder / "demo.svg").read_text(encoding="utf-8")
    assert f'viewBox="0 0 {WIDTH}' in picture
    assert "reconcilekit takes over" in picture
    assert "transient" in (folder / "demo" / "controllers.log").read_text(encoding="utf-8")


async def test_each_target_belongs_to_a_listener_and_ports_lie_below_those_of_outgoing_connections(
    tmp_path: Path,
) -> None:
    async with set_up(tmp_path, clock=SystemClock()) as setting:
        found = targets(setting)
        assert {target.address.port for target in found} == set(setting.ports.values())
        assert all(PORTS[0] <= port < PORTS[1] for port in setting.ports.values())
        assert len({target.name for target in found}) == len(found)
        assert {bool(target.address.tls) for target in found} == {True, False}
        assert [target.status for target in found].count(401) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_demo_that_is_told_to_stop_leaves_no_envoy_behind(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path) as process:
        assert process.stdout is not None
        told = ""
        while "1. start" not in told or not envoys_of(process.pid):
            told += (await process.stdout.readline()).decode()
            assert told.count("\n") < 50
        envoys = envoys_of(process.pid)
        process.send_signal(number)
        rest = (await process.stdout.read()).decode()

        assert await process.wait() == 130
        assert rest.endswith("the demo was told to stop; its Envoys have ended\n")
        assert envoys
        assert not any(is_running(pid) for pid in envoys)


async def test_without_envoy_it_says_what_to_do(tmp_path: Path) -> None:
    async with started(tmp_path, ENVOY="/no/such/envoy") as process:
        assert process.stdout is not None
        told = (await process.stdout.read()).decode()

        assert await process.wait() == 2
        assert told == (
            "the demo can't be told: ENVOY='/no/such/envoy' is no executable file; "
            "set it to an Envoy binary, or unset it\n"
        )


@asynccontextmanager
async def started(directory: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.gateway.demo", "--quick"),
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def envoys_of(parent: int) -> list[int]:
    """The children of a process, where the system tells them."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.exists():
        pytest.skip(f"this system doesn't tell a process's children: it has no {children}")
    return [int(pid) for pid in children.read_text().split()]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
