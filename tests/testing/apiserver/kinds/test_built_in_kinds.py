"""Requests about built-in kinds are answered as a real kube-apiserver answered them: see tools/record_answers.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping

DATA = Path(__file__).parents[3] / "data"
CASES: dict[str, list[dict[str, Any]]] = {
    case["case"]: case["steps"]
    for name in ("built-in-kinds.jsonl", "updates.jsonl")
    for case in map(json.loads, (DATA / name).read_text().splitlines())
}
DRAWN = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "time",
    "batch.kubernetes.io/controller-uid",
    "controller-uid",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "deletionTimestamp",
    "lastPhaseTransitionTime",
)
"""What a server draws, counts or measures; that it is there is compared."""

MAPS = ("metadata.labels", "metadata.annotations", "data[", "binaryData[")
"""Where causes come in no order."""

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INNER_OBJECT = re.compile(r'Invalid value: \{"(labels|[sS]pec|metadata|Volumes|initContainers)".*\}: ', re.DOTALL)
"""An object as Go has it inside, where ours has it as in JSON."""

INNER_DIFFERENCE = re.compile(r"\n@@ .*?\n(?=, |\]?\Z)", re.DOTALL)
"""How two of those differ; ours doesn't say."""

ENCODED_OBJECT = re.compile(r'Invalid value: "\{.*\}": ', re.DOTALL)
"""An object in a message, whose fields are in another order there than here."""


DRAWN_NAME = re.compile(r"\bgen-[a-z0-9]{5}\b")
SHOWN = "Invalid value: OBJECT: "
PLAIN = (
    (INNER_DIFFERENCE, ""),
    (INNER_OBJECT, SHOWN),
    (ENCODED_OBJECT, SHOWN),
    (UID, "UID"),
    (DRAWN_NAME, "gen-"),
)
"""What is compared instead."""


def comparable(value: Any) -> Any:
    if isinstance(value, dict) and "causes" in value.get("details", {}):
        value = in_one_order(value)
    if isinstance(value, dict):
        return {name: "drawn" if name in DRAWN and item else comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str):
        for pattern, replaced in PLAIN:
            value = pattern.sub(replaced, value)
        return value
    return value


def in_one_order(status: dict[str, Any]) -> dict[str, Any]:
    """A Status whose causes about one map stand in order: Go goes through maps as chance has it."""
    causes = status["details"]["causes"]
    if not all(cause["field"].startswith(MAPS) for cause in causes):
        return status
    told = sorted(f"{cause['field']}: {cause['message']}" for cause in causes)
    assert all(part in status["message"] for part in told)
    details = {**status["details"], "causes": told}
    return {**status, "details": {"ordered": details}, "message": status["message"].partition(" is invalid: ")[0]}


async def replay(steps: list[dict[str, Any]], clock: VirtualClock) -> list[Any]:
    server = ApiServer(clock=clock, housekeeping=Housekeeping(garbage_collection=False, quotas=False))
    transport = server.transport("tester/1.0")
    namespace = Request(method="POST", path="/api/v1/namespaces", body=b'{"metadata":{"name":"golden"}}')
    assert (await transport.send(namespace)).status == 201
    answers = []
    for step in steps:
        body = step.get("body")
        path, _, query = step["path"].partition("?")
        request = Request(
            method=step["method"],
            path=path,
            query=dict(part.split("=") for part in query.split("&") if part),
            body=body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode(),
            headers={"content-type": step.get("content_type", "application/json")},
        )
        answer = await transport.send(request)
        told = {"status": answer.status, "body": json.loads(answer.body)}
        if warning := answer.headers.get("warning"):
            told["warnings"] = re.split(r", (?=299 - )", warning)
        answers.append(comparable(told))
    return answers


@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_the_real_one_did(case: str) -> None:
    steps = CASES[case]

    answers = run_virtual(lambda clock: replay(steps, clock))

    recorded = [comparable(step["answer"]) for step in steps]
    if steps[-1]["method"] == "DELETE":
        # What a deletion answers is its own matter; here it makes room for the next case.
        assert answers.pop()["status"] == recorded.pop()["status"]
    assert answers == recorded
