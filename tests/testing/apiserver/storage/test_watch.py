"""Watches of many objects: told a few at a time, as they stood, and at no cost to other kinds' writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from reconcilekit.testing import Fault
from tests.calls import calls_of

PLACE = "/api/v1/namespaces/default/configmaps"


async def fill(call: Any, count: int) -> None:
    for number in range(count):
        await call("POST", PLACE, {"metadata": {"name": f"c{number:03}"}})


def names(lines: bytes) -> list[str]:
    return [msgspec.json.decode(line)["object"]["metadata"]["name"] for line in lines.splitlines()]


def test_the_state_comes_in_small_chunks_as_it_stood_and_changes_after_it(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, 350)
        stream = await call.watch(PLACE, timeoutSeconds="1")
        await call("DELETE", f"{PLACE}/c300")
        await call("POST", PLACE, {"metadata": {"name": "a-late-one"}})
        chunks = [names(chunk) async for chunk in stream]
        assert max(map(len, chunks)) <= 100
        told = [name for chunk in chunks for name in chunk]
        assert told == [*(f"c{number:03}" for number in range(350)), "c300", "a-late-one"]

    on_server(scenario)


def test_others_are_answered_between_the_chunks(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, 350)
        stream = await call.watch(PLACE, timeoutSeconds="1")
        sizes = []
        async for chunk in stream:
            sizes.append(len(chunk.splitlines()))
            if len(sizes) <= 3:
                assert (await call("POST", PLACE, {"metadata": {"name": f"d{len(sizes)}"}})).status == 201
        assert sizes == [50, 50, 50, 50, 50, 50, 50, 3]

    on_server(scenario)


def test_a_fault_strikes_in_the_middle_of_the_state(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, 5)
        call.server.faults.add(Fault(query={"watch": "1"}, action="garbage_line", after_events=2))
        call.server.faults.add(Fault(query={"watch": "1"}, action="close", after_events=2))
        first = b"".join([chunk async for chunk in await call.watch(PLACE, timeoutSeconds="1")]).splitlines()
        assert [line.startswith(b"{") for line in first] == [True, True, False, True, True, True]
        second = await call.watch(PLACE, timeoutSeconds="1")
        await call("POST", PLACE, {"metadata": {"name": "never-told"}})
        assert [event["object"]["metadata"]["name"] for event in await call.events(second)] == ["c000", "c001"]

    on_server(scenario)


def test_watches_of_a_kind_cost_a_write_of_another_nothing(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any, watches: int) -> int:
        await fill(call, 200)
        streams = [await call.watch(PLACE, timeoutSeconds="1") for _ in range(watches)]
        await call("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "warm"}})
        request = call.request("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "new"}})
        handling = call.server.handle(request)
        count = calls_of(lambda: finish(handling))
        for stream in streams:
            await stream.aclose()
        return count

    none, many = (on_server(lambda call, n=n: scenario(call, n)) for n in (0, 50))
    assert many <= none + 20


def finish(coroutine: Any) -> None:
    """Run to its end what never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def test_a_create_costs_the_same_among_many_as_among_few(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any, others: int) -> int:
        await fill(call, others)
        await call("POST", PLACE, {"metadata": {"name": "warm"}})
        handling = call.server.handle(call.request("POST", PLACE, {"metadata": {"name": "b-new"}}))
        return calls_of(lambda: finish(handling))

    few, many = (on_server(lambda call, n=n: scenario(call, n)) for n in (2, 900))
    assert many <= few + 20


def test_a_list_of_one_namespace_costs_nothing_for_the_objects_of_others(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any, others: int) -> int:
        await call("POST", "/api/v1/namespaces", {"metadata": {"name": "small"}})
        await call("POST", "/api/v1/namespaces/small/configmaps", {"metadata": {"name": "one"}})
        await fill(call, others)
        handling = call.server.handle(call.request("GET", "/api/v1/namespaces/small/configmaps"))
        return calls_of(lambda: finish(handling))

    few, many = (on_server(lambda call, n=n: scenario(call, n)) for n in (2, 900))
    assert many <= few + 20


def test_a_deletion_shows_the_last_version_that_was_stored(on_server: Any) -> None:
    """The write that takes the last finalizer off is never stored, so its other changes aren't seen, either."""

    async def scenario(call: Any) -> None:
        maps = "/api/v1/namespaces/default/configmaps"
        body = {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}, "data": {"k": "old"}}
        assert (await call("POST", maps, body)).status == 201
        stream = await call.watch(maps, timeoutSeconds="1")
        await call("DELETE", f"{maps}/a")
        await call("PATCH", f"{maps}/a", {"metadata": {"finalizers": None}, "data": {"k": "new"}}, patch="merge")

        last = (await call.events(stream))[-1]

        assert last["type"] == "DELETED"
        assert last["object"]["metadata"]["finalizers"] == ["example.com/hold"]
        assert last["object"]["data"] == {"k": "old"}

    on_server(scenario)
