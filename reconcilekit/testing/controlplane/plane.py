"""A real control plane on loopback: started when it answers, gone without a trace when the block ends."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from reconcilekit.clock import Clock, SystemClock
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.testing.controlplane import commands
from reconcilekit.testing.controlplane.assets import API_SERVER, CONTROLLER_MANAGER, ETCD, Assets, find_assets
from reconcilekit.testing.controlplane.definitions import await_served, install
from reconcilekit.testing.controlplane.errors import ControlPlaneError
from reconcilekit.testing.controlplane.folders import Folder, new_folder
from reconcilekit.testing.controlplane.grants import bind, is_allowed
from reconcilekit.testing.controlplane.keys import ClientAuthority, write_signing_key
from reconcilekit.testing.controlplane.processes import Processes
from reconcilekit.testing.controlplane.reset import Leftovers
from reconcilekit.testing.controlplane.rest import AdminClient
from reconcilekit.testing.controlplane.users import (
    ADMIN,
    CONTROLLER_MANAGER_USER,
    NAMESPACED,
    NOBODY,
    Tokens,
    User,
    write_kubeconfig,
)

START_TIMEOUT = 60.0
"""Seconds until it must be ready. It takes about 2 on two idle cores; this is for a machine full of other tests."""

_GLANCE = 0.02
"""Seconds between two looks whether a server is ready: a hundredth of what it takes."""


class ControlPlane:
    """etcd, kube-apiserver and, where it is asked for, kube-controller-manager, with RBAC on. Made by `start`.

    It blocks while it starts; in a coroutine, `await asyncio.to_thread(ControlPlane.start)`. The servers end with the
    process that started them, even where that is killed.

    Attributes:
        url: "https://127.0.0.1:41234".
        ca_file: what its certificate is trusted by.
        folder: has the servers' logs.
        assets: the binaries that run.
        version: the kube-apiserver's, such as "v1.37.2".
    """

    def __init__(
        self, *, assets: Assets, folder: Folder, users: Iterable[User], certificates: bool, keep: bool, clock: Clock
    ) -> None:
        self.assets = assets
        self.folder = folder.path
        self.ca_file = folder.path / "certificates" / "apiserver.crt"
        self.version = ""
        self._clock = clock
        self._commands: dict[str, list[str | Path]] = {}
        self._tokens = Tokens((ADMIN, NAMESPACED, NOBODY, CONTROLLER_MANAGER_USER, *users))
        self._authority = ClientAuthority(folder.path) if certificates else None
        self._port = _hold_a_port()
        self.url = f"https://127.0.0.1:{self._port.getsockname()[1]}"
        self._admin: AdminClient | None = None
        self._leftovers: Leftovers | None = None
        try:
            self._processes = Processes(folder, clock=clock, keep=keep)
        except BaseException:
            self._port.close()
            raise

    @classmethod
    def start(
        cls,
        assets: str | Path | None = None,
        *,
        controller_manager: bool = False,
        users: Iterable[User] = (),
        certificates: bool = False,
        definitions: Iterable[Mapping[str, Any]] = (),
        api_server_flags: Sequence[str] = (),
        controller_manager_flags: Sequence[str] = (),
        folder: str | Path | None = None,
        timeout: float = START_TIMEOUT,
        clock: Clock | None = None,
    ) -> Self:
        """Start one and wait until it is ready: about 2 s, 3 s more with a controller manager.

        Args:
            assets: the folder that has the binaries; None looks as `find_assets` says.
            controller_manager: collect garbage, finish namespaces, make ReplicaSets and Pods. Off, because it takes
                275 MB and most tests need none of it.
            users: to be known besides `ADMIN`, `NAMESPACED` and `NOBODY`.
            certificates: users can have client certificates, too, which needs the cryptography package.
            definitions: CustomResourceDefinitions to install, which `reset` leaves in place.
            api_server_flags: such as "--feature-gates=X=true"; one takes the place of an own one of the same name.
            controller_manager_flags: likewise.
            folder: holds this user's control planes, each in a folder of its own, which is kept; None takes one for
                temporary files, in which they are removed.
            timeout: seconds until it must be ready.
            clock: measures them.

        Raises:
            MissingBinariesError: a binary isn't there; the message says how to get it.
            ControlPlaneError: a server ended or isn't ready in time; the message has the end of its log.
            ValueError: two users have one name, or a name can't be written to a token file.
        """
        found = find_assets(assets, controller_manager=controller_manager)
        parent = None if folder is None else Path(folder).absolute()
        own_folder = new_folder(parent)
        try:
            plane = cls(
                assets=found,
                folder=own_folder,
                users=users,
                certificates=certificates,
                keep=parent is not None,
                clock=clock or SystemClock(),
            )
        except BaseException:
            own_folder.discard()
            raise
        try:
            plane._start_store_and_server(api_server_flags, has_service_accounts=controller_manager, timeout=timeout)
            if controller_manager:
                plane._start_controller_manager(controller_manager_flags, timeout=timeout)
            for definition in definitions:
                plane.install(definition, timeout=timeout)
            plane._leftovers = Leftovers(plane.admin)
        except BaseException:
            plane.close()
            raise
        return plane

    @property
    def admin(self) -> AdminClient:
        """A blocking client of the administrator, for preparing a test."""
        if self._admin is None:
            raise ControlPlaneError(f"{self!r} isn't running; ControlPlane.start() gives one that is")
        return self._admin

    def config(
        self, user: User = ADMIN, *, namespace: str = "default", by: Literal["token", "certificate"] = "token"
    ) -> ConnectionConfig:
        """The connection of a user.

        Raises:
            LookupError: it wasn't started for that user; with a certificate any user is known.
            ControlPlaneError: it was started without `certificates`.
        """
        if by == "token":
            return ConnectionConfig(
                server=self.url,
                ca_file=str(self.ca_file),
                authorization=f"Bearer {self._tokens[user]}",
                namespace=namespace,
            )
        certificate, key = self._certificate(user)
        return ConnectionConfig(
            server=self.url,
            ca_file=str(self.ca_file),
            cert_file=str(certificate),
            key_file=str(key),
            namespace=namespace,
        )

    def write_kubeconfig(
        self,
        path: str | Path,
        *,
        user: User = ADMIN,
        namespace: str = "default",
        by: Literal["token", "certificate"] = "token",
    ) -> None:
        """Write the same as a kubeconfig, for kubectl and other clients; raises as `config` does."""
        if by == "token":
            credentials = {"token": self._tokens[user]}
        else:
            certificate, key = self._certificate(user)
            credentials = {"client-certificate": str(certificate), "client-key": str(key)}
        write_kubeconfig(
            Path(path), server=self.url, ca_file=self.ca_file, credentials=credentials, namespace=namespace
        )

    def grant(self, namespace: str, *, user: User = NAMESPACED, role: str = "admin") -> None:
        """Give a user a ClusterRole's rights in one namespace; they hold when this returns.

        Args:
            namespace: one that exists.
            user: one that it was started for.
            role: "admin", "edit" or "view", which the server brings, or one of your own.
        """
        rules = bind(self.admin, namespace, user, role)
        # The authoriser reads by watches of its own, and refuses until it has heard of the bindings.
        self._wait(
            API_SERVER, lambda: all(is_allowed(self.admin, namespace, user, each) for each in rules), START_TIMEOUT
        )

    def create_namespace(self, prefix: str = "test-") -> str:
        """Create a namespace with a name that no other has, and return the name."""
        made = self.admin.demand("POST", "/api/v1/namespaces", {"metadata": {"generateName": prefix}})
        return str(made["metadata"]["name"])

    def install(self, definition: Mapping[str, Any], *, timeout: float = START_TIMEOUT) -> None:
        """Create a CustomResourceDefinition and wait until its kinds are served and in discovery.

        A real server holds the first `create` of a kind back for 2 s if the kind was established less than 2 s ago, so
        that the other servers of a cluster can hear of it. There are none here: the time is put back.

        Args:
            definition: one that the server accepts.
            timeout: seconds until it must be served.

        Raises:
            ControlPlaneError: it is refused, or its names are another one's.
        """
        install(self.admin, definition, wait=lambda is_done: self._wait(API_SERVER, is_done, timeout))

    def await_served(self, definition: Mapping[str, Any], *, timeout: float = START_TIMEOUT) -> None:
        """The second half of `install`, for a definition that somebody else has created."""
        await_served(self.admin, definition, wait=lambda is_done: self._wait(API_SERVER, is_done, timeout))

    def reset(self) -> None:
        """Remove all that wasn't there after the start: objects, definitions, namespaces.

        For suites that share one control plane: it takes 0.1 s and more for much. Nobody's finalizers are asked,
        versions go on, and nobody may write meanwhile. What was there at the start isn't put right: what a test changed
        or removed of it stays changed or removed.
        """
        if self._leftovers is None:
            raise ControlPlaneError(f"{self!r} isn't running; ControlPlane.start() gives one that is")
        self._leftovers.remove()
        self._wait(API_SERVER, self._leftovers.are_gone, START_TIMEOUT)

    def kill(self, name: Literal["etcd", "kube-apiserver", "kube-controller-manager"]) -> None:
        """End one server at once, as a crash does."""
        self._processes.kill(name)

    def restart(
        self, name: Literal["etcd", "kube-apiserver", "kube-controller-manager"], *, timeout: float = START_TIMEOUT
    ) -> None:
        """Start one server on its old data, after killing it where it runs; port and credentials stay.

        Raises:
            ControlPlaneError: it didn't run before, or doesn't become ready.
        """
        if name not in self._commands:
            raise ControlPlaneError(f"{name} isn't part of {self!r}; start it with controller_manager=True")
        self._processes.kill(name)
        self._processes.start(name, self._commands[name])
        if self._processes.pid(API_SERVER) is not None:
            self._wait(API_SERVER, self._is_ready, timeout)

    def pid(self, name: Literal["etcd", "kube-apiserver", "kube-controller-manager"]) -> int | None:
        """Process id of a server, None where it doesn't run."""
        return self._processes.pid(name)

    def close(self) -> None:
        """End the servers and remove their folder; may be called twice."""
        if self._admin is not None:
            self._admin.close()
        self._admin = self._leftovers = None
        self._processes.close()
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._admin is None else f"{self.version} at {self.url}"
        return f"<ControlPlane {state} in {self.folder}>"

    def _start_store_and_server(self, flags: Sequence[str], *, has_service_accounts: bool, timeout: float) -> None:
        signing_key, tokens = self.folder / "service-accounts.key", self.folder / "tokens.csv"
        write_signing_key(signing_key)
        self._tokens.write(tokens)
        self._launch(ETCD, commands.etcd(), ())
        own = commands.api_server(
            port=self._port.getsockname()[1],
            signing_key=signing_key,
            tokens=tokens,
            client_ca=None if self._authority is None else self._authority.ca_file,
            has_service_accounts=has_service_accounts,
        )
        self._launch(API_SERVER, own, flags)
        self._wait(API_SERVER, self._is_ready, timeout)
        self.version = self.admin.get("/version")["gitVersion"]
        self._wait(API_SERVER, self._is_furnished, timeout)

    def _start_controller_manager(self, flags: Sequence[str], *, timeout: float) -> None:
        kubeconfig = self.folder / "controller-manager.kubeconfig"
        self.write_kubeconfig(kubeconfig, user=CONTROLLER_MANAGER_USER)
        own = commands.controller_manager(
            kubeconfig=kubeconfig, signing_key=self.folder / "service-accounts.key", ca_file=self.ca_file
        )
        self._launch(CONTROLLER_MANAGER, own, flags)
        self._wait(CONTROLLER_MANAGER, self._has_service_account, timeout)

    def _launch(self, name: str, own: Sequence[str], flags: Sequence[str]) -> None:
        self._commands[name] = commands.with_flags(self.assets.binary(name), own, flags)
        self._processes.start(name, self._commands[name])

    def _wait(self, name: str, is_done: Callable[[], bool], timeout: float) -> None:
        until = self._clock.monotonic() + timeout
        while not is_done():
            self._processes.check(_GLANCE)
            if self._clock.monotonic() > until:
                raise ControlPlaneError(
                    f"{name} isn't ready after {timeout:g} s; the end of its log:\n{self._processes.tail(name)}"
                )

    def _pause(self) -> None:
        self._processes.check(_GLANCE)

    def _is_ready(self) -> bool:
        if not self.ca_file.exists():
            return False
        try:
            if self._admin is None:
                port = self._port.getsockname()[1]
                self._admin = AdminClient(port=port, ca_file=self.ca_file, token=self._tokens[ADMIN], pause=self._pause)
            return self._admin.ask("GET", "/readyz")[0] == 200
        except OSError:
            # Not listening yet, or its certificate is half written.
            return False

    def _is_furnished(self) -> bool:
        """True once there is what each cluster has, and what the server makes only after it says that it is ready."""
        return all(
            self.admin.ask("GET", path)[0] == 200
            for path in (
                "/api/v1/namespaces/default",
                "/api/v1/namespaces/kube-node-lease",
                "/api/v1/namespaces/default/services/kubernetes",
            )
        )

    def _has_service_account(self) -> bool:
        path = "/api/v1/namespaces/default"
        return all(
            self.admin.ask("GET", f"{path}/{each}")[0] == 200
            for each in ("serviceaccounts/default", "configmaps/kube-root-ca.crt")
        )

    def _certificate(self, user: User) -> tuple[Path, Path]:
        if self._authority is None:
            raise ControlPlaneError(
                f"{self!r} knows no client certificates; start it with ControlPlane.start(certificates=True)"
            )
        return self._authority.issue(user)


def _hold_a_port() -> socket.socket:
    """A socket that never listens, on a free port: kube-apiserver shares it (--permit-port-sharing), nobody else can.

    So the port is this control plane's own from here on, also while the server is down.
    """
    holder = socket.socket()
    with contextlib.ExitStack() as stack:
        stack.callback(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        stack.pop_all()
    return holder
