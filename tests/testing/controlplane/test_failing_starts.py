"""Servers that don't come up say why, and leave nothing; no real one is needed for that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconcilekit.testing.controlplane import ControlPlane, ControlPlaneError, User


def binaries(folder: Path, *, etcd: str, api_server: str) -> Path:
    folder.mkdir()
    for name, script in (("etcd", etcd), ("kube-apiserver", api_server)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


WAIT = "#!/bin/sh\nexec sleep 60\n"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_one_that_ends_shows_its_code_and_its_last_lines(tmp_path: Path) -> None:
    lines = "".join(f"echo line {number}\n" for number in range(30))
    assets = binaries(tmp_path / "bin", etcd=WAIT, api_server=f"#!/bin/sh\n{lines}exit 3\n")

    with pytest.raises(ControlPlaneError) as failed:
        ControlPlane.start(assets)

    shown = "\n".join(f"line {number}" for number in range(10, 30))
    assert str(failed.value) == f"kube-apiserver ended with exit code 3; the end of its log:\n{shown}"
    assert folders(tmp_path) == []


def test_one_that_a_signal_ends_names_it(tmp_path: Path) -> None:
    assets = binaries(tmp_path / "bin", etcd="#!/bin/sh\nkill -SEGV $$\n", api_server=WAIT)
    with pytest.raises(ControlPlaneError, match=r"^etcd was ended by SIGSEGV; the end of its log:\n\(empty\)$"):
        ControlPlane.start(assets)


def test_one_that_is_never_ready_shows_its_last_lines(tmp_path: Path) -> None:
    assets = binaries(tmp_path / "bin", etcd=WAIT, api_server="#!/bin/sh\necho almost\nexec sleep 60\n")
    # Where the machine doesn't come to run even the first line in that time, it's given more.
    for timeout in ("0.5", "4", "30"):
        with pytest.raises(ControlPlaneError) as failed:
            ControlPlane.start(assets, timeout=float(timeout))
        assert folders(tmp_path) == []
        assert str(failed.value).startswith(f"kube-apiserver isn't ready after {timeout} s; the end of its log:\n")
        if not str(failed.value).endswith(":\n(empty)"):
            break
    assert str(failed.value).endswith(":\nalmost")


def test_one_that_is_no_program_says_so(tmp_path: Path) -> None:
    assets = binaries(tmp_path / "bin", etcd="no program", api_server=WAIT)
    with pytest.raises(ControlPlaneError, match=r"etcd can't be executed: .*Exec format error"):
        ControlPlane.start(assets)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    assets = binaries(tmp_path / "bin", etcd=WAIT, api_server=WAIT)
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(ControlPlaneError, match="open isn't a folder of yours alone"):
        ControlPlane.start(assets, folder=tmp_path / "open")


def test_a_folder_that_was_named_keeps_all_that_is_in_it(tmp_path: Path) -> None:
    assets = binaries(tmp_path / "bin", etcd=WAIT, api_server="#!/bin/sh\necho why; exit 1\n")
    (tmp_path / "named").mkdir(mode=0o700)
    (tmp_path / "named" / "mine").mkdir()
    for _ in range(2):
        with pytest.raises(ControlPlaneError):
            ControlPlane.start(assets, folder=tmp_path / "named")
    kept = {path for path in (tmp_path / "named").iterdir() if path.is_dir()}
    logs = [(path / "kube-apiserver.log").read_text() for path in kept - {tmp_path / "named" / "mine"}]
    assert logs == ["why\n"] * 2
    assert len(kept) == 3


@pytest.mark.parametrize("named", [False, True])
def test_one_that_cant_even_be_made_leaves_neither_folder_nor_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    assets = binaries(tmp_path / "bin", etcd=WAIT, api_server=WAIT)
    home = tmp_path / "named"
    home.mkdir(mode=0o700)
    before = descriptors()
    with pytest.raises(ValueError, match="Two users are named 'nobody'"):
        ControlPlane.start(assets, users=[User("nobody")], folder=home if named else None)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="no process"):
        ControlPlane.start(assets, folder=home if named else None)
    assert set(descriptors()) <= set(before)  # what others have left open may be closed in between
    assert folders(tmp_path) == [path.name for path in home.iterdir() if path.is_dir()] == []


def descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def refuse(*arguments: object, **options: object) -> None:
    raise OSError("no process can be made")


def folders(tmp_path: Path) -> list[str]:
    """What control planes left."""
    return [
        path.name for home in tmp_path.glob("reconcilekit-controlplane-*") for path in home.iterdir() if path.is_dir()
    ]
