"""What it costs to converge: the framework beside a bare aiohttp loop that makes the same writes.

3,000 Widgets exist on an API server in another process; each gets one owned ConfigMap and one status. What counts is
the CPU of the measured process alone, as a ratio to the bare loop's: wall time is mostly the server's. The two take
turns on fresh servers in fresh processes, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import attrs
import msgspec

from benchmarks.processes import api_server, measure, python
from benchmarks.widgets import WRITES_EACH, Measured, check, populate, revision
from reconcilekit import Client, SystemClock
from reconcilekit.kube.config import load_kubeconfig
from reconcilekit.kube.http import HttpTransport, user_agent

T = TypeVar("T")

LIMIT = 2.5
"""The framework's CPU, in CPU of the bare loop: watches, cache, queue, views and comparisons may cost that much."""

IMPORTS = 15
"""Fresh interpreters in which the import is timed."""

IMPORT = "import reconcilekit"
"""All that who wants an error class pays for: names are imported where they are first used."""

IMPORT_OF_CONTROLLER = "from reconcilekit import Manager, Reconciler"
"""What a controller's file begins with; aiohttp and the official package come when the manager connects."""


@attrs.frozen(kw_only=True)
class Round:
    """One turn of each."""

    bare: Measured
    framework: Measured
    restart: Measured

    @property
    def ratio(self) -> float:
        """The framework's CPU in CPU of the bare loop."""
        return self.framework.cpu / self.bare.cpu


@attrs.frozen(kw_only=True)
class Result:
    """All that was measured.

    Attributes:
        count: Widgets.
        ratio: median over the rounds.
        ratios: of each round.
        imports: seconds of each import, by its line.
    """

    count: int
    ratio: float
    ratios: Sequence[float]
    rounds: Sequence[Round]
    imports: Mapping[str, Sequence[float]]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether the limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.converge", description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="how many Widgets (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (%(default)s)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="of the ratio (%(default)s)")
    parser.add_argument("--imports", type=int, default=IMPORTS, help="how often the import is timed (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    told = parser.parse_args(arguments)
    result = converge(told.count, rounds=told.rounds, imports=told.imports)
    print(table(result))
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        told.json.write_bytes(msgspec.json.format(msgspec.json.encode(attrs.asdict(result))) + b"\n")
    return verdict(result, limit=told.limit)


def verdict(result: Result, *, limit: float) -> int:
    """The exit status: 0 where the limit was kept."""
    return 0 if result.ratio <= limit else 1


def converge(count: int, *, rounds: int, imports: int = IMPORTS) -> Result:
    """Let both have their turns.

    Raises:
        AssertionError: what was written isn't exactly what was to be written.
        subprocess.CalledProcessError: a measuring process failed.
    """
    taken = []
    for number in range(rounds):
        taken.append(take_round(count))
        print(f"round {number + 1}: {taken[-1].ratio:.2f} x", file=sys.stderr, flush=True)
    ratios = [each.ratio for each in taken]
    return Result(
        count=count,
        ratio=statistics.median(ratios),
        ratios=ratios,
        rounds=taken,
        imports={line: [timed(line) for _ in range(imports)] for line in (IMPORT, IMPORT_OF_CONTROLLER)},
    )


def timed(line: str) -> float:
    """Seconds that an import takes in a fresh interpreter."""
    code = f"from time import perf_counter as now; start = now(); {line}; print(now() - start)"
    return float(python("-c", code))


def take_round(count: int) -> Round:
    """The bare loop, then the framework, each on a server that nobody has written to, then the framework again."""
    with api_server() as kubeconfig:
        bare = measured_turn("benchmarks.bare", kubeconfig=kubeconfig, count=count)
    with api_server() as kubeconfig:
        options = ("--count", str(count))
        framework = measured_turn("benchmarks.controller", *options, kubeconfig=kubeconfig, count=count)
        restart = measure("benchmarks.controller", *options, kubeconfig=kubeconfig)
    if restart.writes:
        raise AssertionError(f"a restart with nothing to do made {restart.writes} writes")
    return Round(bare=bare, framework=framework, restart=restart)


def measured_turn(module: str, *arguments: str, kubeconfig: Path, count: int) -> Measured:
    """One process's work, its writes counted by the server, too."""
    before = on_server(kubeconfig, lambda client: prepared(client, count))
    measured = measure(module, *arguments, kubeconfig=kubeconfig)
    written = on_server(kubeconfig, lambda client: checked(client, count)) - before
    if (measured.writes, written) != (WRITES_EACH * count, WRITES_EACH * count):
        raise AssertionError(f"{module}: {measured.writes} writes, {written} of them effective, for {count} Widgets")
    return measured


async def prepared(client: Client, count: int) -> int:
    """The server's revision with the Widgets on it."""
    await populate(client, count)
    return await revision(client)


async def checked(client: Client, count: int) -> int:
    """The server's revision after the work, which is looked at."""
    await check(client, count)
    return await revision(client)


def on_server(kubeconfig: Path, work: Callable[[Client], Coroutine[object, object, T]]) -> T:
    """What `work` gives on that server."""

    async def run() -> T:
        transport = HttpTransport(load_kubeconfig(kubeconfig), user_agent=user_agent("benchmark"))
        client = Client(transport, clock=SystemClock(), field_manager="benchmark")
        try:
            return await work(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def table(result: Result) -> str:
    """For a person: medians over the rounds, and how far the ratio varied."""
    rows = {
        "bare loop": [each.bare for each in result.rounds],
        "framework": [each.framework for each in result.rounds],
        "restart": [each.restart for each in result.rounds],
    }
    lines = [f"{'':12}{'CPU':>10}{'wall':>10}{'writes':>10}{'peak memory':>14}"]
    for name, measured in rows.items():
        cpu = statistics.median(each.cpu for each in measured)
        wall = statistics.median(each.wall for each in measured)
        memory = statistics.median(each.memory for each in measured) / 1e6
        lines.append(f"{name:12}{cpu:>8.2f} s{wall:>8.2f} s{measured[0].writes:>10,}{memory:>11.0f} MB")
    spread = f"{min(result.ratios):.2f} to {max(result.ratios):.2f} in {len(result.ratios)} rounds"
    lines.append(f"ratio of CPU: {result.ratio:.2f} ({spread})")
    for line, seconds in result.imports.items():
        lines.append(f"{line}: {min(seconds) * 1000:.0f} ms at best, median {statistics.median(seconds) * 1000:.0f} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
