"""What real servers do now and then, provoked."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.errors import LostAnswerError
from reconcilekit.testing.apiserver import oddities

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str = "a") -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"a": "1"}}


def test_a_write_lands_after_its_504(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.late_write(delay=3, lands_after=30))
        answer = await call("POST", MAPS, config_map())
        assert (answer.status, call.clock.monotonic()) == (504, 3.0)
        assert "kind" not in answer.body
        assert (await call("GET", f"{MAPS}/a")).status == 404
        await call.clock.sleep(31)
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


def test_a_timeout_bounds_the_answer_and_not_the_effect(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.late_write(lands_after=10))
        answer = await call("POST", MAPS, config_map(), timeout="1500ms")
        assert (answer.status, call.clock.monotonic()) == (504, 1.5)
        await call.clock.sleep(11)
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


def test_a_first_create_meets_its_own_write(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.own_write_met())
        answer = await call("POST", MAPS, config_map())
        assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
        assert answer.message == 'configmaps "a" already exists'
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


def test_a_status_without_kind(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.bare_timeout())
        answer = await call("GET", MAPS)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.body == (
            '{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted '
            'timeout","reason":"Timeout","details":{},"code":504}'
        )

    on_server(scenario)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_connection_closes_in_place_of_an_answer(is_done: bool, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.closed_connection(method="POST", is_done=is_done))
        with pytest.raises(LostAnswerError):
            await call("POST", MAPS, config_map())
        assert ((await call("GET", f"{MAPS}/a")).status == 200) is is_done

    on_server(scenario)


@pytest.mark.parametrize(
    ("path", "is_stored"),
    [
        (f"{MAPS}/a", True),
        (MAPS, True),
        ("/api/v1/configmaps", True),
        ("/api/v1/nodes", True),
        ("/api/v1/namespaces/default", True),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", True),
        ("/api/v1", False),
        ("/apis/apps/v1", False),
        ("/version", False),
    ],
)
def test_without_storage_plain_reads_of_objects_time_out(path: str, is_stored: bool, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map())
        for fault in oddities.dead_storage():
            call.server.faults.add(fault)

        plain = call.request("GET", path, silence=100.0)
        assert (await call.server.handle(plain)).status == (504 if is_stored else 200)
        assert (await call("GET", path, resourceVersion="0")).status == 200

    on_server(scenario)


def test_without_storage_what_the_cache_has_looks_healthy(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map())
        watch = await call.watch(MAPS, resourceVersion=str(call.server.revision), timeoutSeconds="200")
        for fault in oddities.dead_storage():
            call.server.faults.add(fault)
        listed = await call("GET", MAPS, resourceVersion="0")
        assert [item["metadata"]["name"] for item in listed.body["items"]] == ["a"]
        assert (await call("POST", MAPS, config_map("b"))).status == 504
        assert (await call("DELETE", f"{MAPS}/a")).status == 504
        assert (await call("GET", "/readyz")).status == 500
        assert await call.events(watch) == []

    on_server(scenario)


def test_plain_texts_of_overload_and_of_absence(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(oddities.overloaded())
        busy = await call("GET", MAPS)
        assert (busy.status, busy.headers["retry-after"]) == (429, "1")
        assert busy.body == "Too many requests, please try again later.\n"
        call.server.faults.add(oddities.unavailable())
        assert ((await call("GET", MAPS)).body) == "service unavailable\n"

    on_server(scenario)


@pytest.mark.parametrize(
    ("text", "code"), [("abc", 400), ("5", 400), ("1us", 504), ("0", 200), ("10h", 200), ("1m5s", 200)]
)
def test_deadlines_are_durations(text: str, code: int, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("GET", MAPS, timeout=text)).status == code

    on_server(scenario)
