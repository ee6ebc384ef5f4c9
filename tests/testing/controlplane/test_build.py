"""`make controlplane`, where there is nothing to build it with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("bash", "dirname", "awk", "sed", "cat", "sha256sum", "cut", "mkdir", "rm", "flock", "mv")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with all that the script needs but Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = next(Path(each, name) for each in os.environ["PATH"].split(":") if Path(each, name).exists())
        (folder / name).symlink_to(found)
    return folder


def build(target: Path, path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tools" / "controlplane" / "build", target],
        env={"PATH": str(path), "HOME": str(path), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def go(path: Path, script: str) -> None:
    (path / "go").write_text(f"#!/bin/sh\n{script}")
    (path / "go").chmod(0o755)


def test_without_go_it_says_so(path: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "out", path)
    assert done.returncode == 1
    assert done.stderr == (
        "The control plane needs Go 1.26 or later to be built, and there is no go on the PATH; install it, or set "
        "KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver.\n"
    )


def test_a_go_that_is_too_old_is_quoted(path: Path, tmp_path: Path) -> None:
    go(path, '[ "$1" = env ] && echo go1.21.0 && exit\necho "go: go.mod requires go >= 1.26.0" >&2; exit 1\n')
    done = build(tmp_path / "out", path)
    assert done.returncode == 1
    assert done.stderr.endswith("go1.21.0 says: go: go.mod requires go >= 1.26.0\n")


def test_a_failed_build_leaves_what_was_there(path: Path, tmp_path: Path) -> None:
    go(path, '[ "$1" = env ] && echo go1.26.0 && exit\n[ "$1" = list ]\n')
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".key").write_text("another")

    assert build(tmp_path / "out", path).returncode == 1

    assert (tmp_path / "out" / ".key").read_text() == "another"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bin", "out", "out.lock"]


def test_what_is_built_is_built_once(path: Path, tmp_path: Path) -> None:
    names = "server kube-apiserver kube-controller-manager"
    made = f"for n in {names}; do echo > $3$n; done"
    go(path, f'[ "$1" = env ] && echo go1.26.0 && exit\n[ "$1" = build ] || exit 0\n{made}\n')
    first = build(tmp_path / "out", path)
    assert first.returncode == 0, first.stderr
    assert {each.name for each in (tmp_path / "out").iterdir()} == {
        ".key", "etcd", "kube-apiserver", "kube-controller-manager",
    }  # fmt: skip
    (path / "go").unlink()

    again = build(tmp_path / "out", path)

    assert again.returncode == 0
    assert again.stdout.startswith("The control plane is built: kube-apiserver v1.")


def test_a_folder_of_another_kind_is_not_replaced(path: Path, tmp_path: Path) -> None:
    go(path, "[ $1 = env ] && echo go1.26.0; exit 0\n")
    (tmp_path / "out").mkdir()
    done = build(tmp_path / "out", path)
    assert (done.returncode, (tmp_path / "out").exists()) == (1, True)
    assert "isn't a control plane that this has built" in done.stderr


def test_binaries_that_are_there_are_taken(path: Path, tmp_path: Path) -> None:
    refused = build(tmp_path / "out", path, KUBEBUILDER_ASSETS=str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"KUBEBUILDER_ASSETS is {tmp_path}, which has no etcd; name a folder that has, or unset it.\n"
    )
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / name).touch(mode=0o755)
    assert build(tmp_path / "out", path, KUBEBUILDER_ASSETS=str(tmp_path)).returncode == 0
    assert not (tmp_path / "out").exists()
