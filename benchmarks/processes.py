"""The processes that take part: an API server, and whoever works on it. Each starts fresh."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.widgets import Measured

ROOT = Path(__file__).parents[1]

TIME_LIMIT = 300.0
"""Seconds for one process: many times what any needs."""


@contextlib.contextmanager
def api_server() -> Iterator[Path]:
    """The embedded API server in a process of its own, on a free port of 127.0.0.1; gives its kubeconfig."""
    with TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        module = "reconcilekit.testing.apiserver"
        command = [sys.executable, "-m", module, "--kubeconfig", str(kubeconfig)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            try:
                assert process.stdout is not None
                if not process.stdout.readline():
                    raise RuntimeError(f"python -m {module} ended without being ready")
                yield kubeconfig
            finally:
                process.terminate()


def measure(module: str, *arguments: str, kubeconfig: Path) -> Measured:
    """Run a measuring process and read what it printed."""
    printed = python("-m", module, *arguments, variables={"KUBECONFIG": str(kubeconfig)})
    return msgspec.json.decode(printed, type=Measured)


def environment() -> dict[str, str]:
    """This process's, but that bytecode is kept: an installed package has it, and what starts here is measured so."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def python(*arguments: str, variables: dict[str, str] | None = None) -> str:
    """What a fresh interpreter prints; its failure is ours."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment(), **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIME_LIMIT,
        check=True,
    ).stdout
