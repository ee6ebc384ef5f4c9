"""Record the roles and bindings that a new kube-apiserver makes for itself (its RBAC bootstrap policy).

    python tools/record_policy.py                                   # starts the servers of `make controlplane`
    python tools/record_policy.py --server https://127.0.0.1:6443 --token secret

They are kept as they are, without what each server makes afresh (uids, times, versions), in
`reconcilekit/testing/apiserver/access/policy.json.gz`; the embedded API server makes them where RBAC is on.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="https://host:port of a kube-apiserver, instead of one of our own")
    parser.add_argument("--token", default="", help="a bearer token that may read everything")
    arguments = parser.parse_args()
    if arguments.server:
        record(_getter(arguments.server, arguments.token))
        return
    from reconcilekit.testing.controlplane import ControlPlane

    with ControlPlane.start(controller_manager=True) as plane:
        asyncio.run(until_gathered(plane.admin.get))
        record(plane.admin.get)


async def until_gathered(get: Callable[[str], dict[str, Any]]) -> None:
    """Wait for the controller manager."""
    clock = SystemClock()
    async with clock.timeout(PATIENCE):
        while not is_gathered(get):
            await clock.sleep(0.2)


def is_gathered(get: Callable[[str], dict[str, Any]]) -> bool:
    """Whether every aggregated role has its rules."""
    roles = get(f"{API}/clusterroles")["items"]
    return all(role.get("rules") for role in roles if "aggregationRule" in role)


def record(get: Callable[[str], dict[str, Any]]) -> None:
    """Write the file."""
    policy = {plural: [bare(item) for item in get(f"{API}/{plural}")["items"] if is_own(item)] for plural in KINDS}
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


def _getter(server: str, token: str) -> Callable[[str], dict[str, Any]]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def get(path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(server + path, headers=headers)
        with urllib.request.urlopen(request, context=context) as answer:
            body: dict[str, Any] = json.load(answer)
            return body

    return get


if __name__ == "__main__":
    main()
