"""``python -m reconcilekit.testing.apiserver --kubeconfig FILE``: the server by itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import warnings

from reconcilekit.clock import SystemClock
from reconcilekit.testing.apiserver.access.signing import MissingCryptographyError
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.apiserver.manifests.reading import ManifestError
from reconcilekit.testing.apiserver.options import Options, parse
from reconcilekit.testing.apiserver.server import ApiServer
from reconcilekit.testing.apiserver.storage.folder import FolderInUseError, UnusableFolderError
from reconcilekit.testing.apiserver.storage.records import DamagedDataError

_OF_FOLDERS = (FolderInUseError, UnusableFolderError, DamagedDataError)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; 1 where the server can't start."""
    options = parse(arguments)
    try:
        asyncio.run(run(options))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except (*_OF_FOLDERS, ManifestError, MissingCryptographyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def run(options: Options) -> None:
    """Serve until a signal ends it, and say on standard output when it is ready."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = ApiServer(
        clock=SystemClock(),
        accept_loopback_endpoints=options.accept_loopback_endpoints,
        keep_requests=1000,
        data=options.data,
        housekeeping=Housekeeping.cluster() if options.is_cluster else None,
        authorization=options.authorization,
    )
    try:
        if options.load:
            server.load(*options.load)
        async with server.serve(host=options.host, port=options.port, tls=options.has_tls) as endpoint:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                endpoint.write_kubeconfig(options.kubeconfig)
            for warning in warned:
                print(f"warning: {warning.message}", file=sys.stderr)
            print(f"ready: {endpoint.url} kubeconfig={options.kubeconfig}", flush=True)
            await stop.wait()
    finally:
        server.close()


if __name__ == "__main__":
    # aiohttp's client comes with its server, and reads all certificate authorities of the system when it's imported:
    # 40 ms, for a process that connects to nobody.
    os.environ["SSL_CERT_FILE"] = os.devnull
    sys.exit(main())
