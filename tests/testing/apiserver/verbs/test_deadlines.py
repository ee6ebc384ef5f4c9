"""How long a request gives the server: its `timeout`, as Go reads durations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize("told", ["+5s", "-1s", "-0", "0s", "1h", "1m.5s"])
def test_a_duration_is_a_deadline(on_server: Any, told: str) -> None:
    async def scenario(call: Caller) -> None:
        assert (await call("GET", MAPS, timeout=told)).status == 200

    on_server(scenario)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("1", 'missing unit in duration "1"'),
        ("1d", 'unknown unit "d" in duration "1d"'),
        ("9" * 400 + "s", 'invalid duration "' + "9" * 400 + 's"'),
    ],
)
def test_what_is_none_is_refused(on_server: Any, told: str, why: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("GET", MAPS, timeout=told)
        assert answer.status == 400
        assert answer.message == f"invalid timeout specified in the request URL - time: {why}"

    on_server(scenario)
