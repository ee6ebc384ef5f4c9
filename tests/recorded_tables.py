"""Rows of built-in kinds' Tables as a real kube-apiserver made them, and what of them is compared.

`tools/record_tables.py` has a real server make them again.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "tables.jsonl"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

_LEFT_OUT = ("Age", "Last Seen", "First Seen", "Created At", "TimeAdded", "Requestor", "MissingPL")
"""Columns that tell times, who asks, and what controllers of the server find out."""

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def load() -> list[dict[str, Any]]:
    """Collections: their paths, the objects that are made there, and their rows."""
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def reported(path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Where the status of an object is written, and the patch; None where none is told, or it is made with it."""
    if "status" not in body or path.endswith("/nodes"):
        return None
    subresource = "approval" if path.endswith("/certificatesigningrequests") else "status"
    return f"{path}/{body['metadata']['name']}/{subresource}", {"status": body["status"]}


def rows(table: dict[str, Any], objects: list[dict[str, Any]]) -> list[list[Any]]:
    """The cells of these objects, in their order; one more than there are columns is a time, too."""
    names = {body["metadata"]["name"] for body in objects}
    columns = [column["name"] for column in table["columnDefinitions"]]
    return [
        [_shown(cell, column) for cell, column in itertools.zip_longest(row["cells"], columns, fillvalue=_LEFT_OUT[0])]
        for row in table["rows"]
        if row["object"]["metadata"]["name"] in names
    ]


def _shown(cell: Any, column: str) -> Any:
    """A cell as it is compared; None where it isn't."""
    if column in _LEFT_OUT:
        return None
    return _UID.sub("UID", cell) if isinstance(cell, str) else cell
