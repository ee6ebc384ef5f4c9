"""A thousand requests are answered as a real kube-apiserver (v1.37.2) answered them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, run_virtual
from tests.recorded_verbs import comparable, decoded, load, substituted

RECORDED = load()

DIFFERS: dict[str, set[int]] = {
    # A PartialObjectMetadataList of a watch's events (nothing comes of it there), a Table's columns in a streamed list,
    # and the revisions and times in protobuf.
    "watch options": {33, 39, 41},
    # The list of paths is shorter, POST /apis is refused, an escaped slash in a name isn't seen without a socket, and
    # a HEAD has a body without one.
    "get options": {25, 34, 36, 38},
    # The words of the YAML library for its mistakes.
    "apply options": {9, 19},
    # A generation that the client made up is kept by some kinds.
    "create": {6},
    # What only an update's validation of metadata refuses.
    "update": {21},
    # Unknown fields in an operation of a JSON patch.
    "json patch": {33},
    # A Scale as a Table.
    "scale": {21},
    # The real server gave no answer; what a Pod's update changed isn't shown line by line; there's no proxy; resizing
    # isn't validated.
    "pod subresources": {13, 25, 29, 30, 31, 32},
    # Ages of fixed dates, on clocks of other years; what built-in kinds make of empty lists.
    "table rows": {17, 18, 19, 41, 45, 57, 72, 75, 79},
    # The validation of built-in kinds' statuses.
    "status": {7, 9},
    "namespace subresources": {8},
}
"""Steps that are known to be answered otherwise, and why."""


async def play(clock: VirtualClock, case: str) -> list[tuple[int, dict[str, Any], Any]]:
    """The steps whose answers are others than the recorded ones."""
    # A real kube-apiserver has no controllers.
    server = ApiServer(clock=clock, housekeeping=Housekeeping(garbage_collection=False, namespaces=False))
    transport = server.transport("tester/1.0")

    async def send(step: dict[str, Any]) -> dict[str, Any]:
        headers, body = {}, None
        if "body" in step:
            headers["content-type"], body = "application/json", msgspec.json.encode(step["body"])
        if "raw" in step:
            body = step["raw"].encode()
        headers |= {"content-type": step["type"]} if "type" in step else {}
        headers |= {"accept": step["accept"]} if "accept" in step else {}
        request = Request(
            method=step["method"], path=step["path"], query=step.get("query", {}), body=body, headers=headers
        )
        try:
            answer = await transport.send(request)
        except LostAnswerError:
            return {"status": 0, "type": "", "body": None}
        found = {"status": answer.status, "type": answer.headers.get("content-type", "")}
        found["body"] = decoded(step, answer.status, answer.body)
        names = {"warning": "warning", "retry-after": "retry"}
        return found | {kept: answer.headers[name] for name, kept in names.items() if name in answer.headers}

    for step in RECORDED["definitions"]:
        assert (await send(step["request"]))["status"] == 201
    await send({"method": "POST", "path": "/api/v1/namespaces", "body": {"metadata": {"name": "ns"}}})
    answers: list[Any] = []
    others = []
    for number, step in enumerate(RECORDED[case]):
        found = await send(substituted(step["request"], "ns", answers))
        answers.append(found["body"])
        wanted = msgspec.json.decode(msgspec.json.encode(step["answer"]).replace(b"{ns}", b"ns"))
        if comparable(found) != wanted:
            others.append((number, wanted, comparable(found)))
    return others


@pytest.mark.parametrize("case", [case for case in RECORDED if case != "definitions"])
def test_answers_are_the_recorded_ones(case: str) -> None:
    others = run_virtual(lambda clock: play(clock, case), seed=1)
    unexpected = [other for other in others if other[0] not in DIFFERS.get(case, ())]
    assert not unexpected, unexpected[0]
