"""`python -m reconcilekit.testing.apiserver`: its options, and what it says of wrong ones."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from reconcilekit.clock import SystemClock
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.__main__ import main
from reconcilekit.testing.apiserver.options import parse
from reconcilekit.testing.apiserver.storage.folder import UnusableFolderError
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint
from reconcilekit.testing.apiserver.wire.limits import is_loopback


def test_the_defaults_are_a_free_port_of_loopback_and_nothing_kept() -> None:
    options = parse(["--kubeconfig", "config"])
    assert (options.host, options.port, options.data, options.load) == ("127.0.0.1", 0, None, ())
    assert is_loopback(options.host)


@pytest.mark.parametrize(
    ("host", "is_ours_alone"),
    [("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("me", False)],
)
def test_it_knows_what_others_can_reach(host: str, is_ours_alone: bool) -> None:
    assert is_loopback(host) is is_ours_alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --kubeconfig"),
        (["--port", "http"], "argument --port: 'http' is no port; pass a number from 1 to 65535, or 0 for a free one"),
        (["--port", "65536"], "'65536' is no port"),
        (["--data", ""], "argument --data: the name is empty; '.' is the working directory"),
        (["--host", ""], "argument --host: the address is empty; 127.0.0.1 is the default"),
        (["--kubeconfig", "/"], "--kubeconfig: / is a folder; name a file in it"),
        (["--kubeconfig", "/nowhere/x"], "--kubeconfig: the folder /nowhere doesn't exist; make it, or name another"),
        (["--data", __file__], "test_command_line.py is a file; name a folder, which is made where it is missing"),
        (
            ["--load", __file__, "/nowhere/x"],
            "--load: /nowhere/x doesn't exist; name a file or folder of manifests",
        ),
        (["--load", ""], "argument --load: the name is empty; '.' is the working directory"),
        (["--kubeconfig", ""], "argument --kubeconfig: the name is empty; pass that of a file"),
        (["--kubeconfig", f"{__file__}/x"], "test_command_line.py is no folder; name a file in one"),
        (["--kubeconfig", "/dev/null"], "--kubeconfig: /dev/null is no regular file; name another"),
        (["--auth", "RBAC"], "error: '--auth' is no option or value of one; --help says what there is"),
        (["--tls", "yes"], "error: 'yes' is no option or value of one"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--kubeconfig", "config", *arguments] if arguments else []
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--kubeconfg", "--kubeconf"])
def test_a_misspelt_word_is_named_before_what_is_missing_for_it(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([word, "x"])
    assert f"error: '{word}' is no option or value of one" in capsys.readouterr().err


def test_a_kubeconfig_that_cant_be_written_is_told_of_before_anything_is_loaded(
    folder_of_nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = folder_of_nobody / "inner"
    inner.mkdir()
    (inner / "x.yaml").write_text("kind: [")
    inner.chmod(0o555)
    with pytest.raises(SystemExit):
        main(["--kubeconfig", str(inner / "config"), "--load", str(inner / "x.yaml")])
    told = capsys.readouterr().err
    assert f"{inner / 'config'} can't be written: this user may not write to the folder {inner}; name another" in told


def test_what_may_not_even_be_looked_at_is_told_of(folder_of_nobody: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = folder_of_nobody / "closed"
    closed.mkdir(mode=0o000)
    config = str(folder_of_nobody / "config")
    assert main(["--kubeconfig", config, "--load", str(closed / "x")]) == 1
    assert main(["--kubeconfig", config, "--data", str(closed / "x")]) == 1
    with pytest.raises(SystemExit):
        main(["--kubeconfig", str(closed / "x")])
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"error: {closed / 'x'}: Permission denied; make it readable for this user"
    assert told[1].endswith("Permission denied; choose a folder that this user can write to")
    assert told[-1].endswith(
        f"--kubeconfig: {closed / 'x'} can't be looked at by this user (Permission denied); name another"
    )


async def test_rbac_without_tls_is_warned_of(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reconcilekit.testing.apiserver", "--kubeconfig", str(tmp_path / "config"),
        "--authorization", "RBAC", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(100):
        assert (await process.stdout.readline()).startswith(b"ready: ")
        process.terminate()
        _, told = await process.communicate()
    assert told.decode().startswith(
        f"warning: {tmp_path / 'config'}: kubectl, and what else is built on client-go, sends"
    )


def test_what_keeps_it_from_starting_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(tmp_path / "config")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "snapshot-000001").write_bytes(b"damaged")
    (tmp_path / "wrong.yaml").write_text("kind: [")
    assert main(["--kubeconfig", config, "--load", str(tmp_path / "wrong.yaml")]) == 1
    assert main(["--kubeconfig", config, "--data", str(tmp_path / "data")]) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--kubeconfig", config, "--port", str(taken.getsockname()[1])]) == 1
    assert main(["--kubeconfig", config, "--host", "203.0.113.7"]) == 1
    assert main(["--kubeconfig", config, "--data", f"{__file__}/data"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in lines] == [True] * 5
    assert "wrong.yaml" in lines[0]
    assert "snapshot-000001, byte 0: the line doesn't match its checksum" in lines[1]
    assert lines[2] == f"error: another process listens on {taken_address}; choose another port, or 0 for a free one"
    assert lines[3] == (
        "error: 203.0.113.7 is no address of this machine; 127.0.0.1 is for its own clients, 0.0.0.0 for all of its "
        "addresses (cannot assign requested address)"
    )
    assert lines[4] == (
        f"error: {__file__}/data can't keep the server's state: Not a directory; choose a folder that this user can "
        "write to"
    )


def kubeconfig_of(**more: Any) -> dict[str, Any]:
    endpoint = Endpoint(url="http://127.0.0.1:1", credentials_of=lambda _: {}, default_user=None)
    return {**endpoint.kubeconfig(), **more}


@pytest.mark.parametrize(
    "text",
    ["", msgspec.json.encode(kubeconfig_of()).decode(), yaml.safe_dump(kubeconfig_of())],
    ids=["empty", "written", "edited"],
)
def test_a_kubeconfig_of_its_own_is_written_anew(text: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    assert parse(["--kubeconfig", str(config)]).kubeconfig == config


OTHER = {"clusters": [{"name": "reconcilekit"}, {"name": "production"}]}


@pytest.mark.parametrize(
    "text",
    ["x", "x: [", "{", "clusters: 3", json.dumps(kubeconfig_of(**OTHER)), yaml.safe_dump(kubeconfig_of(**OTHER))],
)
def test_a_kubeconfig_of_something_else_is_left_alone(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    with pytest.raises(SystemExit):
        main(["--kubeconfig", str(config)])
    assert config.read_text() == text
    assert f"{config} is there already, and not of this server; name another, or remove it" in capsys.readouterr().err


async def test_the_kubeconfig_of_a_server_that_runs_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    async with ApiServer(clock=SystemClock()).serve() as endpoint:
        endpoint.write_kubeconfig(config)
        with pytest.raises(SystemExit):
            parse(["--kubeconfig", str(config)])
        assert f"{config} is of a server that still listens on {endpoint.url}; end that one" in capsys.readouterr().err
    assert parse(["--kubeconfig", str(config)]).kubeconfig == config


def test_several_paths_may_follow_one_load(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.touch()
    first, second, third = map(str, paths)
    assert parse(["--kubeconfig", "config", "--load", first, second, "--load", third]).load == tuple(paths)


@pytest.mark.parametrize("name", ["thesis.tex", "lock", "snapshot-of-me.part"])
def test_a_folder_of_something_else_is_left_alone(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("mine")
    with pytest.raises(UnusableFolderError, match=f"holds '{re.escape(name)}', which isn't of this server"):
        ApiServer(clock=SystemClock(), data=tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]
    file.unlink()
    ApiServer(clock=SystemClock(), data=tmp_path).close()


def test_a_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    ApiServer(clock=SystemClock(), data=tmp_path / "a" / "data").close()
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_stopped_or_killed_server_is_started_again_where_it_was(number: signal.Signals, tmp_path: Path) -> None:
    manifest = tmp_path / "one.yaml"
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n")
    first = await life(tmp_path, number, "--load", str(manifest))
    assert [item["metadata"]["name"] for item in first["items"]] == ["one"]
    assert await life(tmp_path, number) == first


async def life(folder: Path, number: signal.Signals, *arguments: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    """Start it, read its ConfigMaps, and end it."""
    import aiohttp

    config = folder / "config"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reconcilekit.testing.apiserver", "--kubeconfig", str(config),
        "--data", str(folder / "data"), *arguments, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(100):
        assert (await process.stdout.readline()).startswith(b"ready: http://127.0.0.1:")
        url = msgspec.json.decode(config.read_bytes())["clusters"][0]["cluster"]["server"]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v1/configmaps") as answer:
            found: dict[str, list[dict[str, dict[str, str]]]] = await answer.json()
        process.send_signal(number)
        await process.communicate()
    assert process.returncode == (0 if number == signal.SIGTERM else -number)
    return found
