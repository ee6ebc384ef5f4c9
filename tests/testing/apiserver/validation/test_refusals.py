"""What a real kube-apiserver refuses of built-in kinds is refused in its words: see tools/record_refusals.py."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual

RECORDED = Path(__file__).parents[3] / "data/refusals.jsonl"
GROUPS: dict[str, list[dict[str, Any]]] = {}
for _line in RECORDED.read_text().splitlines():
    _case = json.loads(_line)
    GROUPS.setdefault(_case["group"], []).append(_case)

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def told(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """What of an answer is compared: all of a refusal, of what is taken that it is."""
    if status < 300:
        return {"status": status}
    causes = [
        [cause["reason"], cause["field"], cause["message"]] for cause in body.get("details", {}).get("causes", ())
    ]
    found: dict[str, Any] = json.loads(
        UID.sub("UID", json.dumps({"status": status, "message": body["message"], "causes": causes}))
    )
    return found


async def answers(cases: list[dict[str, Any]], clock: VirtualClock) -> list[dict[str, Any]]:
    server = ApiServer(clock=clock)
    transport = server.transport("tester/1.0")
    namespace = Request(method="POST", path="/api/v1/namespaces", body=b'{"metadata":{"name":"golden"}}')
    assert (await transport.send(namespace)).status == 201
    found = []
    for case in cases:
        body = json.dumps(case["body"]).encode()
        request = Request(
            method="POST",
            path=case["path"],
            query={"dryRun": "All"},
            body=body,
            headers={"content-type": "application/json"},
        )
        answer = await transport.send(request)
        found.append(told(answer.status, json.loads(answer.body)))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_it_refuses_what_the_real_one_did(group: str) -> None:
    cases = GROUPS[group]

    found = run_virtual(lambda clock: answers(cases, clock))

    others = [(case, answer) for case, answer in zip(cases, found, strict=True) if case["answer"] != answer]
    assert not others, others[0]
