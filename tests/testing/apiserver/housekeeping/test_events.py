"""Events: one storage in two faces, and not for ever."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

CORE = "/api/v1/namespaces/default/events"
OTHER = "/apis/events.k8s.io/v1/namespaces/default/events"
POD = {"kind": "Pod", "namespace": "default", "name": "x"}


def core_event(name: str) -> dict[str, Any]:
    times = {"firstTimestamp": "2025-01-01T00:00:00Z", "lastTimestamp": "2025-01-01T00:00:01Z"}
    body = {"involvedObject": POD, "reason": "R", "message": "m", "source": {"component": "c"}, "count": 3}
    return {"metadata": {"name": name, "namespace": "default"}, **body, **times, "type": "Normal"}


def without_metadata(body: dict[str, Any]) -> dict[str, Any]:
    """What it says; a time that is null says nothing."""
    return {name: value for name, value in body.items() if name != "metadata" and value is not None}


def test_an_event_of_the_core_group_has_another_face(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        created = await call("POST", CORE, core_event("e"))
        other = await call("GET", f"{OTHER}/e")

        assert other.body["metadata"]["uid"] == created.body["metadata"]["uid"]
        assert without_metadata(other.body) == {
            "kind": "Event",
            "apiVersion": "events.k8s.io/v1",
            "reason": "R",
            "regarding": POD,
            "note": "m",
            "type": "Normal",
            "deprecatedSource": {"component": "c"},
            "deprecatedFirstTimestamp": "2025-01-01T00:00:00Z",
            "deprecatedLastTimestamp": "2025-01-01T00:00:01Z",
            "deprecatedCount": 3,
        }
        listed = await call("GET", OTHER, fieldSelector="regarding.name=x,reason=R")
        assert [item["note"] for item in listed.body["items"]] == ["m"]

    on_server(scenario)


def test_an_event_of_the_other_group_has_a_core_face(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        time = "2025-01-01T00:00:00.123456Z"
        body = {"regarding": POD, "reason": "R", "note": "m", "type": "Normal", "action": "A", "eventTime": time}
        body |= {"reportingController": "a/b", "reportingInstance": "i"}
        created = await call("POST", OTHER, {"metadata": {"name": "e", "namespace": "default"}, **body})
        assert (created.status, created.body["note"]) == (201, "m")

        assert without_metadata((await call("GET", f"{CORE}/e")).body) == {
            "kind": "Event",
            "apiVersion": "v1",
            "involvedObject": POD,
            "reason": "R",
            "message": "m",
            "source": {},
            "type": "Normal",
            "eventTime": time,
            "action": "A",
            "reportingComponent": "a/b",
            "reportingInstance": "i",
        }
        series = {"series": {"count": 2, "lastObservedTime": time}}
        patched = await call("PATCH", f"{OTHER}/e", series, patch="merge")
        assert (patched.body["series"], patched.body["note"]) == (series["series"], "m")
        await call("DELETE", f"{OTHER}/e")
        assert (await call("GET", f"{CORE}/e")).status == 404

    on_server(scenario)


def test_both_faces_are_watched(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        stream = await call.watch(OTHER, timeoutSeconds="5")
        await call("POST", CORE, core_event("e"))
        (event,) = await call.events(stream)
        assert (event["type"], event["object"]["apiVersion"], event["object"]["note"]) == (
            "ADDED",
            "events.k8s.io/v1",
            "m",
        )

    on_server(scenario)


def test_an_event_is_gone_an_hour_after_its_last_write(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", CORE, core_event("e"))
        await call.clock.sleep(3000)
        await call("PATCH", f"{CORE}/e", {"count": 4}, patch="merge")
        await call.clock.sleep(3599)
        assert (await call("GET", f"{CORE}/e")).status == 200
        stream = await call.watch(CORE, timeoutSeconds="5")
        await call.clock.sleep(2)
        assert (await call("GET", f"{CORE}/e")).status == 404
        assert [event["type"] for event in await call.events(stream)] == ["ADDED", "DELETED"]

    on_server(scenario)


def test_each_event_has_its_own_hour_and_all_wait_for_one_timer(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        for name in "abc":
            await call("POST", CORE, core_event(name))
            await call.clock.sleep(100)
        await call("PATCH", f"{CORE}/a", {"count": 4}, patch="merge")
        await call("DELETE", f"{CORE}/b")
        await call.clock.sleep(3499)
        assert await names(call) == ["a", "c"]
        await call.clock.sleep(2)
        assert await names(call) == ["a"]
        await call("POST", CORE, core_event("d"))
        await call.clock.sleep(100)
        assert await names(call) == ["d"]
        assert len(call.server._cluster._housekeeper._agenda) == 1
        await call.clock.sleep(3500)
        assert await names(call) == []
        assert len(call.server._cluster._housekeeper._agenda) == 0

    on_server(scenario)


async def names(call: Caller) -> list[str]:
    return [item["metadata"]["name"] for item in (await call("GET", CORE)).body["items"]]


def test_events_stay_where_that_is_wanted(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", CORE, core_event("e"))
        await call.clock.sleep(86400)
        assert (await call("GET", f"{CORE}/e")).status == 200

    on_server(scenario, housekeeping=Housekeeping(event_ttl=None))
