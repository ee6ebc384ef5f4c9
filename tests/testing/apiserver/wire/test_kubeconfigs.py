"""Where `write_kubeconfig` writes, and what it says of users that kubectl won't be."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.testing import ApiServer, User
from reconcilekit.testing.apiserver.access.users import ADMIN
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint, TokenOverHttpWarning


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(url="http://127.0.0.1:1", credentials_of=lambda _: {"token": "t"}, default_user=None)


def test_its_own_is_written_anew(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "config"
    endpoint.write_kubeconfig(path)
    endpoint.write_kubeconfig(str(path), namespace="team")
    assert msgspec.json.decode(path.read_bytes())["contexts"][0]["context"]["namespace"] == "team"
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_anything_else_is_left_alone(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "thesis.tex"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="is there already, and not of this server; name another, or remove it"):
        endpoint.write_kubeconfig(path)
    assert path.read_text() == "mine"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="pipe is no regular file; name another"):
        endpoint.write_kubeconfig(tmp_path / "pipe")


async def test_that_of_another_server_that_runs_is_left_alone_and_ones_own_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config"
    async with ApiServer(clock=SystemClock()).serve() as endpoint, ApiServer(clock=SystemClock()).serve() as other:
        endpoint.write_kubeconfig(path)
        endpoint.write_kubeconfig(path)
        with pytest.raises(FileExistsError, match=f"is of a server that still listens on {endpoint.url}; end that one"):
            other.write_kubeconfig(path)


@pytest.mark.parametrize(
    ("path", "error", "problem"),
    [
        (".", IsADirectoryError, ". is a folder; name a file in it"),
        ("/nowhere/x", FileNotFoundError, "the folder /nowhere doesn't exist; make it, or name another"),
        ("", ValueError, "path='': the name is empty; pass that of a file"),
        (3, TypeError, "path=3 is no str or PathLike; pass path='kubeconfig'"),
    ],
)
def test_where_it_cant_be_is_said(endpoint: Endpoint, path: Any, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=re.escape(problem)):
        endpoint.write_kubeconfig(path)


def test_what_cant_be_read_or_written_is_left_alone(endpoint: Endpoint, folder_of_nobody: Path) -> None:
    path = folder_of_nobody / "config"
    path.write_text("mine")
    path.chmod(0o000)
    with pytest.raises(PermissionError, match=r"config is there already, and can't be read \(Permission denied\)"):
        endpoint.write_kubeconfig(path)
    folder = folder_of_nobody / "closed"
    folder.mkdir(mode=0o000)
    with pytest.raises(PermissionError, match=r"closed/config can't be"):
        endpoint.write_kubeconfig(folder / "config")


@pytest.mark.parametrize("options", [{"authorization": "RBAC"}, {}])
async def test_who_would_come_as_nobody_is_warned_of(options: dict[str, Any], tmp_path: Path) -> None:
    async with ApiServer(clock=SystemClock(), **options).serve() as endpoint:
        user = None if options else User("jane")
        with pytest.warns(TokenOverHttpWarning, match=r"config: kubectl, .* sends no token over http.*listen with TLS"):
            endpoint.write_kubeconfig(tmp_path / "config", user=user)


async def test_whom_nobody_asks_is_warned_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with ApiServer(clock=SystemClock()).serve() as endpoint:
            endpoint.write_kubeconfig(tmp_path / "config")
            endpoint.write_kubeconfig(tmp_path / "config", user=ADMIN)
        async with ApiServer(clock=SystemClock(), authorization="RBAC").serve(tls=True) as endpoint:
            endpoint.write_kubeconfig(tmp_path / "config", user=User("jane"))
