"""The command line of the server by itself."""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs

from reconcilekit.testing.apiserver.access.gate import Authorization


@attrs.frozen(kw_only=True)
class Options:
    """What the command line says; see `parse`."""

    kubeconfig: Path
    host: str
    port: int
    data: Path | None
    load: tuple[Path, ...]
    accept_loopback_endpoints: bool
    is_cluster: bool
    has_tls: bool
    authorization: Authorization


def parse(arguments: list[str] | None) -> Options:
    """Read the command line; what is wrong with it ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m reconcilekit.testing.apiserver",
        description="A Kubernetes API server for tests, until SIGTERM or SIGINT; see docs/apiserver.md.",
    )
    _add_endpoint(parser)
    _add_content(parser)
    _add_behaviour(parser)
    told = parser.parse_args(arguments)
    if told.kubeconfig.is_dir():
        parser.error(f"--kubeconfig: {told.kubeconfig} is a folder; name a file in it")
    if not told.kubeconfig.parent.is_dir():
        parser.error(f"--kubeconfig: the folder {told.kubeconfig.parent} doesn't exist; make it, or name another")
    if told.data is not None and told.data.exists() and not told.data.is_dir():
        parser.error(f"--data: {told.data} is a file; name a folder, which is made where it is missing")
    return Options(
        kubeconfig=told.kubeconfig,
        host=told.host,
        port=told.port,
        data=told.data,
        load=tuple(told.load),
        accept_loopback_endpoints=told.accept_loopback_endpoints,
        is_cluster=told.cluster,
        has_tls=told.tls,
        authorization=told.authorization,
    )


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where it listens")
    group.add_argument(
        "--kubeconfig", type=Path, required=True, metavar="FILE", help="written once the server is ready"
    )
    group.add_argument("--host", default="127.0.0.1", type=_host, metavar="ADDRESS", help="%(default)s by default")
    group.add_argument("--port", default=0, type=_port, metavar="NUMBER", help="a free one by default")
    group.add_argument("--tls", action="store_true", help="by an authority of its own; needs the pyOpenSSL package")


def _add_content(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it holds")
    group.add_argument(
        "--data", type=Path, metavar="FOLDER", help="go on from what is kept there, and keep every change there"
    )
    group.add_argument(
        "--load",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="apply the manifests of a file or a folder at the start; may be repeated",
    )


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it behaves")
    group.add_argument(
        "--accept-loopback-endpoints",
        action="store_true",
        help="take EndpointSlices with loopback addresses, which a real server refuses",
    )
    group.add_argument(
        "--authorization",
        choices=("AlwaysAllow", "RBAC"),
        default="AlwaysAllow",
        help="RBAC: roles and bindings decide who may do what; the kubeconfig is the administrator's",
    )
    group.add_argument(
        "--cluster",
        action="store_true",
        help="play all of a cluster's controllers: Deployments come to Pods, Pods become Ready, Jobs complete",
    )


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the address is empty; 127.0.0.1 is the default, 0.0.0.0 means all")
    return text


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; pass a number from 1 to 65535, or 0 for a free one")
    return int(text)
