"""Events that repeat, that resemble each other, and that come in floods."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

APPS = "/apis/apps/v1/namespaces/default"
CORE = "/api/v1/namespaces/default"
PLAYED = Housekeeping(workloads=Workloads(ready_after=0.0))
COMBINED = "(combined from similar events): "


def deployment(replicas: int = 0) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template},
    }


async def scale(call: Caller, *sizes: int, pause: float = 2.0) -> None:
    for size in sizes:
        await call("PATCH", f"{APPS}/deployments/web", {"spec": {"replicas": size}}, patch="merge")
        await call.clock.sleep(pause)


async def told(call: Caller) -> list[dict[str, Any]]:
    """What was told of the Deployment, the first first."""
    listed = (await call("GET", f"{CORE}/events", fieldSelector="involvedObject.kind=Deployment")).body["items"]
    return sorted(listed, key=lambda event: int(event["metadata"]["resourceVersion"]))


def test_what_is_told_again_counts_up(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2.0)
        await scale(call, 1, 0, 1, 0, 1)

        down, up = await told(call)
        assert (down["message"][-6:], down["count"]) == ("1 to 0", 2)
        assert (up["message"][-6:], up["count"]) == ("0 to 1", 3)
        assert up["firstTimestamp"] < up["lastTimestamp"]

    on_server(scenario, housekeeping=PLAYED)


def test_ten_that_are_similar_are_told_in_one(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2.0)
        await scale(call, *range(1, 13))

        events = await told(call)
        messages = [event["message"] for event in events]
        assert [message.startswith(COMBINED) for message in messages] == [False] * 9 + [True]
        assert messages[-1].endswith("from 11 to 12")
        assert (events[-1]["count"], events[-1]["reportingComponent"]) == (3, "")

    on_server(scenario, housekeeping=PLAYED)


def test_they_are_similar_no_more_after_ten_minutes_of_silence(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2.0)
        await scale(call, *range(1, 10))
        await call.clock.sleep(601)
        await scale(call, 10)

        assert not any(event["message"].startswith(COMBINED) for event in await told(call))

    on_server(scenario, housekeeping=PLAYED)


def test_a_flood_is_held_back_until_it_ebbs(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2.0)
        await scale(call, *[1, 0] * 20)
        counts = [event["count"] for event in await told(call)]
        assert sum(counts) == 25

        await call.clock.sleep(300)
        await scale(call, 1)
        latest = (await told(call))[-1]
        # Those that were held back count as well.
        assert latest["count"] == 21

    on_server(scenario, housekeeping=PLAYED)


def test_one_that_was_deleted_is_told_anew(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2.0)
        await scale(call, 1, 0)
        await call("DELETE", f"{CORE}/events")
        await scale(call, 1)

        [event] = await told(call)
        assert event["count"] == 2

    on_server(scenario, housekeeping=PLAYED)
