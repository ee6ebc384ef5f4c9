"""Whatever stands where a list, a map or a scalar belongs in an object of a built-in kind, it is answered."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual

RECORDED = Path(__file__).parents[3] / "data/refusals.jsonl"
CASES = [
    (case["path"], case["body"]) for case in map(json.loads, RECORDED.read_text().splitlines()) if len(str(case)) < 4000
]
ODD: list[Any] = [
    None, True, 0, -1, 2**31, 2**63, 2**64, 1.5, 1e300, [], {}, [None], [{}], [[]], {"": ""}, {"a": None}, {"a": []},
    {"a": {}}, "", " ", "0", "x", "A b/", "é", "٣", "\x00", "9" * 5000, "9" * 5000 + "%", "1e400", "-1e400", "1e9999",
    "a" * 300, "1Gi\n", "%", "https://[", "2026-01-01T00:00:00Z", ["x", "x"], "/" * 300,
]  # fmt: skip

Way = tuple[str | int, ...]


def paths(value: Any, path: Way = ()) -> Iterator[Way]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def replaced(body: dict[str, Any], path: Way, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy(body)
    at: Any = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


@st.composite
def odd_objects(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Where an object belongs, the object, and the same with something odd in it."""
    where, body = draw(st.sampled_from(CASES))
    path = draw(st.sampled_from(list(paths(body))))
    return where, body, replaced(body, path, draw(st.sampled_from(ODD)))


@hypothesis.given(st.lists(odd_objects(), min_size=1, max_size=4))
def test_it_is_answered(drawn: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        transport = server.transport("tester/1.0")

        async def send(method: str, path: str, body: Any, content_type: str = "application/json") -> int:
            headers = {"content-type": content_type}
            data = json.dumps(body).encode()
            answer = await transport.send(Request(method=method, path=path, body=data, headers=headers))
            if (error := server.requests[-1].error) is not None:
                raise error
            return answer.status

        await send("POST", "/api/v1/namespaces", {"metadata": {"name": "golden"}})
        for where, body, odd in drawn:
            for value in (odd, body):
                await send("POST", where, value)
            name = (body.get("metadata") or {}).get("name", "a")
            for suffix in ("", "/status"):
                await send("PATCH", f"{where}/{name}{suffix}", odd, "application/merge-patch+json")
                await send("PATCH", f"{where}/{name}{suffix}", odd, "application/strategic-merge-patch+json")
                await send("PUT", f"{where}/{name}{suffix}", odd)

    run_virtual(main)
