"""Record the rows that a real kube-apiserver makes of objects of built-in kinds.

The objects stand in tests/data/tables.jsonl, a collection a line, beside the cells of their rows in the collection's
Table. This creates them again, all of them before any is listed, and writes down what comes back. Where controllers of
the server itself have a hand in an object's status, it is told with the object, and written to it.

    python tools/record_tables.py                                   # starts the servers of `make controlplane`
    python tools/record_tables.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from recording import RealServer, real_server

from tests.recorded_tables import FILE, TABLE, load, reported, rows


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__) as server:
        record(server)


def record(server: RealServer) -> None:
    """Create every object and write the file anew."""
    collections = load()
    for collection in collections:
        for body in collection["objects"]:
            create(server, collection["path"], body)
    for collection in collections:
        table = json.loads(server.get(collection["path"], accept=TABLE))
        collection["rows"] = rows(table, collection["objects"])
    told = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in collections)
    FILE.write_text("".join(f"{line}\n" for line in told))
    print(f"{FILE}: {len(collections)} kinds, {sum(len(each['rows']) for each in collections)} rows")


def create(server: RealServer, path: str, body: dict[str, Any]) -> None:
    """An object, and its status where one is told."""
    server.send(path, method="POST", body=json.dumps(body).encode()).close()
    if told := reported(path, body):
        target, patch = told
        merge = "application/merge-patch+json"
        server.send(target, method="PATCH", body=json.dumps(patch).encode(), content_type=merge).close()


if __name__ == "__main__":
    main()
