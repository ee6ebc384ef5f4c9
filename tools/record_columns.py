"""Record the columns that a real kube-apiserver gives the Tables of its kinds.

Kinds without columns of their own all have the same ones; they are kept once, under the empty name.

    python tools/record_columns.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import argparse
import gzip
import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "reconcilekit/testing/apiserver/recorded/columns.json.gz"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def main() -> None:
    """Ask for an empty Table of every kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--server", required=True, help="https://host:port of a kube-apiserver without kinds of its own"
    )
    parser.add_argument("--token", required=True, help="a bearer token that may read everything")
    arguments = parser.parse_args()
    server = _Server(arguments.server, arguments.token)
    found = dict(_columns(server))
    generic = found["roles.rbac.authorization.k8s.io"]
    kept = {name: columns for name, columns in sorted(found.items()) if columns != generic} | {"": generic}
    TARGET.write_bytes(gzip.compress(json.dumps(kept, sort_keys=True).encode(), mtime=0))


class _Server:
    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def get(self, path: str, accept: str = "application/json") -> Any:
        headers = {"Accept": accept, "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self._url + path, headers=headers)
        with urllib.request.urlopen(request, context=self._context) as answer:
            return json.load(answer)


def _columns(server: _Server) -> Iterator[tuple[str, Any]]:
    for group in [{"name": "", "preferredVersion": {"groupVersion": "v1"}}, *server.get("/apis")["groups"]]:
        version = group["preferredVersion"]["groupVersion"]
        root = f"/apis/{version}" if group["name"] else "/api/v1"
        for resource in server.get(root)["resources"]:
            if "/" in resource["name"] or "list" not in resource["verbs"]:
                continue
            name = ".".join(filter(None, (resource["name"], group["name"])))
            table = server.get(f"{root}/{resource['name']}?limit=1", TABLE)
            yield name, table["columnDefinitions"]


if __name__ == "__main__":
    main()
