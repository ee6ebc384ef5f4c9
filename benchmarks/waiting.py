"""How long a small GET waits while others keep a server busy: a process of its own, one keep-alive connection."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from benchmarks.load import Load
from reconcilekit import SystemClock


async def run(kubeconfig: str, seconds: float) -> list[float]:
    """The time that each of the GETs took."""
    clock = SystemClock()
    taken = []
    async with Load(kubeconfig, connections=1) as load:
        await load.get("/api/v1/namespaces/default")
        end = clock.monotonic() + seconds
        while clock.monotonic() < end:
            start = clock.monotonic()
            await load.get("/api/v1/namespaces/default")
            taken.append(clock.monotonic() - start)
    return taken


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(asyncio.run(run(sys.argv[1], float(sys.argv[2])))).decode())
