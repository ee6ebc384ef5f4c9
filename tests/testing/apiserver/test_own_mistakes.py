"""Mistakes of the server's own are answered and told, and never an exception out of a request."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Fault, VirtualClock, run_virtual


class Broken(dict[str, str]):
    """Parameters that can't be looked at."""

    def get(self, *args: Any) -> Any:
        raise ZeroDivisionError("broken")


def test_it_is_answered_with_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        answer = await server.transport("tester/1.0").send(Request(method="GET", path="/api", query=Broken()))
        assert answer.status == 500
        assert b'"reason":"InternalError"' in answer.body
        assert b"Internal error occurred: ZeroDivisionError: broken" in answer.body
        assert (server.requests[-1].status, type(server.requests[-1].error)) == (500, ZeroDivisionError)
        assert (await server.transport("tester/1.0").send(Request(method="GET", path="/api"))).status == 200
        assert server.requests[-1].error is None

    with caplog.at_level(logging.ERROR):
        run_virtual(main)
    assert [record.message for record in caplog.records] == ["GET /api met with a mistake of the API server's own"]
    assert "ZeroDivisionError: broken" in caplog.text


def test_a_fault_is_none(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(action="drop"))
        with pytest.raises(LostAnswerError):
            await call("GET", "/api")
        assert call.server.requests[-1].error is None

    on_server(scenario)
