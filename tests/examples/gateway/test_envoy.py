"""Where the Envoy binary comes from, and that the process leaves nothing behind."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from examples.gateway.envoy import EnvoyFailedError, EnvoyNotFoundError, EnvoyProcess, bootstrap, find_envoy
from reconcilekit.clock import SystemClock


def script(path: Path, text: str = "exit 3") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


class TestFinding:
    def test_the_variable_comes_first(self, tmp_path: Path) -> None:
        mine, other = script(tmp_path / "mine"), script(tmp_path / "bin" / "envoy")

        assert find_envoy({"ENVOY": str(mine), "PATH": str(other.parent)}) == mine

    def test_path_comes_before_the_wheel(self, tmp_path: Path) -> None:
        other = script(tmp_path / "bin" / "envoy")

        assert find_envoy({"PATH": str(other.parent)}) == other

    def test_a_variable_that_names_nothing_is_an_error_and_not_passed_over(self) -> None:
        with pytest.raises(EnvoyNotFoundError) as caught:
            find_envoy({"ENVOY": "/nowhere/envoy"})

        assert str(caught.value) == (
            "ENVOY='/nowhere/envoy' is no executable file; set it to an Envoy binary, or unset it"
        )


class TestProcess:
    async def test_one_that_ends_by_itself_is_told_with_its_status(self, tmp_path: Path) -> None:
        process = EnvoyProcess(
            "node", ads_port=1, directory=tmp_path, clock=SystemClock(), binary=script(tmp_path / "envoy")
        )

        with pytest.raises(EnvoyFailedError, match="ended by itself with 3; it left no log"):
            await process.__aenter__()

        assert process.pid is None

    async def test_one_that_ignores_the_polite_signal_is_killed(self, tmp_path: Path) -> None:
        stuck = script(
            tmp_path / "envoy",
            f"trap '' TERM\necho 127.0.0.1:1 > {tmp_path}/admin-address\nexec 3<>{tmp_path}/never; read -r _ <&3",
        )
        os.mkfifo(tmp_path / "never")
        process = EnvoyProcess("node", ads_port=1, directory=tmp_path, clock=_Hasty(), binary=stuck)

        async with process:
            assert process.admin_url == "http://127.0.0.1:1"
            assert process.pid is not None

        assert process.pid is None

    async def test_one_that_is_not_ready_in_time_is_told(self, tmp_path: Path) -> None:
        idle = script(tmp_path / "envoy", f"echo 127.0.0.1:1 > {tmp_path}/admin-address\nexec sleep 60")
        process = EnvoyProcess("node", ads_port=1, directory=tmp_path, clock=SystemClock(), binary=idle)

        async with process:
            with pytest.raises(EnvoyFailedError, match=r"took more than 0\.1 s to be ready"):
                await process.wait_ready(timeout=0.1)


def test_the_bootstrap_holds_the_ads_server_and_no_listener() -> None:
    document = bootstrap("node", ads_port=4242)

    assert document["node"]["id"] == "node"
    assert "listeners" not in document["static_resources"]
    assert "4242" in str(document["static_resources"]["clusters"])


class _Hasty(SystemClock):
    """Has a fiftieth of the patience with an end, which is 5 s, and all of it with a start."""

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return super().timeout(seconds / 50 if seconds == 5.0 else seconds)
