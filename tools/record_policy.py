"""Record the roles and bindings that a new kube-apiserver makes for itself (its RBAC bootstrap policy).

    python tools/record_policy.py                                   # starts the servers of `make controlplane`
    python tools/record_policy.py --server https://127.0.0.1:6443 --token secret

They are kept as they are, without what each server makes afresh (uids, times, versions), in
`reconcilekit/testing/apiserver/access/policy.json.gz`; the embedded API server makes them where RBAC is on.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

from recording import RealServer, real_server

from reconcilekit.clock import SystemClock

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "reconcilekit/testing/apiserver/access/policy.json.gz"
API = "/apis/rbac.authorization.k8s.io/v1"
KINDS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
MARK = "kubernetes.io/bootstrapping"
PER_SERVER = ("uid", "creationTimestamp", "resourceVersion")
PATIENCE = 30.0
"""Seconds until the controller manager has gathered the rules of the aggregated roles."""


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__, controller_manager=True) as server:
        if server.is_own:
            asyncio.run(until_gathered(server))
        record(server)


async def until_gathered(server: RealServer) -> None:
    """Wait for the controller manager."""
    clock = SystemClock()
    async with clock.timeout(PATIENCE):
        while not is_gathered(server):
            await clock.sleep(0.2)


def is_gathered(server: RealServer) -> bool:
    """Whether every aggregated role has its rules."""
    roles = items(server, "clusterroles")
    return all(role.get("rules") for role in roles if "aggregationRule" in role)


def items(server: RealServer, plural: str) -> list[dict[str, Any]]:
    """All objects of a kind of RBAC's."""
    found: list[dict[str, Any]] = json.loads(server.get(f"{API}/{plural}"))["items"]
    return found


def record(server: RealServer) -> None:
    """Write the file."""
    policy = {plural: [bare(item) for item in items(server, plural) if is_own(item)] for plural in KINDS}
    content = json.dumps(policy, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(content, 9, mtime=0))
    counts = ", ".join(f"{len(items)} {plural}" for plural, items in policy.items())
    print(f"{TARGET.relative_to(ROOT)}: {counts}; {len(content):,} bytes, {TARGET.stat().st_size:,} compressed")


def is_own(item: dict[str, Any]) -> bool:
    """Whether the server made it by itself."""
    return MARK in item["metadata"].get("labels", {})


def bare(item: dict[str, Any]) -> dict[str, Any]:
    """The object without what differs from server to server."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in PER_SERVER}
    metadata["managedFields"] = [
        {name: value for name, value in entry.items() if name != "time"} for entry in metadata["managedFields"]
    ]
    return {**item, "metadata": metadata}


if __name__ == "__main__":
    main()
