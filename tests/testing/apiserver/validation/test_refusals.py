"""What a real kube-apiserver refuses of built-in kinds is refused in its words: see tools/record_refusals.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from tests.recorded_refusals import NAMESPACE, comparable, load

GROUPS: dict[str, list[dict[str, Any]]] = {}
for _case in load():
    GROUPS.setdefault(_case["group"], []).append(_case)


async def answers(cases: list[dict[str, Any]], clock: VirtualClock) -> list[dict[str, Any]]:
    server = ApiServer(clock=clock)
    transport = server.transport("tester/1.0")
    body = json.dumps({"metadata": {"name": NAMESPACE}}).encode()
    namespace = Request(method="POST", path="/api/v1/namespaces", body=body)
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
        found.append(comparable(answer.status, json.loads(answer.body)))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_it_refuses_what_the_real_one_did(group: str) -> None:
    cases = GROUPS[group]

    found = run_virtual(lambda clock: answers(cases, clock))

    others = [(case, answer) for case, answer in zip(cases, found, strict=True) if case["answer"] != answer]
    assert not others, others[0]
