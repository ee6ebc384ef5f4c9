"""Record the columns that a real kube-apiserver gives the Tables of its kinds.

Kinds without columns of their own all have the same ones; they are kept once, under the empty name.

    python tools/record_columns.py                                   # starts the servers of `make controlplane`
    python tools/record_columns.py --server https://127.0.0.1:6443 --token secret

The server has no kinds of its own.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recording import RealServer, real_server

TARGET = Path(__file__).parents[1] / "reconcilekit/testing/apiserver/recorded/columns.json.gz"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def main() -> None:
    """Ask for an empty Table of every kind."""
    with real_server(__doc__) as server:
        found = dict(_columns(server))
    generic = found["roles.rbac.authorization.k8s.io"]
    kept = {name: columns for name, columns in sorted(found.items()) if columns != generic} | {"": generic}
    TARGET.write_bytes(gzip.compress(json.dumps(kept, sort_keys=True).encode(), mtime=0))


def _columns(server: RealServer) -> Iterator[tuple[str, Any]]:
    for group in [{"name": "", "preferredVersion": {"groupVersion": "v1"}}, *json.loads(server.get("/apis"))["groups"]]:
        version = group["preferredVersion"]["groupVersion"]
        root = f"/apis/{version}" if group["name"] else "/api/v1"
        for resource in json.loads(server.get(root))["resources"]:
            if "/" in resource["name"] or "list" not in resource["verbs"]:
                continue
            name = ".".join(filter(None, (resource["name"], group["name"])))
            table = json.loads(server.get(f"{root}/{resource['name']}?limit=1", accept=TABLE))
            yield name, table["columnDefinitions"]


if __name__ == "__main__":
    main()
