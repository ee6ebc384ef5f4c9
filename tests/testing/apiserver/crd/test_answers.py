"""The embedded server answers as a real kube-apiserver did: tools/record_crds.py wrote down what that said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from tests.testing.apiserver.crd.playing import ANSWERS, cases, parsed_warnings, play

RECORDED: dict[str, list[Any]] = json.loads(ANSWERS.read_text())
CASES = {case["name"]: case for case in cases()}


class Embedded:
    """A server of our own, asked without a socket."""

    def __init__(self, clock: VirtualClock) -> None:
        self._server = ApiServer(clock=clock)

    async def send(self, method: str, path: str, body: Any, media_type: str) -> tuple[int, dict[str, Any], list[str]]:
        path, _, query = path.partition("?")
        answer = await self._server.handle(
            Request(
                method=method,
                path=path,
                query=dict(part.split("=") for part in query.split("&") if part),
                headers={"content-type": media_type or "application/json"},
                body=None if body is None else json.dumps(body).encode(),
            )
        )
        assert isinstance(answer, Response)
        return answer.status, json.loads(answer.body), parsed_warnings(answer.headers.get("warning", ""))

    async def settle(self, name: str) -> None:
        """It settles at once."""


def test_every_case_is_recorded() -> None:
    assert RECORDED.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_answers_are_the_real_ones(name: str) -> None:
    async def main(clock: VirtualClock) -> list[Any]:
        server = Embedded(clock)
        return await play(CASES[name], server.send, server.settle)

    assert run_virtual(main) == RECORDED[name]
