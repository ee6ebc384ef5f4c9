"""No file names the machine it was written on, and none says that something is still to be done."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each pattern has a class of one letter, so that this file doesn't match itself.
MACHINE = re.compile(r"(?<![\w.~])/(?:[w]ork|[r]oot|[h]ome/\w+|[U]sers/\w+|tmp/[r]k)/|\.\./[s]hared\b")
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK|[T]BD)\b")


def texts() -> Iterator[tuple[str, str]]:
    """The text files that git keeps or would keep."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: what belongs to the project is known to git alone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode("utf-8")


@pytest.mark.parametrize("pattern", [MACHINE, UNFINISHED], ids=["machine", "unfinished"])
def test_no_file_says(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("said", ["see /ro" + "ot/.kube", "in ../sha" + "red/x", 'open("/ho' + 'me/me/x")'])
def test_machine_is_recognised(said: str) -> None:
    assert MACHINE.search(said)


@pytest.mark.parametrize("said", ["# TO" + "DO: more", "FIX" + "ME", "XX" + "X"])
def test_unfinished_is_recognised(said: str) -> None:
    assert UNFINISHED.search(said)
