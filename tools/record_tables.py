"""Record the rows that a real kube-apiserver makes of objects of built-in kinds.

The objects stand in tests/data/tables.jsonl, a collection a line, beside the cells of their rows in the collection's
Table. This creates them again, all of them before any is listed, and writes down what comes back. Where controllers of
the server itself have a hand in an object's status, it is told with the object, and written to it.

    python tools/record_tables.py                                   # starts the servers of `make controlplane`
    python tools/record_tables.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from recording import RealServer, real_server

RECORDED = Path(__file__).parents[1] / "tests/data/tables.jsonl"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
LEFT_OUT = ("Age", "Last Seen", "First Seen", "Created At", "TimeAdded", "Requestor", "MissingPL")
"""Columns that tell times, who asks, and what controllers of the server find out."""

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__) as server:
        record(server)


def record(server: RealServer) -> None:
    """Create every object and write the file anew."""
    collections = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    for collection in collections:
        for body in collection["objects"]:
            create(server, collection["path"], body)
    for collection in collections:
        collection["rows"] = rows(json.loads(server.get(collection["path"], accept=TABLE)), names_of(collection))
    told = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in collections)
    RECORDED.write_text("".join(f"{line}\n" for line in told))
    print(f"{RECORDED}: {len(collections)} kinds, {sum(len(each['rows']) for each in collections)} rows")


def create(server: RealServer, path: str, body: dict[str, Any]) -> None:
    """An object, and its status where one is told."""
    server.send(path, method="POST", body=json.dumps(body).encode()).close()
    subresource = "approval" if path.endswith("/certificatesigningrequests") else "status"
    if "status" in body and not path.endswith("/nodes"):
        patch = json.dumps({"status": body["status"]}).encode()
        merge = "application/merge-patch+json"
        server.send(
            f"{path}/{body['metadata']['name']}/{subresource}", method="PATCH", body=patch, content_type=merge
        ).close()


def names_of(collection: dict[str, Any]) -> set[str]:
    """The names of what was created there."""
    return {body["metadata"]["name"] for body in collection["objects"]}


def rows(table: dict[str, Any], names: set[str]) -> list[list[Any]]:
    """The cells of these objects, in their order; one more than there are columns is a time, too."""
    columns = [column["name"] for column in table["columnDefinitions"]]
    return [
        [shown(cell, column) for cell, column in itertools.zip_longest(row["cells"], columns, fillvalue=LEFT_OUT[0])]
        for row in table["rows"]
        if row["object"]["metadata"]["name"] in names
    ]


def shown(cell: Any, column: str) -> Any:
    """A cell as it is compared; null where it isn't."""
    if column in LEFT_OUT:
        return None
    return UID.sub("UID", cell) if isinstance(cell, str) else cell


if __name__ == "__main__":
    main()
