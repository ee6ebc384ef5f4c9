"""Objects of built-in kinds that may be wrong, and what a real kube-apiserver said to them.

`tools/record_refusals.py` asks a real server again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "refusals.jsonl"
NAMESPACE = "golden"

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def load() -> list[dict[str, Any]]:
    """The requests, with their answers."""
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def comparable(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """What of an answer is compared: all of a refusal, of what is taken that it is."""
    if status < 300:
        return {"status": status}
    told = body.get("details", {}).get("causes", ())
    causes = [[cause["reason"], cause["field"], cause["message"]] for cause in told]
    answer = {"status": status, "message": body["message"], "causes": causes}
    found: dict[str, Any] = json.loads(_UID.sub("UID", json.dumps(answer)))
    return found
