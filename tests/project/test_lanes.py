"""Which API servers the tests run on: the choice, what is said of it, and networks of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .test_commands import make

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
VERSION = "v9.9.9"
FAKE = f'#!/bin/sh\necho "Kubernetes {VERSION}"\n'

MARKED = """
    import pytest

    @pytest.mark.real
    def test_marked(): pass

    def test_takes(control_plane): pass

    def test_neither(): pass
"""

SERVED = """
    import pytest

    async def test_both(api_server): pass
    async def test_ours(embedded_server, api_server): pass

    @pytest.mark.lanes("socket", "real")
    async def test_chosen(api_server): pass
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test run of its own under the conftest of all, and no kube-apiserver in sight."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(pytester.mkdir("empty")))
    pytester.makeconftest((ROOT / "conftest.py").read_text("utf-8"))
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "addopts = --strict-markers\nmarkers =\n  real: needs a kube-apiserver\n"
    )
    return pytester


@pytest.fixture
def binaries(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like setup-envtest's, whose kube-apiserver can say its version and nothing else."""
    folder = inner.mkdir("assets")
    for name in ("etcd", "kube-apiserver"):
        (folder / name).write_text(FAKE, "utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))
    return folder


def run(inner: pytest.Pytester, *options: str) -> pytest.RunResult:
    return inner.runpytest_subprocess("-p", "no:xdist", *options)


def ids(result: pytest.RunResult) -> list[str]:
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


class TestWithoutBinaries:
    def test_the_real_lane_is_skipped_and_says_what_is_missing(self, inner: pytest.Pytester) -> None:
        inner.makepyfile(MARKED)
        result = run(inner, "-rs")
        result.assert_outcomes(passed=1, skipped=2)
        said = "API server lanes: embedded only (*/empty/etcd (from KUBEBUILDER_ASSETS) isn't an executable file; *)"
        result.stdout.fnmatch_lines([said, f"{said}; on the real one 2 skipped", f"SKIPPED * {said}"])

    def test_who_insists_is_refused_before_any_test(self, inner: pytest.Pytester) -> None:
        inner.makepyfile(MARKED)
        result = run(inner, "--real=require")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*--real=require: *etcd (from KUBEBUILDER_ASSETS) isn't an executable file; *"])
        assert "passed" not in result.stdout.str()


class TestWithBinaries:
    def test_header_and_closing_line_tell_what_ran(self, inner: pytest.Pytester, binaries: Path) -> None:
        inner.makepyfile("""
            import pytest

            pytestmark = pytest.mark.real

            def test_passes(): pass
            def test_fails(): assert False
        """)
        said = f"API server lanes: embedded, real (kube-apiserver {VERSION} from {binaries})"
        result = run(inner)
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines([said, f"{said}; on the real one 1 failed, 1 passed"])

    def test_off_is_off(self, inner: pytest.Pytester, binaries: Path) -> None:
        inner.makepyfile(MARKED)
        result = run(inner, "--real=off")
        result.assert_outcomes(passed=1, skipped=2)
        result.stdout.fnmatch_lines(["API server lanes: embedded only (--real=off); on the real one 2 skipped"])

    def test_a_run_without_a_test_for_it_says_so(self, inner: pytest.Pytester, binaries: Path) -> None:
        inner.makepyfile("def test_neither(): pass")
        run(inner).stdout.fnmatch_lines(["*; on the real one no test"])

    def test_what_takes_a_control_plane_is_of_the_real_lane(self, inner: pytest.Pytester, binaries: Path) -> None:
        inner.makepyfile(MARKED)
        assert ids(run(inner, "--collect-only", "-q", "-m", "real")) == ["test_marked", "test_takes"]

    @pytest.mark.parametrize(("option", "outcome"), [("auto", "skipped"), ("require", "errors")])
    def test_a_controller_manager_need_not_be_there(
        self, inner: pytest.Pytester, binaries: Path, option: str, outcome: str
    ) -> None:
        inner.makepyfile("def test_whole(whole_control_plane): pass")
        result = run(inner, f"--real={option}", "-rs")
        result.assert_outcomes(**{outcome: 1})
        result.stdout.fnmatch_lines(["*kube-controller-manager (from KUBEBUILDER_ASSETS) isn't an executable file*"])


class TestLanes:
    def test_a_test_runs_on_each_and_one_that_needs_ours_on_ours(self, inner: pytest.Pytester, binaries: Path) -> None:
        inner.makepyfile(SERVED)
        expected = [
            "test_both[embedded]",
            "test_both[real]",
            "test_ours[embedded]",
            "test_chosen[socket]",
            "test_chosen[real]",
        ]
        assert ids(run(inner, "--collect-only", "-q")) == expected
        assert ids(run(inner, "--collect-only", "-q", "-m", "real")) == ["test_both[real]", "test_chosen[real]"]

    def test_ours_runs_wherever_the_tests_do(self, inner: pytest.Pytester) -> None:
        inner.makepyfile(SERVED)
        run(inner).assert_outcomes(passed=3, skipped=2)

    def test_a_lane_that_is_not_there_is_refused(self, inner: pytest.Pytester) -> None:
        inner.makepyfile("""
            import pytest

            @pytest.mark.lanes("rael")
            def test_it(api_server): pass
        """)
        said = run(inner).stdout.str()
        assert "test_it: no lane is named {'rael'}; there are embedded, socket, real" in said


NETWORK = """
    import pytest

    @pytest.fixture(scope="module")
    def shared():
        yield
        print("let go")

    def test_before(shared): pass

    @pytest.mark.own_network("192.0.2.1")
    def test_elsewhere():
        import socket

        with socket.create_server(("192.0.2.1", 0)):
            pass
"""


class TestNetworksOfTheirOwn:
    def test_what_the_module_shares_ends_with_it(self, inner: pytest.Pytester) -> None:
        inner.makepyfile(test_a=NETWORK, test_b="def test_after(): pass")
        result = run(inner, "-s", "-v")
        outcomes = result.parseoutcomes()
        assert outcomes.get("passed", 0) + outcomes.get("skipped", 0) == 3
        result.stdout.fnmatch_lines(["*test_elsewhere*let go", "*test_after*"])

    def test_where_none_is_allowed_they_say_so(self, inner: pytest.Pytester) -> None:
        inner.makepyfile(NETWORK)
        limited = "echo 0 > /proc/sys/user/max_net_namespaces"
        if subprocess.run(["unshare", "-Ur", "sh", "-c", limited], capture_output=True, check=False).returncode:
            pytest.skip("nobody may make a user namespace here")
        command = ("unshare", "-Ur", "sh", "-c", f'{limited} && exec "$@"', "sh", sys.executable, "-m", "pytest")
        result = inner.run(*command, "-p", "no:xdist", "-rs")
        result.assert_outcomes(passed=1, skipped=1)
        result.stdout.fnmatch_lines(["SKIPPED * no network of its own: *"])


def test_make_test_real_builds_and_insists() -> None:
    steps = make("--dry-run", "test-real").splitlines()
    assert any("tools/controlplane/build" in step for step in steps[:-1])
    assert "--real=require -m real" in steps[-1]
