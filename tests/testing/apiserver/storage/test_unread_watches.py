"""Watches that nobody reads: they end on the clock, keep little, and none stays behind a client that gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Fault, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.storage import watch

PLACE = "/api/v1/namespaces/default/configmaps"


def test_a_watch_that_nobody_reads_ends_on_the_clock(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        stream = await call.watch(PLACE, timeoutSeconds="10")
        await call("POST", PLACE, {"metadata": {"name": "in-time"}})
        await call.clock.sleep(9)
        assert len(call.server.watches) == 1
        await call.clock.sleep(2)
        assert call.server.watches == []
        await call("POST", PLACE, {"metadata": {"name": "late"}})
        assert [event["object"]["metadata"]["name"] for event in await call.events(stream)] == ["in-time"]

    on_server(scenario)


def test_bookmarks_come_when_they_are_due_though_nobody_reads(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        start = str(call.server.revision)
        stream = await call.watch(PLACE, resourceVersion=start, timeoutSeconds="130", allowWatchBookmarks="true")
        await call("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
        there = str(call.server.revision)
        await call.clock.sleep(70)
        await call("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "t"}})
        events = await call.events(stream)
        assert told(events)[0] == ("BOOKMARK", there)

    on_server(scenario)


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["resourceVersion"]) for event in events]


async def update(call: Any, count: int, size: int) -> list[str]:
    """The versions of an object that grows a backlog."""
    versions = []
    for number in range(count):
        body = {"metadata": {"name": "c"}, "data": {"v": f"{number}" + "x" * size}}
        versions.append((await call("PUT", f"{PLACE}/c", body)).version)
    return versions


def test_a_watch_whose_client_is_stuck_is_ended_and_can_be_gone_on_from(
    on_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(call: Any) -> None:
        made = await call("POST", PLACE, {"metadata": {"name": "c"}})
        stream = await call.watch(PLACE, resourceVersion=made.version)
        versions = await update(call, 20, 1000)
        await call.clock.sleep(2)
        assert call.server.watches == []
        versions += await update(call, 20, 1000)
        first = told(await call.events(stream))
        assert 5 < len(first) < 10
        rest = told(await call.events(await call.watch(PLACE, resourceVersion=first[-1][1], timeoutSeconds="1")))
        assert first + rest == [("MODIFIED", version) for version in versions]

    monkeypatch.setattr(watch, "MAX_BACKLOG", 10_000)
    on_server(scenario)


def test_a_watch_whose_client_reads_is_told_a_burst_however_long(
    on_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(call: Any) -> None:
        made = await call("POST", PLACE, {"metadata": {"name": "c"}})
        stream = await call.watch(PLACE, resourceVersion=made.version, timeoutSeconds="5")
        reading = asyncio.ensure_future(call.events(stream))
        versions: list[str] = []
        for _ in range(3):
            versions += await update(call, 20, 1000)
            await call.clock.sleep(1)
        assert told(await reading) == [("MODIFIED", version) for version in versions]

    monkeypatch.setattr(watch, "MAX_BACKLOG", 10_000)
    on_server(scenario)


def test_a_burst_that_comes_at_once_is_told_whole(
    on_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(call: Any) -> None:
        for number in range(100):
            await call("POST", PLACE, {"metadata": {"name": f"c{number}"}, "data": {"v": "x" * 1000}})
        stream = await call.watch(PLACE, timeoutSeconds="5")
        reading = asyncio.ensure_future(call.events(stream))
        await call("DELETE", PLACE)
        assert [event["type"] for event in await reading].count("DELETED") == 100

    monkeypatch.setattr(watch, "MAX_BACKLOG", 10_000)
    on_server(scenario)


def test_a_watch_of_a_loop_that_is_gone_keeps_little(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opened() -> None:
        await server.transport().open(Request(method="GET", path=PLACE, query={"watch": "1"}))

    async def busy() -> None:
        for number in range(20):
            body = msgspec.json.encode({"metadata": {"name": f"c{number}"}, "data": {"v": "x" * 1000}})
            await server.transport().send(Request(method="POST", path=PLACE, body=body))
        await clock.sleep(0.02)

    monkeypatch.setattr(watch, "MAX_BACKLOG", 10_000)
    monkeypatch.setattr(watch, "PATIENCE", 0.01)
    clock = SystemClock()
    server = ApiServer(clock=clock)
    asyncio.run(opened())
    asyncio.run(busy())
    assert server.watches == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(query={"watch": "1"}, action="delay", delay=5),
        Fault(query={"watch": "1"}, action="second_try"),
        Fault(query={"watch": "1"}, action="late_write", delay=0, lands_after=5),
    ],
    ids=lambda fault: fault.action,
)
def test_no_watch_stays_behind_a_client_that_gave_up(fault: Fault) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        server.faults.add(fault)
        request = Request(method="GET", path=PLACE, query={"watch": "1"}, timeout=1)
        transport = server.transport()
        if fault.action == "delay":
            with pytest.raises(LostAnswerError):
                await transport.open(request)
        else:
            await (await transport.open(request)).aclose()
        await clock.sleep(10)
        assert server.watches == []

    run_virtual(main)


def test_no_watch_stays_behind_a_client_that_gave_up_while_its_answer_was_on_the_way() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        request = Request(method="GET", path=PLACE, query={"watch": "1"}, timeout=1)
        with pytest.raises(LostAnswerError):
            await server.transport(latency=lambda: 1.5).open(request)
        assert server.watches == []

    run_virtual(main)
