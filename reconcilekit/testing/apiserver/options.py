"""The command line of the server by itself."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import msgspec

from reconcilekit.testing.apiserver.access.gate import Authorization
from reconcilekit.testing.apiserver.wire.endpoint import NAME


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
    for problem in _problems(told):
        parser.error(problem)
    return Options(
        kubeconfig=told.kubeconfig,
        host=told.host,
        port=told.port,
        data=told.data,
        load=tuple(path for paths in told.load for path in paths),
        accept_loopback_endpoints=told.accept_loopback_endpoints,
        is_cluster=told.cluster,
        has_tls=told.tls,
        authorization=told.authorization,
    )


def _problems(told: argparse.Namespace) -> Iterator[str]:
    """What is wrong with the paths, before anything is made or written."""
    config, data = told.kubeconfig, told.data
    if config.is_dir():
        yield f"--kubeconfig: {config} is a folder; name a file in it"
    elif not config.parent.is_dir():
        yield f"--kubeconfig: the folder {config.parent} doesn't exist; make it, or name another"
    elif problem := _problem_of(config):
        yield f"--kubeconfig: {config} {problem}"
    if data is not None and data.exists() and not data.is_dir():
        yield f"--data: {data} is a file; name a folder, which is made where it is missing"
    for path in (path for paths in told.load for path in paths):
        if not path.exists():
            yield f"--load: {path} doesn't exist"


def _problem_of(config: Path) -> str:
    """What would be lost with it: nothing where it is missing, empty, or what a server wrote that has ended."""
    try:
        text = config.read_bytes()
    except OSError:
        # It's missing, or its writing tells why it can't be.
        return ""
    if not text.strip():
        return ""
    try:
        found = _read(text)
        names = {each["name"] for part in ("clusters", "users", "contexts") for each in found[part]}
        url = urlsplit(found["clusters"][0]["cluster"]["server"])
        address = (url.hostname or "", url.port or 0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        names = set()
    if names != {NAME}:
        return "is there already, and not of this server; name another, or remove it"
    if _is_listened_on(address):
        return f"is of a server that still listens on {url.geturl()}; end that one, or name another file"
    return ""


def _is_listened_on(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=0.2).close()
    except OSError:
        return False
    return True


def _read(text: bytes) -> Any:
    """JSON as the server writes it, or YAML as kubectl makes of it."""
    if text.startswith(b"{"):
        return msgspec.json.decode(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where it listens")
    group.add_argument(
        "--kubeconfig",
        type=Path,
        required=True,
        metavar="FILE",
        help="written once the server is ready; one that it wrote before is written anew",
    )
    group.add_argument("--host", default="127.0.0.1", type=_host, metavar="ADDRESS", help="%(default)s by default")
    group.add_argument("--port", default=0, type=_port, metavar="NUMBER", help="a free one by default")
    group.add_argument("--tls", action="store_true", help="by an authority of its own; needs the extra `testing`")


def _add_content(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it holds")
    group.add_argument(
        "--data", type=_folder, metavar="FOLDER", help="go on from what is kept there, and keep every change there"
    )
    group.add_argument(
        "--load",
        type=Path,
        action="append",
        nargs="+",
        default=[],
        metavar="PATH",
        help="apply the manifests of files and folders at each start; they take back what others changed of them",
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


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; '.' is the working directory")
    return Path(text)


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the address is empty; 127.0.0.1 is the default, 0.0.0.0 means all")
    return text


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; pass a number from 1 to 65535, or 0 for a free one")
    return int(text)
