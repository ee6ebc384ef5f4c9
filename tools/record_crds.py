"""Writes down what a real kube-apiserver answers to the cases of tests/data/crd-cases.yaml.

python tools/record_crds.py
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from reconcilekit.testing.controlplane import ADMIN, ControlPlane
from tests.testing.apiserver.crd.playing import ANSWERS, DEFINITIONS, cases, parsed_warnings, play

PATIENCE = 30.0
"""Seconds until a definition's kind is served as it says."""


class RealServer:
    """A kube-apiserver, asked as its administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        config = plane.config(ADMIN)
        self._host = plane.url.removeprefix("https://")
        self._context = ssl.create_default_context(cafile=str(plane.ca_file))
        self._authorization = config.authorization

    async def send(self, method: str, path: str, body: Any, media_type: str) -> tuple[int, dict[str, Any], list[str]]:
        """One request."""
        connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=PATIENCE)
        headers = {"authorization": self._authorization, "content-type": media_type or "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        warnings = [text for header in answer.msg.get_all("Warning") or () for text in parsed_warnings(header)]
        connection.close()
        return answer.status, json.loads(text), warnings

    async def settle(self, name: str) -> None:
        """Wait until the server serves what a definition says."""
        deadline = time.perf_counter() + PATIENCE
        while time.perf_counter() < deadline:
            _, found, _ = await self.send("GET", f"{DEFINITIONS}/{name}", None, "")
            conditions = {c["type"]: c["status"] for c in (found.get("status") or {}).get("conditions") or ()}
            if conditions.get("Established") == "True":
                break
            await asyncio.sleep(0.05)  # noqa: TID251  # a script that waits for another process
        await asyncio.sleep(0.7)  # noqa: TID251  # its handlers follow a little later


async def main() -> None:
    """Play all cases."""
    with ControlPlane.start() as plane:
        server = RealServer(plane)
        answers = {case["name"]: await play(case, server.send, server.settle) for case in cases()}
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    print(f"{sum(map(len, answers.values()))} answers to {len(answers)} cases in {ANSWERS}")


if __name__ == "__main__":
    asyncio.run(main())
