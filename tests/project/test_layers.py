"""The layers in pyproject.toml are a rule that fails, not a drawing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "reconcilekit", tmp_path / "reconcilekit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> tuple[int, str]:
    """Lint the package that lies in `folder`; its lines are wide enough to hold a message unbroken."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", LINT, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "300"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_layers_hold(copy: Path) -> None:
    status, said = lint_imports(copy)
    assert status == 0, said


@pytest.mark.parametrize(
    ("module", "planted", "complaint"),
    [
        pytest.param(
            "errors.py",
            "import reconcilekit.kube",
            "reconcilekit.errors is not allowed to import reconcilekit.kube",
            id="upwards",
        ),
        pytest.param(
            "kube/resource.py",
            "def late():\n    from reconcilekit.testing import virtual_time",
            "reconcilekit.kube is not allowed to import reconcilekit.testing",
            id="inside-a-function",
        ),
        pytest.param(
            "cache/planted.py",
            "import aiohttp",
            "reconcilekit.cache is not allowed to import aiohttp",
            id="foreign-package",
        ),
        pytest.param("stranger.py", "", "stranger", id="part-without-a-place"),
    ],
)
def test_a_violation_fails(copy: Path, module: str, planted: str, complaint: str) -> None:
    path = copy / "reconcilekit" / module
    path.write_text(f"{path.read_text() if path.exists() else ''}\n{planted}\n")

    status, said = lint_imports(copy)

    assert status == 1
    assert complaint in said
