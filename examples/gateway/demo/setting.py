"""What the demo plays in: an API server, two Gateways with an Envoy each, their backends, and a user."""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random

import attrs

from examples.gateway.certificates import KeyPair
from examples.gateway.demo.backends import Backends
from examples.gateway.demo.certificates import Authority
from examples.gateway.envoy import EnvoyProcess
from examples.gateway.fleet import node_id
from examples.gateway.manifests import CRDS, DEMO, load_manifests
from examples.gateway.rendering import DataPlane
from examples.gateway.xds.server import AdsServer
from reconcilekit import Client, Clock, ObjectKey, Resource
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.http import HttpTransport, user_agent
from reconcilekit.testing.apiserver import ApiServer

PUBLIC = ObjectKey("edge", "public")
INTERNAL = ObjectKey("edge", "internal")
SERVICES = ("store", "annex", "cart", "canary", "ledger")
ADMIN_TOKEN = "open-sesame"
PORTS = (12000, 28000)
"""Where Envoy's listeners are put."""

CONTROLLER = "gateway"
"""The controllers' name: the field manager, and the user agent that faults are aimed at."""


@attrs.frozen(kw_only=True)
class Setting:
    """Everything that stays as it is while controllers come and go.

    Attributes:
        clock: the real one.
        server: the API server, for its faults and its objects.
        url: where it listens.
        user: who applies manifests and changes routes; no fault is aimed at it.
        ads: what the Envoys are connected to.
        envoys: by Gateway.
        backends: the HTTP servers behind the Services.
        ports: "http" and "https" of the public Gateway, "internal" of the other.
        authority: whom clients trust.
        certificates: what it issued, by placeholder.
    """

    clock: Clock
    server: ApiServer
    url: str
    user: Client
    ads: AdsServer
    envoys: Mapping[ObjectKey, EnvoyProcess]
    backends: Backends
    ports: Mapping[str, int]
    authority: Authority
    certificates: Mapping[str, KeyPair]

    def data_plane(self, gateway: ObjectKey) -> DataPlane:
        """Where a Gateway's Envoy listens and writes."""
        return DataPlane(access_log=str(self.envoys[gateway].access_log))

    def connect(self, name: str = CONTROLLER) -> Client:
        """A client of its own for a controller, on a socket."""
        transport = HttpTransport(ConnectionConfig(server=self.url), user_agent=user_agent(name), clock=self.clock)
        return Client(transport, clock=self.clock, field_manager=name)


@contextlib.asynccontextmanager
async def set_up(
    directory: Path, *, clock: Clock, server: ApiServer | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Setting]:
    """Start all of it; the manifests are applied, and nobody has looked at them yet.

    Args:
        directory: for what the Envoys write.
        clock: the real one.
        server: an empty one, which takes endpoints at `host`; None starts one.
        host: where the backends listen.

    Raises:
        EnvoyNotFoundError: there's no Envoy; says how to come by one.
    """
    async with contextlib.AsyncExitStack() as stack:
        server = server or ApiServer(clock=clock, accept_loopback_endpoints=True)
        endpoint = await stack.enter_async_context(server.serve())
        ads = await stack.enter_async_context(AdsServer())
        backends = await stack.enter_async_context(Backends(*SERVICES, host=host))
        envoys = {}
        for gateway in (PUBLIC, INTERNAL):
            place = directory / gateway.name
            place.mkdir(parents=True, exist_ok=True)
            envoy = EnvoyProcess(node_id(gateway), ads_port=ads.port, directory=place, clock=clock)
            envoys[gateway] = await stack.enter_async_context(envoy)
        authority = Authority.create(now=clock.now())
        setting = Setting(
            clock=clock,
            server=server,
            url=endpoint.url,
            user=_user(endpoint.url, clock),
            ads=ads,
            envoys=envoys,
            backends=backends,
            ports=_free_ports("http", "https", "internal", random=clock.random),
            authority=authority,
            certificates={
                "SHOP": authority.issue(["shop.example.com"]),
                "ADMIN": authority.issue(["*.admin.example.com"]),
            },
        )
        stack.push_async_callback(setting.user.aclose)
        await apply_manifests(setting)
        yield setting


async def apply_manifests(setting: Setting) -> None:
    """What ``kubectl apply -f examples/gateway/crds -f examples/gateway/manifests`` would do."""
    values = {f"{name.upper()}_PORT": str(port) for name, port in {**setting.ports, **setting.backends.ports}.items()}
    for name, pair in setting.certificates.items():
        values[f"{name}_CERTIFICATE"] = _base64(pair.certificate)
        values[f"{name}_KEY"] = _base64(pair.private_key)
    values["BACKENDS"] = setting.backends.host
    values["ADMIN_TOKEN"] = _base64(ADMIN_TOKEN.encode())
    for obj in [*load_manifests(CRDS), *load_manifests(DEMO, values)]:
        await setting.user.create(Resource(obj["apiVersion"], obj["kind"]), obj)


def _user(url: str, clock: Clock) -> Client:
    transport = HttpTransport(ConnectionConfig(server=url), user_agent="kubectl", clock=clock)
    return Client(transport, clock=clock, field_manager="kubectl")


def _free_ports(*names: str, random: Random) -> dict[str, int]:
    """Ports that nobody listens on; held open until all are chosen, so that they differ.

    They lie below the ports that systems give to outgoing connections: any of these may be taken before Envoy binds it.
    """
    with contextlib.ExitStack() as stack:
        return {name: _bind_free(stack.enter_context(socket.socket()), random) for name in names}


def _bind_free(listening: socket.socket, random: Random) -> int:
    for _ in range(100):
        port = random.randrange(*PORTS)
        with contextlib.suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of 100 ports from {PORTS[0]} to {PORTS[1]} of 127.0.0.1 is free for Envoy to listen on")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
