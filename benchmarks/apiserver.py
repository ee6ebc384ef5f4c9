"""What the embedded API server costs, beside a real kube-apiserver where its binaries are.

Each has its turn in the same run, in a process of its own, with the same client: start, creates over HTTP, memory with
all objects there, a list of them, and how long a small GET waits while lists and watches keep the server busy. The
embedded one has two more: start and creates without a socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import statistics
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import attrs
import msgspec

from benchmarks.converge import timed
from benchmarks.direct import Direct
from benchmarks.load import CONFIG_MAPS, Load
from benchmarks.processes import ROOT, environment, python
from reconcilekit import SystemClock
from reconcilekit.testing.controlplane import ControlPlane, MissingBinariesError

IMPORT = "from reconcilekit.testing import ApiServer"
STARTS = 5
WATCHES = 100
BUSY = 3.0
"""Seconds for which each of the waits is measured."""


@attrs.frozen(kw_only=True)
class Figures:
    """What was measured of one server.

    Attributes:
        start: seconds from the process's start to its first answer; of a real one with its etcd.
        creates: a second, over HTTP.
        memory: bytes with all objects there; of a real one with its etcd.
        listing: seconds of a list of all, the best of several.
        wait: seconds of the longest GET while nothing else is asked.
        wait_listing: the same while lists of all are asked, one after the other.
        wait_watching: the same while as many watches as `WATCHES` begin with the state of all.
    """

    start: float
    creates: float
    memory: int
    listing: float
    wait: float
    wait_listing: float
    wait_watching: float


@attrs.frozen(kw_only=True)
class Result:
    """All that was measured.

    Attributes:
        imports: seconds of the import, the median of some.
        real: None where the binaries aren't.
    """

    count: int
    imports: float
    direct: Direct
    embedded: Figures
    real: Figures | None


@attrs.frozen(kw_only=True)
class Subject:
    """A server that runs."""

    kubeconfig: str
    pids: tuple[int, ...]
    start: float


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.apiserver", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many objects (%(default)s)")
    parser.add_argument("--busy", type=float, default=BUSY, help="seconds for each of the waits (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--embedded-only", action="store_true", help="leave the real one out")
    told = parser.parse_args(arguments)
    result = Result(
        count=told.count,
        imports=statistics.median(timed(IMPORT) for _ in range(5)),
        direct=direct(told.count),
        embedded=attrs.evolve(turn(embedded(), told.count, busy=told.busy), start=start_alone()),
        real=None if told.embedded_only else real_turn(told.count, busy=told.busy),
    )
    print(table(result))
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        told.json.write_bytes(msgspec.json.format(msgspec.json.encode(attrs.asdict(result))) + b"\n")
    return 0


def direct(count: int) -> Direct:
    """Fresh interpreters, each with a server; the median of three."""
    runs = [msgspec.json.decode(python("-m", "benchmarks.direct", str(count)), type=Direct) for _ in range(3)]
    return Direct(**{name: statistics.median(getattr(run, name) for run in runs) for name in attrs.fields_dict(Direct)})


def real_turn(count: int, *, busy: float) -> Figures | None:
    """The real one's, None without its binaries."""
    try:
        return turn(real(), count, busy=busy)
    except MissingBinariesError as error:
        print(f"no real kube-apiserver to compare with: {error}", file=sys.stderr)
        return None


@contextlib.contextmanager
def embedded() -> Iterator[Subject]:
    """The embedded server by itself."""
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        kubeconfig = f"{folder}/kubeconfig"
        command = [sys.executable, "-m", "reconcilekit.testing.apiserver", "--kubeconfig", kubeconfig]
        start = clock.monotonic()
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            try:
                assert process.stdout is not None
                told = process.stdout.readline().decode().split()
                if not told:
                    raise RuntimeError("python -m reconcilekit.testing.apiserver ended without being ready")
                ask_once(told[1])
                yield Subject(kubeconfig=kubeconfig, pids=(process.pid,), start=clock.monotonic() - start)
            finally:
                process.terminate()


def start_alone() -> float:
    """Seconds that the embedded one takes to its first answer; the median of some starts."""
    taken = []
    for _ in range(STARTS):
        with embedded() as subject:
            taken.append(subject.start)
    return statistics.median(taken)


