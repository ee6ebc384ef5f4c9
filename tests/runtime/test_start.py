"""What `Manager.run` says where it can't start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from reconcilekit import Manager, Reconciler, Resource

class Widgets(Reconciler):
    primary = Resource("example.com/v1", "Widget")

    def reconcile(self, ctx):
        return None

Manager(name="widgets").add(Widgets()).run()
"""


def test_a_kubeconfig_that_is_missing_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    missing = tmp_path / "nope"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"KUBECONFIG": str(missing)}, capture_output=True, text=True, timeout=50
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("widgets can't start: NoKubeConfig: ")
    assert str(missing) in ended.stderr
    assert "Traceback" not in ended.stderr
