"""What is asked of logs and forwarded ports is looked at before the Pod, as a real kube-apiserver v1.37.2 does."""

from __future__ import annotations

from typing import Any

import pytest

POD = "/api/v1/namespaces/default/pods/none"
LONG = "9" * 5_000
NO_TIME = 'parsing time "junk" as "2006-01-02T15:04:05Z07:00": cannot parse "junk" as "2006"'
BOTH = "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
NO_PORT = "cannot convert to []int32: strconv.ParseUint: parsing"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"tailLines": LONG}, 400, f'strconv.ParseInt: parsing "{LONG}": value out of range'),
        ({"limitBytes": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"sinceSeconds": ""}, 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        ({"limitBytes": "x", "sinceTime": "junk"}, 400, NO_TIME),
        ({"tailLines": "x", "sinceSeconds": "y"}, 400, 'strconv.ParseInt: parsing "y": invalid syntax'),
        ({"sinceTime": "null"}, 404, 'pods "none" not found'),
        ({"tailLines": "007"}, 404, 'pods "none" not found'),
        ({"sinceSeconds": "0", "sinceTime": "2026-01-01T00:00:00Z"}, 422, BOTH),
        ({"stream": "Stdout"}, 422, "stream: Forbidden: may not be specified"),
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
    ],
)
def test_options_of_logs(on_server: Any, query: dict[str, str], code: int, message: str) -> None:
    async def scenario(call: Any) -> None:
        answer = await call("GET", f"{POD}/log", **query)
        told = f'PodLogOptions "none" is invalid: {message}' if code == 422 else message
        assert (answer.status, answer.message) == (code, told)

    on_server(scenario)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ("x", f'{NO_PORT} "x": invalid syntax'),
        ("80,", f'{NO_PORT} "": invalid syntax'),
        ("65536", f'{NO_PORT} "65536": value out of range'),
    ],
)
def test_ports_to_forward(on_server: Any, ports: str, message: str) -> None:
    async def scenario(call: Any) -> None:
        refused = await call("POST", f"{POD}/portforward", ports=ports)
        assert (refused.status, refused.message) == (400, message)
        assert (await call("POST", f"{POD}/portforward", ports="80,81")).status == 404

    on_server(scenario)