def ask_once(url: str) -> None:
    """One small GET, by the standard library, whose imports are there."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("GET", "/api/v1/namespaces/default")
    answer = connection.getresponse()
    if answer.status != HTTPStatus.OK:
        raise AssertionError(f"GET {url}/api/v1/namespaces/default: {answer.status} {answer.read()[:200]!r}")
    connection.close()


@contextlib.contextmanager
def real() -> Iterator[Subject]:
    """etcd and kube-apiserver."""
    clock = SystemClock()
    start = clock.monotonic()
    with ControlPlane.start() as plane, TemporaryDirectory() as folder:
        taken = clock.monotonic() - start
        kubeconfig = f"{folder}/kubeconfig"
        plane.write_kubeconfig(kubeconfig)
        pids = [plane.pid("etcd"), plane.pid("kube-apiserver")]
        yield Subject(kubeconfig=kubeconfig, pids=tuple(pid for pid in pids if pid is not None), start=taken)


def turn(subject: contextlib.AbstractContextManager[Subject], count: int, *, busy: float) -> Figures:
    """Start one, measure, and end it."""
    with subject as running:
        return asyncio.run(measure(running, count, busy=busy))


async def measure(subject: Subject, count: int, *, busy: float) -> Figures:
    """One server's figures."""
    clock = SystemClock()
    async with Load(subject.kubeconfig) as load:
        start = clock.monotonic()
        await load.create(count)
        creates = count / (clock.monotonic() - start)
        memory = sum(resident(pid) for pid in subject.pids)
        wait = await longest_wait(subject, busy)
        taken: list[float] = []
        lists = asyncio.ensure_future(keep_listing(load, taken))
        wait_listing = await longest_wait(subject, busy)
        lists.cancel()
        await asyncio.gather(lists, return_exceptions=True)
        waiting = asyncio.ensure_future(longest_wait(subject, busy))
        await clock.sleep(min(1.0, busy / 2))
        async with load.watches(WATCHES):
            wait_watching = await waiting
    return Figures(
        start=subject.start,
        creates=creates,
        memory=memory,
        listing=min(taken),
        wait=wait,
        wait_listing=wait_listing,
        wait_watching=wait_watching,
    )


async def keep_listing(load: Load, taken: list[float]) -> None:
    """List everything again and again."""
    clock = SystemClock()
    while True:
        start = clock.monotonic()
        await load.get(CONFIG_MAPS)
        taken.append(clock.monotonic() - start)
        await clock.sleep(0.1)


async def longest_wait(subject: Subject, seconds: float) -> float:
    """The longest of the small GETs of another process."""
    arguments = ("-m", "benchmarks.waiting", subject.kubeconfig, str(seconds))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"python -m benchmarks.waiting ended with {process.returncode}")
    return max(msgspec.json.decode(printed, type=list[float]))


def resident(pid: int) -> int:
    """Bytes that a process has in memory, as Linux tells."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS: it has ended")


_ROWS = {
    "start to the first answer": ("start", "ms", 1000.0),
    "creates a second over HTTP": ("creates", "", 1.0),
    "memory with all objects": ("memory", "MB", 1e-6),
    "list of all objects": ("listing", "ms", 1000.0),
    "longest GET, idle": ("wait", "ms", 1000.0),
    "longest GET beside lists": ("wait_listing", "ms", 1000.0),
    f"longest GET beside {WATCHES} watches": ("wait_watching", "ms", 1000.0),
}


def table(result: Result) -> str:
    """For a person, in Markdown, as docs/apiserver.md has it."""
    lines = [f"| {result.count:,} objects | embedded | kube-apiserver | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, (field, unit, factor) in _ROWS.items():
        ours = getattr(result.embedded, field) * factor
        cells = [f"{ours:,.0f} {unit}".strip(), "", ""]
        if result.real is not None:
            theirs = getattr(result.real, field) * factor
            cells[1:] = [f"{theirs:,.0f} {unit}".strip(), f"{ours / theirs:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    own = result.direct
    starts = (
        f"{own.start * 1000:.1f} ms to the first answer without a socket, {own.start_socket * 1000:.1f} ms with one"
    )
    creates = f"{own.creates:,.0f} creates a second without a socket, {own.creates_client:,.0f} through the client"
    lines += ["", f"In a process, imports left out: {starts}; {creates}."]
    lines += [f"`{IMPORT}`: {result.imports * 1000:.0f} ms."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
