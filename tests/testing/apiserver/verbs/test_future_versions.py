"""Versions that a server hasn't got to: what its clients meet after it was restored to an older state."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.storage.storage import FIRST_REVISION
from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
STATE: dict[str, Any] = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def test_a_watch_of_the_state_at_a_future_version_is_refused_once_begun(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        begun = call.clock.monotonic()
        stream = await call.watch(MAPS, resourceVersion="99999", timeoutSeconds="2", **STATE)
        await call("POST", MAPS, {"metadata": {"name": "a"}})
        (event,) = await call.events(stream)
        assert call.clock.monotonic() - begun == 3.0
        assert (event["type"], event["object"]["code"]) == ("ERROR", 504)
        current = call.server.revision
        assert event["object"]["message"] == f"Timeout: Too large resource version: 99999, current: {current}"
        assert event["object"]["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"

    on_server(scenario)


def test_a_version_that_is_got_to_in_time_is_watched(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        asked = call.server.revision + 2
        stream = await call.watch(MAPS, resourceVersion=str(asked), timeoutSeconds="10", **STATE)
        for name in "abc":
            await call("POST", MAPS, {"metadata": {"name": name}})
        await call.clock.sleep(4)
        await call("DELETE", f"{MAPS}/a")
        events = await call.events(stream)
        told = [(event["type"], event["object"]["metadata"].get("name")) for event in events]
        assert told[:5] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("BOOKMARK", None), ("DELETED", "a")]
        assert events[3]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    on_server(scenario)


def test_a_watch_that_its_client_gives_up_meanwhile_is_over(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        stream = await call.watch(MAPS, resourceVersion=str(FIRST_REVISION + 9_999), **STATE)
        await stream.aclose()
        await call.clock.sleep(5)
        assert await call.events(stream) == []

    on_server(scenario)
