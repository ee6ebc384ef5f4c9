"""Record what a real kube-apiserver answers to requests about built-in kinds: defaults, refusals, patches, updates.

The requests stand in tests/data/built-in-kinds.jsonl and tests/data/updates.jsonl, one case a line, beside the answers;
this sends them again and writes down what comes back. Names, times and addresses that the server draws are compared by
form alone.

    python tools/record_answers.py                                   # starts the servers of `make controlplane`
    python tools/record_answers.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

from recording import RealServer, real_server

DATA = Path(__file__).parents[1] / "tests/data"
FILES = ("built-in-kinds.jsonl", "updates.jsonl")
NAMESPACE = "golden"


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__) as server:
        send(server, {"method": "POST", "path": "/api/v1/namespaces", "body": {"metadata": {"name": NAMESPACE}}})
        for name in FILES:
            record(server, DATA / name)


def record(server: RealServer, file: Path) -> None:
    """Send the requests of every case in a file, and write it anew."""
    cases = [json.loads(line) for line in file.read_text().splitlines()]
    for case in cases:
        for step in case["steps"]:
            step["answer"] = send(server, step)
    file.write_text("".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in cases))
    print(f"{file}: {len(cases)} cases, {sum(len(case['steps']) for case in cases)} requests")


def send(server: RealServer, step: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    body = step.get("body")
    try:
        with server.send(
            step["path"],
            method=step["method"],
            body=body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode(),
            content_type=step.get("content_type", "application/json"),
            user_agent="tester/1.0",
        ) as answer:
            return _told(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _told(error.code, error)


def _told(status: int, answer: Any) -> dict[str, Any]:
    told = {"status": status, "body": json.loads(answer.read())}
    warnings = answer.headers.get_all("Warning")
    return {**told, "warnings": warnings} if warnings else told


if __name__ == "__main__":
    main()
