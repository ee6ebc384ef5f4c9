"""Tests in a network of their own, for addresses that a machine doesn't have.

`@pytest.mark.own_network("192.0.2.1", "192.0.2.2")` runs a test in another process whose network namespace has nothing
but a loopback interface with these addresses on it. Root may make one, and so may others where user namespaces are
allowed; where neither is, the test says that it was skipped.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from reconcilekit.clock import SystemClock

ROOT = Path(__file__).parents[1]
INSIDE = "RECONCILEKIT_OWN_NETWORK"

_NOT_ALLOWED = 77
"""Exit code, as automake's tests say that they were skipped."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _SIOCSIFADDR = 0x8914, 0x8916
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own_network(*addresses): runs in a network namespace with these on loopback")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a marked test elsewhere; its fixtures, too, so that servers they start are in that network."""
    mark = item.get_closest_marker("own_network")
    if mark is None or INSIDE in os.environ or item.get_closest_marker("skip"):
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, mark.args):
        hook.pytest_runtest_logreport(report=report)
    # What tests before it have set up for its module ends with it, where it's the last: pytest left that to this item.
    end = pytest.CallInfo.from_call(lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown")
    hook.pytest_runtest_logreport(report=hook.pytest_runtest_makereport(item=item, call=end))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, addresses: tuple[str, ...]) -> list[pytest.TestReport]:
    clock = SystemClock()
    began = clock.monotonic()
    done = _run(item, addresses)
    took = clock.monotonic() - began
    keywords = dict.fromkeys(item.keywords, 1)

    def report(when: str, outcome: str, longrepr: object = None) -> pytest.TestReport:
        duration = took if when == "call" else 0.0
        return pytest.TestReport(item.nodeid, item.location, keywords, outcome, longrepr, when, duration=duration)  # type: ignore[arg-type] # words

    if done.returncode == _NOT_ALLOWED:
        place = (str(item.path), item.location[1], f"Skipped: {done.stderr.strip()}")
        return [report("setup", "skipped", place)]
    has_passed = done.returncode == 0 and "1 passed" in done.stdout
    call = report("call", "passed") if has_passed else report("call", "failed", done.stdout + done.stderr)
    return [report("setup", "passed"), call]


def _run(item: pytest.Item, addresses: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    real = f"--real={item.config.getoption('real')}"
    return subprocess.run(
        [sys.executable, __file__, *addresses, "--", item.nodeid, real, "-p", "no:cacheprovider"],
        cwd=item.config.rootpath,
        env={**os.environ, INSIDE: "1", "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def enter(addresses: list[str]) -> None:
    """Put this process into a new network with these addresses.

    Raises:
        PermissionError: neither root nor anybody else may.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            raise PermissionError(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        # Everybody stays who they are; the rights over the new network last until the exec, which is long enough.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP | _IFF_LOOPBACK))
        for number, address in enumerate(addresses, start=1):
            name = f"lo:{number}".encode()
            fcntl.ioctl(
                control,
                _SIOCSIFADDR,
                struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address)),
            )


if __name__ == "__main__":
    split = sys.argv.index("--")
    try:
        enter(sys.argv[1:split])
    except PermissionError as refused:
        print(refused, file=sys.stderr)
        sys.exit(_NOT_ALLOWED)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[split + 1 :]])
