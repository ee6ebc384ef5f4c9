"""How a measuring process measures itself and tells the process that started it."""

from __future__ import annotations

import resource
import sys
import time

import attrs
import msgspec

from benchmarks.widgets import Measured
from reconcilekit import Clock


class Stopwatch:
    """Measures from its making on: this process's own CPU, and the time that passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall = clock.monotonic()
        self._cpu = time.process_time()

    def read(self, *, writes: int) -> Measured:
        """What has been used by now."""
        return Measured(
            cpu=time.process_time() - self._cpu,
            wall=self._clock.monotonic() - self._wall,
            writes=writes,
            memory=peak_memory(),
        )


def peak_memory() -> int:
    """Bytes; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def tell(measured: Measured) -> None:
    """Print it on a line of its own."""
    sys.stdout.write(msgspec.json.encode(attrs.asdict(measured)).decode() + "\n")
    sys.stdout.flush()
