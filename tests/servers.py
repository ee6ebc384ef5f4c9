"""What the embedded and the real API server both offer to a test, under the same names."""

from __future__ import annotations

import abc
import contextlib
import itertools
import json
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, Self

from reconcilekit.clock import SystemClock
from reconcilekit.kube.client import Client
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.discovery import Discovery
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Transport
from reconcilekit.testing import CUSTOM_RESOURCE_DEFINITION, ApiServer
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint, TokenOverHttpWarning
from reconcilekit.testing.controlplane import ADMIN, NAMESPACED, NOBODY, ControlPlane, User

USERS = (ADMIN, NAMESPACED, NOBODY)
"""Who both know."""

ROLE_BINDING = Resource("rbac.authorization.k8s.io/v1", "RoleBinding")
NAMESPACE = Resource("v1", "Namespace")


class ServerUnderTest(Protocol):
    """One API server, empty but for what every cluster has. What it gave is closed with it."""

    @property
    def lane(self) -> str:
        """ "embedded", "socket" or "real"."""

    @property
    def url(self) -> str:
        """Where it listens."""

    def transport(self, user_agent: str = "", *, user: User = ADMIN) -> Transport:
        """A new transport: straight in the embedded lane, else over a socket."""

    def http_transport(self, user_agent: str = "", *, user: User = ADMIN) -> HttpTransport:
        """A new transport over a socket, in each lane."""

    def client(self, name: str, *, user: User = ADMIN) -> Client:
        """A new client over `transport`; `name` is its field manager and user agent. It believes in absence at once."""

    async def version(self) -> str:
        """Of Kubernetes, as it says, such as "v1.37.2"."""

    async def install(self, definition: dict[str, Any]) -> None:
        """Create a CustomResourceDefinition and wait until its kind is served and in discovery.

        The real server takes a moment for that after it has accepted the definition; see `ControlPlane.install`.
        """

    async def new_namespace(self) -> str:
        """Create a namespace that is this test's alone."""

    async def grant(self, namespace: str, *, user: User = NAMESPACED, role: str = "admin") -> None:
        """Give a user the rights of a ClusterRole in one namespace."""

    def write_kubeconfig(self, path: Path, *, user: User = ADMIN, namespace: str = "default") -> None:
        """Write what other clients need."""


class _Base(abc.ABC):
    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._transports: list[Transport] = []

    def transport(self, user_agent: str = "", *, user: User = ADMIN) -> Transport:
        return self.http_transport(user_agent, user=user)

    def http_transport(self, user_agent: str = "", *, user: User = ADMIN) -> HttpTransport:
        made = HttpTransport(self.config(user), user_agent=user_agent)
        self._transports.append(made)
        return made

    def client(self, name: str, *, user: User = ADMIN) -> Client:
        transport, clock = self.transport(name, user=user), SystemClock()
        return Client(transport, clock=clock, field_manager=name, discovery=Discovery(transport, clock, grace=0.0))

    async def new_namespace(self) -> str:
        name = f"test-{next(self._numbers)}"
        await self.client("test").create(NAMESPACE, {"metadata": {"name": name}})
        return name

    async def version(self) -> str:
        answer = await self.transport("test").send(Request(method="GET", path="/version"))
        return str(json.loads(answer.body)["gitVersion"])

    async def aclose(self) -> None:
        for transport in self._transports:
            await transport.aclose()

    @abc.abstractmethod
    def config(self, user: User) -> ConnectionConfig:
        """How a user gets to it."""


class RealServer(_Base):
    """kube-apiserver."""

    lane = "real"

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__()
        self.plane = plane
        self.url = plane.url

    async def install(self, definition: dict[str, Any]) -> None:
        self.plane.install(definition)

    async def grant(self, namespace: str, *, user: User = NAMESPACED, role: str = "admin") -> None:
        self.plane.grant(namespace, user=user, role=role)

    def config(self, user: User) -> ConnectionConfig:
        return self.plane.config(user)

    def write_kubeconfig(self, path: Path, *, user: User = ADMIN, namespace: str = "default") -> None:
        self.plane.write_kubeconfig(path, user=user, namespace=namespace)


class EmbeddedServer(_Base):
    """Ours, on a socket as well, with RBAC like the real one's."""

    def __init__(self, server: ApiServer, endpoint: Endpoint, *, is_straight: bool) -> None:
        super().__init__()
        self.server = server
        self.lane = "embedded" if is_straight else "socket"
        self.url = endpoint.url
        self._endpoint = endpoint

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(cls, *, is_straight: bool) -> AsyncIterator[Self]:
        tokens = {user: user.name for user in USERS}
        server = ApiServer(clock=SystemClock(), authorization="RBAC", tokens=tokens, anonymous=True)
        async with server.serve() as endpoint:
            made = cls(server, endpoint, is_straight=is_straight)
            yield made
            await made.aclose()

    async def install(self, definition: dict[str, Any]) -> None:
        await self.client("test").create(CUSTOM_RESOURCE_DEFINITION, definition)

    async def grant(self, namespace: str, *, user: User = NAMESPACED, role: str = "admin") -> None:
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": f"{user.name}-{role}", "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user.name}],
        }
        await self.client("test").create(ROLE_BINDING, binding)

    def transport(self, user_agent: str = "", *, user: User = ADMIN) -> Transport:
        if self.lane == "socket":
            return self.http_transport(user_agent, user=user)
        made = self.server.transport(user_agent, token=user.name)
        self._transports.append(made)
        return made

    def config(self, user: User) -> ConnectionConfig:
        return ConnectionConfig(server=self.url, authorization=f"Bearer {user.name}")

    def write_kubeconfig(self, path: Path, *, user: User = ADMIN, namespace: str = "default") -> None:
        with warnings.catch_warnings():
            # kubectl isn't what reads it.
            warnings.simplefilter("ignore", TokenOverHttpWarning)
            self._endpoint.write_kubeconfig(path, token=user.name, namespace=namespace)
