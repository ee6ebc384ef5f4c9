"""Record the roles and bindings that a new kube-apiserver makes for itself (its RBAC bootstrap policy).

    python tools/record_policy.py                                   # starts the servers of `make controlplane`
    python tools/record_policy.py --server https://127.0.0.1:6443 --token secret

They are kept as they are, without what each server makes afresh (uids, times, versions, managed fields), in
`reconcilekit/testing/apiserver/access/policy.json.gz`; the embedded API server makes them where RBAC is on.
"""

from __future__ import annotations

import argparse
import gzip
import json
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "reconcilekit/testing/apiserver/access/policy.json.gz"
KINDS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
MARK = "kubernetes.io/bootstrapping"
PER_SERVER = ("uid", "creationTimestamp", "resourceVersion", "managedFields")


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

    with ControlPlane.start() as plane:
        record(plane.admin.get)


def record(get: Callable[[str], dict[str, Any]]) -> None:
    """Write the file."""
    policy = {
        plural: [bare(item) for item in get(f"/apis/rbac.authorization.k8s.io/v1/{plural}")["items"] if is_own(item)]
        for plural in KINDS
    }
    content = json.dumps(policy, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(content, 9, mtime=0))
    counts = ", ".join(f"{len(items)} {plural}" for plural, items in policy.items())
    print(f"{TARGET.relative_to(ROOT)}: {counts}; {len(content):,} bytes, {TARGET.stat().st_size:,} compressed")


def is_own(item: dict[str, Any]) -> bool:
    """Whether the server made it by itself."""
    return MARK in item["metadata"].get("labels", {})


def bare(item: dict[str, Any]) -> dict[str, Any]:
    """The object without what differs from server to server, and without rules that a controller gathered."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in PER_SERVER}
    kept = {**item, "metadata": metadata}
    if "aggregationRule" in item:
        del kept["rules"]
    return kept


def _getter(server: str, token: str) -> Callable[[str], dict[str, Any]]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def get(path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(server + path, headers=headers)  # noqa: S310 -- the caller's own server
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310
            body: dict[str, Any] = json.load(answer)
            return body

    return get


if __name__ == "__main__":
    main()
