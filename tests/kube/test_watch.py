"""A watch from its bytes to its events, whichever way it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconcilekit.errors import ApiError, GarbledAnswerError, LostAnswerError, NotSentError, Operation
from reconcilekit.kube.client import Client
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.kube.watch import Watch, WatchEvent
from reconcilekit.testing.virtual_time import VirtualClock
from tests.kube.scripted import ScriptedStream, ScriptedTransport, serving

WIDGET = Resource("example.com/v1", "Widget")
PATH = "/apis/example.com/v1/widgets"
WATCHING = Operation(verb="watch", api_group="example.com")


def line(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def widget(version: str, **more: Any) -> dict[str, Any]:
    meta = {"name": "w", "namespace": "ns", "resourceVersion": version}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta} | more


def watching(stream: ScriptedStream) -> tuple[ScriptedTransport, Watch]:
    transport = serving().on(f"GET {PATH}", stream)
    client = Client(transport, clock=VirtualClock(), field_manager="m")
    return transport, client.watch(WIDGET, resource_version="4", label_selector="a=b")


async def events_of(*chunks: bytes) -> list[WatchEvent]:
    _, watch = watching(ScriptedStream(list(chunks)))
    async with watch as events:
        return [event async for event in events]


async def test_the_request_asks_for_bookmarks_and_bounds_silence() -> None:
    stream = ScriptedStream([])
    transport, watch = watching(stream)
    async with watch as events:
        assert [event async for event in events] == []
    request = transport.requests[-1]
    assert request.query == {
        "labelSelector": "a=b",
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "4",
        "timeoutSeconds": "290",
    }
    assert request.timeout == 295.0
    assert stream.closed == 1


async def test_events_come_in_order_wherever_chunks_end() -> None:
    data = line("ADDED", widget("5")) + line("MODIFIED", widget("6")) + line("DELETED", widget("7"))
    for size in (1, 7, len(data)):
        events = await events_of(*(data[start : start + size] for start in range(0, len(data), size)))
        assert [(each.type, each.resource_version) for each in events] == [
            ("ADDED", "5"), ("MODIFIED", "6"), ("DELETED", "7")
        ]  # fmt: skip
        assert events[0].object is not None
        assert events[0].object.key == ObjectKey("ns", "w")
        assert events[0].object.decode() == widget("5")


async def test_a_bookmark_is_a_version_without_an_object() -> None:
    bookmark = {"kind": "Widget", "metadata": {"resourceVersion": "12", "creationTimestamp": None}}
    assert await events_of(line("BOOKMARK", bookmark)) == [WatchEvent(type="BOOKMARK", resource_version="12")]


async def test_an_error_event_is_handed_out_as_an_error_too() -> None:
    status = {"kind": "Status", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}
    [event] = await events_of(line("ERROR", status))

    assert event.type == "ERROR"
    assert event.status is not None
    assert (event.status.code, event.status.reason, event.status.message) == (410, "Expired", "too old")
    error = event.error
    assert error is not None
    assert (error.status, error.reason, error.operation) == (410, "Expired", WATCHING)
    assert str(error) == f"WATCH {PATH}: 410: too old"


async def test_an_object_that_cannot_be_read_is_an_event_like_any_other() -> None:
    bad = widget("6") | {"metadata": {"name": "bad", "namespace": "ns", "resourceVersion": "6", "labels": 1}}
    events = await events_of(line("ADDED", bad) + line("ADDED", widget("7")))

    assert events[0].object is None
    assert events[0].undecodable is not None
    assert events[0].undecodable.key == ObjectKey("ns", "bad")
    assert [each.resource_version for each in events] == ["6", "7"]


async def test_a_big_object_passes() -> None:
    data = line("ADDED", widget("5", spec={"a": "x" * 1_400_000}))
    [event] = await events_of(*(data[start : start + 65536] for start in range(0, len(data), 65536)))
    assert event.object is not None
    assert len(event.object.decode()["spec"]["a"]) == 1_400_000


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<html>\n", "a line of 6 bytes is no event: JSON is malformed: invalid character (byte 0)"),
        (b'{"type":"ADDED"}\n', "a line of 16 bytes is no event: Object missing required field `object`"),
        (b'{"type":"NEW","object":{}}\n', "a line of 26 bytes is no event: Invalid enum value 'NEW' - at `$.type`"),
        (line("BOOKMARK", {}), "a line of 34 bytes is no event: Object missing required field `metadata`"),
    ],
)
async def test_a_line_that_is_no_event_is_garbled(data: bytes, problem: str) -> None:
    with pytest.raises(GarbledAnswerError) as caught:
        await events_of(line("ADDED", widget("5")), data)
    assert str(caught.value) == f"WATCH {PATH}: {problem}"
    assert caught.value.operation == WATCHING


async def test_half_a_line_at_the_end_is_a_lost_answer() -> None:
    with pytest.raises(LostAnswerError) as caught:
        await events_of(line("ADDED", widget("5")), b'{"type":"ADD')
    assert str(caught.value) == f"WATCH {PATH}: ended in the middle of an event"
    assert caught.value.operation == WATCHING


async def test_what_came_before_a_break_is_handed_out_first() -> None:
    stream = ScriptedStream([line("ADDED", widget("5"))], error=LostAnswerError("reset"))
    _, watch = watching(stream)
    async with watch as events:
        event = await anext(events)
        with pytest.raises(LostAnswerError, match=r"^reset$") as caught:
            await anext(events)
    assert event.resource_version == "5"
    assert caught.value.operation == WATCHING
    assert stream.closed == 1


async def test_a_refused_watch_raises_on_entry() -> None:
    body = json.dumps({"kind": "Status", "status": "Failure", "message": "too old", "reason": "Expired"}).encode()
    stream = ScriptedStream([body[:9], body[9:]], status=410, headers={"retry-after": "1"})
    _, watch = watching(stream)
    with pytest.raises(ApiError) as caught:
        await watch.__aenter__()
    assert (caught.value.status, caught.value.reason, caught.value.operation) == (410, "Expired", WATCHING)
    assert caught.value.headers == {"retry-after": "1"}
    assert stream.closed == 1


async def test_a_refusal_whose_body_breaks_off_is_still_that_refusal() -> None:
    stream = ScriptedStream([b'{"kin'], status=429, error=LostAnswerError("reset"))
    _, watch = watching(stream)
    with pytest.raises(ApiError, match=rf"^WATCH {PATH}: 429$"):
        await watch.__aenter__()
    assert stream.closed == 1


async def test_a_watch_that_was_not_sent_says_what_it_was() -> None:
    transport = serving().on(f"GET {PATH}", NotSentError("refused"))
    watch = Client(transport, clock=VirtualClock(), field_manager="m").watch(WIDGET, resource_version="4")
    with pytest.raises(NotSentError) as caught:
        await watch.__aenter__()
    assert caught.value.operation == WATCHING


async def test_events_are_read_inside_the_block_only() -> None:
    _, watch = watching(ScriptedStream([line("ADDED", widget("5"))]))
    async with watch:
        assert repr(watch) == "<Watch Widget.example.com/v1 open lines=0 <LineFramer pending=0>>"
    with pytest.raises(RuntimeError, match=r"closed .*: iterate inside its `async with` block$"):
        await anext(watch)
