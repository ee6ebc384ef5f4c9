"""``python -m reconcilekit.testing.apiserver --kubeconfig FILE``: the server by itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from reconcilekit.clock import SystemClock
from reconcilekit.testing.apiserver.server import ApiServer


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m reconcilekit.testing.apiserver", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="the file to write once the server is ready")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; a free one by default")
    parser.add_argument(
        "--accept-loopback-endpoints",
        action="store_true",
        help="take EndpointSlices with loopback addresses, which a real server refuses",
    )
    told = parser.parse_args(arguments)
    asyncio.run(run(told.kubeconfig, port=told.port, accept_loopback_endpoints=told.accept_loopback_endpoints))
    return 0


async def run(kubeconfig: Path, *, port: int, accept_loopback_endpoints: bool) -> None:
    """Serve until a signal ends it, and say on standard output when it is ready."""
    server = ApiServer(clock=SystemClock(), accept_loopback_endpoints=accept_loopback_endpoints, keep_requests=1000)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server.serve(port=port) as endpoint:
        endpoint.write_kubeconfig(kubeconfig)
        print(f"ready: {endpoint.url} kubeconfig={kubeconfig}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
