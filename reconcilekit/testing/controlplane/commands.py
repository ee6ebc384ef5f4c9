"""The command lines of the servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ETCD_SOCKET = "etcd.sock"
"""Relative to the folder that all of them run in: an absolute path can be longer than the 107 bytes of a socket's name.
A socket in a private folder needs no port and no certificate, and nobody else can reach it."""


def etcd() -> list[str]:
    """A store that loses its last writes when the machine crashes, and is quick for that."""
    client, peer = f"unix://{ETCD_SOCKET}", "unix://peer.sock"
    return [
        "--name=default",
        "--data-dir=etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]


def api_server(
    *, port: int, signing_key: Path, tokens: Path, client_ca: Path | None, has_service_accounts: bool
) -> list[str]:
    """A server on loopback with RBAC, which makes its own certificate in `certificates/`.

    Args:
        port: held by a socket with SO_REUSEPORT that never listens, so that nobody else can take it.
        signing_key: of service accounts' tokens.
        tokens: the file with everybody else's.
        client_ca: signs client certificates; None for none.
        has_service_accounts: a controller manager makes them, so that pods must have one.
    """
    return [
        f"--etcd-servers=unix://{ETCD_SOCKET}",
        "--cert-dir=certificates",
        "--bind-address=127.0.0.1",
        # What the Service "kubernetes" leads to. It would look for the machine's default route, which there needn't be,
        # and loopback is refused in Endpoints; nobody uses this address (RFC 5737).
        "--advertise-address=192.0.2.255",
        f"--secure-port={port}",
        "--permit-port-sharing=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        # As in the clusters that installers make: the manifests of networks and drivers need it.
        "--allow-privileged=true",
        *([] if client_ca is None else [f"--client-ca-file={client_ca}"]),
        *([] if has_service_accounts else ["--disable-admission-plugins=ServiceAccount"]),
    ]


def controller_manager(*, kubeconfig: Path, signing_key: Path, ca_file: Path) -> list[str]:
    """All controllers that work without machines, each under its own service account, as in a cluster."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={signing_key}",
        f"--root-ca-file={ca_file}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        # At the default of 20 requests a second, its many service accounts alone take it 5 s.
        "--kube-api-qps=1000",
        "--kube-api-burst=1000",
        # Nobody asks it anything, and a port could be somebody else's.
        "--secure-port=0",
    ]


def with_flags(binary: Path, own: Sequence[str], extra: Sequence[str]) -> list[str | Path]:
    """A command line in which a flag of `extra` takes the place of an own one of the same name."""
    replaced = {flag.partition("=")[0] for flag in extra}
    return [binary, *(flag for flag in own if flag.partition("=")[0] not in replaced), *extra]
