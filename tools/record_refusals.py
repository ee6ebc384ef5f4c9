"""Record what a real kube-apiserver says to objects of built-in kinds that may be wrong.

The requests stand in tests/data/refusals.jsonl, one a line, beside the answers: of a refusal its message and causes,
of what is taken the status alone. This sends them again, as dry runs, and writes down what comes back.

    python tools/record_refusals.py                                   # starts the servers of `make controlplane`
    python tools/record_refusals.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import json
import sys
import urllib.error
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from recording import RealServer, real_server

from tests.recorded_refusals import FILE, NAMESPACE, comparable, load


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__) as server:
        record(server)


def record(server: RealServer) -> None:
    """Send every request and write the file anew."""
    post(server, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    cases = load()
    for case in cases:
        case["answer"] = post(server, f"{case['path']}?dryRun=All", case["body"])
    FILE.write_text("".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in cases))
    print(f"{FILE}: {len(cases)} requests")


def post(server: RealServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the server says to a new object."""
    try:
        with server.send(
            path,
            method="POST",
            body=json.dumps(body).encode(),
            content_type="application/json",
            user_agent="tester/1.0",
        ) as answer:
            return comparable(answer.status, {})
    except urllib.error.HTTPError as error:
        return comparable(error.code, json.loads(error.read()))


if __name__ == "__main__":
    main()
