"""The command line of the server by itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from reconcilekit.testing.apiserver.access.gate import Authorization
from reconcilekit.testing.apiserver.server_arguments import EMPTY_FOLDER
from reconcilekit.testing.apiserver.wire.kubeconfigs import EMPTY, obstacle
from reconcilekit.testing.apiserver.wire.limits import MOST_PORT, NO_HOST, NO_PORT


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
        allow_abbrev=False,
    )
    _add_endpoint(parser)
    _add_content(parser)
    _add_behaviour(parser)
    words = sys.argv[1:] if arguments is None else arguments
    # With what is required there, so that a word that is misspelt is named before what is missing for it.
    _, unknown = parser.parse_known_args(["--kubeconfig", "unread", *words])
    if unknown:
        parser.error(f"{unknown[0]!r} is no option or value of one; --help says what there is")
    told = parser.parse_args(words)
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
    data = told.data
    if (problem := obstacle(told.kubeconfig)) is not None:
        yield f"--kubeconfig: {problem}"
    if data is not None and _is_file(data):
        yield f"--data: {data} is a file; name a folder, which is made where it is missing"
    for path in (path for paths in told.load for path in paths):
        if not _exists(path):
            yield f"--load: {path} doesn't exist; name a file or folder of manifests"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Its reading tells what is wrong with it.
        return True


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:
        return False


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where it listens")
    group.add_argument(
        "--kubeconfig",
        type=_file,
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
        type=_folder,
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
        help="take EndpointSlices and Endpoints with loopback addresses, which a real server refuses",
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


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(EMPTY)
    return Path(text)


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(EMPTY_FOLDER)
    return Path(text)


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError(NO_HOST)
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} {NO_PORT}")
    return int(text)
