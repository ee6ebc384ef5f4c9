from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from reconcilekit.errors import LostAnswerError

MAPS = "/api/v1/namespaces/default/configmaps"
ALL_MAPS = "/api/v1/configmaps"


def config_map(name: str, /, *, app: str = "x", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"app": app}}, "data": data}


async def fill(call: Any, *names: str) -> None:
    for name in names:
        assert (await call("POST", MAPS, config_map(name))).status == 201


def names_of(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def test_pages_show_one_state_whatever_is_written_between_them(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a", "b", "c", "d")
        first = await call("GET", MAPS, limit="2")
        assert first.body["metadata"]["remainingItemCount"] == 2
        await call("DELETE", f"{MAPS}/c")
        await call("POST", MAPS, config_map("bb"))
        await call("PUT", f"{MAPS}/d", config_map("d", late="1"))
        rest = await call("GET", MAPS, limit="2", **{"continue": first.body["metadata"]["continue"]})
        assert (names_of(first), names_of(rest)) == (["a", "b"], ["c", "d"])
        assert "late" not in (rest.body["items"][1].get("data") or {})
        assert first.version == rest.version
        assert "continue" not in rest.body["metadata"]
        exact = await call("GET", MAPS, resourceVersion=first.version, resourceVersionMatch="Exact")
        assert names_of(exact) == ["a", "b", "c", "d"]
        assert names_of(await call("GET", MAPS)) == ["a", "b", "bb", "d"]

    on_server(scenario)


def test_a_compacted_page_is_expired_and_offers_to_go_on_inconsistently(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a", "b", "c")
        first = await call("GET", MAPS, limit="1")
        await fill(call, "d")
        call.server.compact()
        gone = await call("GET", MAPS, limit="1", **{"continue": first.body["metadata"]["continue"]})
        assert (gone.status, gone.body["reason"]) == (410, "Expired")
        rest = await call("GET", MAPS, **{"continue": gone.body["metadata"]["continue"]})
        assert names_of(rest) == ["b", "c", "d"]

    on_server(scenario)


def test_lists_keep_to_namespace_and_selectors(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", "/api/v1/namespaces/kube-system/configmaps", config_map("k", app="y"))
        await fill(call, "a")
        await call("POST", MAPS, config_map("b", app="y"))
        assert names_of(await call("GET", ALL_MAPS)) == ["a", "b", "k"]
        assert names_of(await call("GET", MAPS)) == ["a", "b"]
        assert names_of(await call("GET", ALL_MAPS, labelSelector="app=y")) == ["b", "k"]
        assert names_of(await call("GET", MAPS, labelSelector="app in (x, z), !gone")) == ["a"]
        assert names_of(await call("GET", MAPS, labelSelector="app notin (x)")) == ["b"]
        assert names_of(await call("GET", MAPS, labelSelector="app!=x,app")) == ["b"]
        assert names_of(await call("GET", MAPS, fieldSelector="metadata.name=b")) == ["b"]
        fields = "metadata.name!=b,metadata.namespace=default"
        assert names_of(await call("GET", ALL_MAPS, fieldSelector=fields)) == ["a"]
        limited = await call("GET", ALL_MAPS, labelSelector="app=y", limit="1")
        assert "remainingItemCount" not in limited.body["metadata"]

    on_server(scenario)


def test_items_of_built_in_kinds_come_without_their_kind_and_custom_ones_with_it(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a")
        assert "kind" not in (await call("GET", MAPS)).body["items"][0]
        await call.define_widgets()
        await call("POST", widgets, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
        assert (await call("GET", widgets)).body["items"][0]["kind"] == "Widget"

    on_server(scenario)


def test_a_watch_tells_what_came_after_its_version_and_ends_in_time(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a")
        version = (await call("GET", MAPS)).version
        await fill(call, "b")
        watch = await call.watch(MAPS, resourceVersion=version, timeoutSeconds="30", allowWatchBookmarks="true")
        await call("PUT", f"{MAPS}/a", config_map("a", x="1"))
        await call("DELETE", f"{MAPS}/b")
        await call("POST", "/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"))
        events = await call.events(watch)
        assert call.clock.monotonic() == 30
        assert told(events) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b"), ("BOOKMARK", "")]
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
        assert versions == sorted(set(versions))
        assert versions[-1] == call.server.revision
        assert events[2]["object"]["metadata"]["labels"] == {"app": "x"}
        assert events[-1]["object"]["kind"] == "ConfigMap"
        assert call.server.watches == []

    on_server(scenario)


@pytest.mark.parametrize("version", ["", "0"])
def test_a_watch_without_a_version_begins_with_what_there_is(version: str, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a", "b")
        watch = await call.watch(MAPS, resourceVersion=version, timeoutSeconds="1", labelSelector="app=x")
        await fill(call, "c")
        assert told(await call.events(watch)) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]

    on_server(scenario)


def test_initial_events_end_with_their_bookmark(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a")
        options = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        watch = await call.watch(MAPS, timeoutSeconds="1", **options)
        events = await call.events(watch)
        assert told(events)[:2] == [("ADDED", "a"), ("BOOKMARK", "")]
        assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    on_server(scenario)


def test_a_selecting_watch_tells_who_enters_and_leaves(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        watch = await call.watch(MAPS, resourceVersion="", timeoutSeconds="1", labelSelector="app=x")
        await call("POST", MAPS, config_map("a", app="y"))
        await call("PUT", f"{MAPS}/a", config_map("a", app="x"))
        await call("PUT", f"{MAPS}/a", config_map("a", app="x", z="1"))
        left = await call("PUT", f"{MAPS}/a", config_map("a", app="y"))
        await call("DELETE", f"{MAPS}/a")
        events = await call.events(watch)
        assert told(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        # It is shown as it was inside, under the version of its leaving.
        assert events[-1]["object"]["metadata"]["labels"] == {"app": "x"}
        assert events[-1]["object"]["metadata"]["resourceVersion"] == left.version

    on_server(scenario)


async def times(call: Any, stream: Any) -> list[tuple[str, float]]:
    """What a watch tells, and when."""
    return [
        (msgspec.json.decode(line)["type"], call.clock.monotonic())
        async for chunk in stream
        for line in chunk.splitlines()
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(2, []), (5, [3]), (62, [60]), (63, [60, 61]), (150, [60, 120, 148])]
)
def test_bookmarks_come_every_minute_and_before_the_end(seconds: int, expected: list[float], on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        options = {"allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        watch = await call.watch(MAPS, resourceVersion=str(call.server.revision), **options)
        await call("POST", "/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"))
        assert await times(call, watch) == [("BOOKMARK", at) for at in expected]

    on_server(scenario)


def test_no_bookmark_tells_what_the_watch_began_with(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        before = call.server.revision
        await fill(call, "a")
        options = {"allowWatchBookmarks": "true", "timeoutSeconds": "70"}
        watch = await call.watch(MAPS, resourceVersion=str(before), **options)
        assert told(await call.events(watch)) == [("ADDED", "a")]
        watch = await call.watch(MAPS, resourceVersion="", **options)
        assert told(await call.events(watch)) == [("ADDED", "a"), ("BOOKMARK", "")], "the end of the state"

    on_server(scenario)


def test_an_old_version_is_gone_by_an_error_event_or_by_http(on_server: Any) -> None:
    async def scenario(call: Any) -> Any:
        await fill(call, "a", "b", "c")
        old = str(call.server.revision - 2)
        call.server.compact()
        fresh = await call.watch(MAPS, resourceVersion=str(call.server.revision), timeoutSeconds="1")
        assert await call.events(fresh) == []
        return await call("GET", MAPS, watch="1", resourceVersion=old)

    by_event = on_server(scenario)
    assert (by_event.status, by_event.body["type"], by_event.body["object"]["code"]) == (200, "ERROR", 410)
    by_http = on_server(scenario, refuse_old_watches=True)
    assert (by_http.status, by_http.body["reason"]) == (410, "Expired")


def test_bounded_history_expires_by_itself(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a", "b", "c", "d")
        oldest = call.server.revision - 2
        kept = await call.watch(MAPS, resourceVersion=str(oldest), timeoutSeconds="1")
        assert told(await call.events(kept)) == [("ADDED", "c"), ("ADDED", "d")]
        gone = await call.watch(MAPS, resourceVersion=str(oldest - 1), timeoutSeconds="1")
        assert told(await call.events(gone)) == [("ERROR", "")]

    on_server(scenario, watch_history=2)


def test_lagging_kinds_are_told_late_and_in_order(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        lags = iter([5.0, 1.0, 3.0])
        call.server.lag("configmaps", lambda: next(lags))
        seen: list[tuple[str, float]] = []

        async def follow(path: str) -> None:
            stream = await call.watch(path, resourceVersion="0", timeoutSeconds="9")
            async for chunk in stream:
                seen.extend((line.decode().split('"')[3], call.clock.monotonic()) for line in chunk.splitlines())

        async with asyncio.TaskGroup() as group:
            group.create_task(follow(MAPS))
            await call.clock.sleep(1)
            await fill(call, "a", "b")
            await call("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
            late = await call.watch(MAPS, resourceVersion=str(call.server.revision - 3), timeoutSeconds="8")
            group.create_task(follow("/api/v1/namespaces/default/secrets"))
            assert told(await call.events(late)) == [("ADDED", "a"), ("ADDED", "b")]
        assert seen == [("ADDED", 1.0), ("ADDED", 6.0), ("ADDED", 6.0)]

    on_server(scenario)


def test_bookmarks_never_run_ahead_of_what_lags(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        lags = iter([1.0, 100.0])
        call.server.lag("configmaps", lambda: next(lags))
        before = call.server.revision
        watch = await call.watch(MAPS, resourceVersion=str(before), timeoutSeconds="70", allowWatchBookmarks="true")
        await fill(call, "a", "b")
        first, *bookmarks = await call.events(watch)
        seen = first["object"]["metadata"]["resourceVersion"]
        assert [event["object"]["metadata"]["resourceVersion"] for event in bookmarks] == [seen] * 2

    on_server(scenario)


def test_a_restored_server_goes_back_in_versions(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await fill(call, "a")
        snapshot = call.server.snapshot()
        await call("DELETE", f"{MAPS}/a")
        await fill(call, "b")
        later = call.server.revision
        closed = await call.watch(MAPS, resourceVersion=str(later), timeoutSeconds="300")
        call.server.restore(snapshot)
        assert await call.events(closed) == []
        assert call.clock.monotonic() == 0
        assert call.server.revision < later
        assert names_of(await call("GET", MAPS)) == ["a"]
        silent = await call.watch(MAPS, resourceVersion=str(later), timeoutSeconds="300")
        await fill(call, "c")
        call.server.restore(snapshot, watches="silent")
        assert await call.events(silent) == []
        assert call.clock.monotonic() == 300

    on_server(scenario)


def test_a_restore_forgets_what_was_still_on_its_way(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.lag("configmaps", 5.0)
        snapshot = call.server.snapshot()
        watch = await call.watch(MAPS, resourceVersion="0", timeoutSeconds="20")
        await fill(call, "a")
        await call.clock.sleep(1)
        call.server.restore(snapshot, watches="silent")
        assert await call.events(watch) == []

    on_server(scenario)


def test_latency_is_half_before_the_effect_and_half_after(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        transport = call.server.transport(latency=lambda: 0.5)
        request = call.request("POST", MAPS, config_map("a"))
        assert (await transport.send(request)).status == 201
        assert (call.clock.monotonic(), call.server.requests[0].at) == (0.5, 0.25)

    on_server(scenario)


def test_a_silent_watch_is_lost_after_the_clients_patience(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        watch = await call.watch(MAPS, silence=20.0, resourceVersion="0")
        with pytest.raises(LostAnswerError, match=r"silent for 20\.0 s"):
            await call.events(watch)
        assert call.server.watches == []

    on_server(scenario)


def test_a_list_about_one_object_has_no_pages_and_no_exact_version(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        path = "/api/v1/namespaces/default/configmaps"
        before = (await call("GET", path)).version
        await call("POST", path, {"metadata": {"name": "a"}})
        query = {"limit": "1", "resourceVersion": before}
        assert (await call("GET", path, **query)).body["items"] == []
        found = await call("GET", path, fieldSelector="metadata.name=a", **query)
        assert [item["metadata"]["name"] for item in found.body["items"]] == ["a"]

    on_server(scenario)
