"""Send the requests of tests/data/verbs.jsonl.gz to a real kube-apiserver, and keep what it answers now.

The server must be fresh, without a controller manager, as its answers must be its own, and without ServiceAccount
admission.

    python tools/record_verbs.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import sys
import threading
import urllib.parse
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from recording import unverified

from tests.recorded_verbs import FILE, comparable, decoded, load, substituted

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SETTLING = 2.0
"""Seconds until a real server serves a new kind."""

MAX_PATIENCE = 8.0
"""Seconds for an answer; a request that gets none is recorded with status 0."""


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="https://host:port of a fresh kube-apiserver")
    parser.add_argument("--token", required=True, help="a bearer token that may do everything")
    arguments = parser.parse_args()
    sender = _Sender(urllib.parse.urlsplit(arguments.server).netloc, arguments.token)
    lines = []
    for number, (case, steps) in enumerate(load().items()):
        namespace = f"case-{number}"
        if case != "definitions":
            sender.send({"method": "POST", "path": "/api/v1/namespaces", "body": {"metadata": {"name": namespace}}})
        answers: list[Any] = []
        for step in steps:
            answer = sender.send(substituted(step["request"], namespace, answers))
            answers.append(answer["body"])
            step["answer"] = json.loads(json.dumps(comparable(answer)).replace(namespace, "{ns}"))
        if case == "definitions":
            threading.Event().wait(SETTLING)
        lines.append(json.dumps({"case": case, "steps": steps}, ensure_ascii=False) + "\n")
    FILE.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))


class _Sender:
    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "tester/1.0"}
        self._context = unverified()

    def send(self, request: dict[str, Any]) -> dict[str, Any]:
        path = request["path"]
        if request.get("query"):
            path += "?" + urllib.parse.urlencode(request["query"])
        headers, body = dict(self._headers), None
        if "body" in request:
            headers["Content-Type"], body = "application/json", json.dumps(request["body"]).encode()
        if "raw" in request:
            body = request["raw"].encode()
        headers |= {"Content-Type": request["type"]} if request.get("type") else {}
        headers |= {"Accept": request["accept"]} if request.get("accept") else {}
        connection = http.client.HTTPSConnection(self._address, context=self._context, timeout=MAX_PATIENCE)
        try:
            connection.request(request["method"], path, body=body, headers=headers)
            answer = connection.getresponse()
            found = {"status": answer.status, "type": answer.getheader("content-type", "")}
            found["body"] = decoded(request, answer.status, answer.read())
        except (http.client.HTTPException, OSError):
            return {"status": 0, "type": "", "body": None}
        finally:
            connection.close()
        if warnings := answer.headers.get_all("warning"):
            found["warning"] = ", ".join(warnings)
        if after := answer.getheader("retry-after"):
            found["retry"] = after
        return found


if __name__ == "__main__":
    main()
