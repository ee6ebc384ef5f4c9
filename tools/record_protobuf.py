"""Record how the built-in kinds are written in protobuf, from the tags of the Go types (gotypes/protobuf/main.go).

The messages go to `reconcilekit/testing/apiserver/recorded`, by which the embedded API server reads and writes them,
and objects as Go writes them to `tests/data/protobuf.jsonl.xz`. The output is the same each time. It needs Go alone.

    python tools/record_protobuf.py
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MESSAGES = ROOT / "reconcilekit/testing/apiserver/recorded/protobuf.json.gz"
SAMPLES = ROOT / "tests/data/protobuf.jsonl.xz"
ALWAYS = frozenset({"v1", "meta.k8s.io/v1", "autoscaling/v1", "policy/v1", "authentication.k8s.io/v1"})
"""Versions with kinds that no path of their own serves: subresources', and those of answers."""

SAMPLED = re.compile(r"/v[0-9]+/[A-Za-z]+$")
"""Stable versions; the others are made alike."""


def main() -> None:
    """Write both files."""
    done = subprocess.run(
        ["go", "run", "-mod=readonly", "../gotypes/protobuf/main.go"],
        cwd=ROOT / "tools/controlplane",
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    kinds = {kind: message for kind, message in told["kinds"].items() if kind.rpartition("/")[0] in _served()}
    messages = {name: told["messages"][name] for name in _used(kinds.values(), told["messages"])}
    document = {"kinds": kinds, "messages": dict(sorted(messages.items()))}
    _write(MESSAGES, gzip.compress(_encode(document), 9, mtime=0))
    lines = [_encode(sample) for sample in told["samples"] if sample[0] in kinds and SAMPLED.search(f"/{sample[0]}")]
    _write(SAMPLES, lzma.compress(b"\n".join(lines), preset=9))


def _served() -> frozenset[str]:
    from reconcilekit.testing.apiserver import recorded

    kinds = recorded.kinds()
    told = [*kinds, *(subresource for kind in kinds for subresource in kind["subresources"])]
    return ALWAYS | {"/".join(part for part in (kind["group"], kind["version"]) if part) for kind in told}


def _used(roots: Iterable[str], messages: dict[str, list[list[Any]]]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [kind.partition("#")[2] for _, _, kind, _ in messages[name] if "#" in kind]
    return found


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    print(f"{path.relative_to(ROOT)}: {len(content):,} bytes")


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


if __name__ == "__main__":
    main()
