"""A watch as Tables: the columns stand in its first line, and there alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
STATE = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


async def tables(call: Caller, **query: str) -> list[tuple[str, bool]]:
    """The events' types, and whether they have columns; one thing is made while the watch goes on."""
    query = {"watch": "1", "timeoutSeconds": "10", **query}
    stream = await call.server.transport("t").open(call.request("GET", MAPS, accept=TABLE, query=query))
    await call("POST", MAPS, {"metadata": {"name": "late"}})
    events = await call.events(stream)
    return [(event["type"], bool(event["object"]["columnDefinitions"])) for event in events]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"]])
def test_of_the_state_the_first_line_has_columns(on_server: Any, names: list[str]) -> None:
    async def scenario(call: Caller) -> None:
        for name in names:
            await call("POST", MAPS, {"metadata": {"name": name}})
        told = await tables(call, **STATE)
        kinds = ["ADDED"] * len(names) + ["BOOKMARK", "ADDED", "BOOKMARK"]
        assert told == [(kind, place == 0) for place, kind in enumerate(kinds)]

    on_server(scenario)


def test_a_selection_of_nothing_begins_with_its_bookmark(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})
        told = await tables(call, labelSelector="app", **STATE)
        assert told == [("BOOKMARK", True), ("BOOKMARK", False)]

    on_server(scenario)


def test_a_bookmark_may_be_the_first_line(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        told = await tables(
            call, allowWatchBookmarks="true", labelSelector="app", resourceVersion=str(call.server.revision)
        )
        assert told == [("BOOKMARK", True)]

    on_server(scenario)
