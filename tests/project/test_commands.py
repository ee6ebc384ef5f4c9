"""The commands: CI runs what a person runs, and `make help` tells all there is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")

# A make above this one would hand down its options, and its target would be taken for done.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}


def make(*arguments: str) -> str:
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_ci_runs_what_readme_names() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"\bmake [\w-]+", script.read_text("utf-8")) == [
        "make controlplane",
        "make go-clients",
        "make test",
    ]
    assert "`make test`" in (ROOT / "README.md").read_text("utf-8")


def test_all_that_must_pass_is_run_and_tests_come_last() -> None:
    steps = make("--dry-run", "test")
    expected = ["ruff check .", "ruff format --check .", "mypy", "lint_imports_command()", "pytest"]
    places = [steps.rfind(step) for step in expected]
    assert -1 not in places
    assert places == sorted(places)
    assert " -m pytest " in steps.splitlines()[-1]


def test_help_tells_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(re.findall(r"^make ([\w-]+)", make("help"), re.MULTILINE)) == sorted(phony.split())
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
