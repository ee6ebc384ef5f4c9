"""What is remembered of the past is bounded, however big objects are and however long a server lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit.testing import ApiServer, CompactedError, Fault
from reconcilekit.testing.apiserver import faults

PLACE = "/api/v1/namespaces/default/configmaps"


def kept(server: ApiServer) -> int:
    """Bytes of the values in the known versions of all ConfigMaps."""
    changes = [change for change in server.changes() if change.resource.kind == "ConfigMap"]
    return sum(len(((change.before or {}).get("data") or {}).get("v", "")) for change in changes)


async def update(call: Any, count: int, *, size: int) -> None:
    for number in range(count):
        body = {"metadata": {"name": "c"}, "data": {"v": f"{number:04}" + "x" * (size - 4)}}
        assert (await call("PUT", f"{PLACE}/c", body)).status == 200


def test_big_versions_are_forgotten_earlier(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        start = (await call("POST", PLACE, {"metadata": {"name": "c"}})).version
        await update(call, 30, size=10_000)
        assert 30_000 < kept(call.server) <= 50_000
        with pytest.raises(CompactedError, match="watch_history_bytes"):
            call.server.changes(after=int(start))
        gone = await call.events(await call.watch(PLACE, resourceVersion=start, timeoutSeconds="1"))
        assert [event["object"]["code"] for event in gone] == [410]
        # Small ones are as many as before.
        await update(call, 30, size=10)
        there = call.server.revision
        await update(call, 20, size=10)
        assert len(call.server.changes(after=there)) == 20
        # So is what a rewind and a compaction leave.
        call.server.rewind(there)
        await update(call, 30, size=10_000)
        assert kept(call.server) <= 50_000
        call.server.compact()
        await update(call, 30, size=10_000)
        assert 30_000 < kept(call.server) <= 50_000
        fork = call.server.fork()
        assert kept(fork) == kept(call.server)

    on_server(scenario, watch_history_bytes=50_000)


def test_the_latest_change_is_known_whatever_its_size(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", PLACE, {"metadata": {"name": "c"}})
        await update(call, 3, size=10_000)
        assert len([change for change in call.server.changes() if change.resource.kind == "ConfigMap"]) == 1
        await call("DELETE", f"{PLACE}/c")
        [gone] = [change for change in call.server.changes() if change.resource.kind == "ConfigMap"]
        assert gone.type == "DELETED"

    on_server(scenario, watch_history_bytes=1000)


def test_the_log_of_faults_is_bounded(on_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(action="answer", status=503, count=None))
        for number in range(35):
            await call("GET", f"{PLACE}/c{number}")
        paths = [hit.path.rpartition("/")[2] for hit in call.server.faults.log]
        assert 10 <= len(paths) < 20
        assert paths == [f"c{number}" for number in range(35 - len(paths), 35)]

    monkeypatch.setattr(faults, "KEPT_HITS", 10)
    on_server(scenario)


def test_the_garbage_collector_remembers_nobody_who_is_gone(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        owner = (await call("POST", "/api/v1/namespaces/other/configmaps", {"metadata": {"name": "owner"}})).body
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        for number in range(5):
            await call("POST", PLACE, {"metadata": {"name": f"c{number}", "ownerReferences": [reference]}})
        assert [item["metadata"]["name"] for item in (await call("GET", PLACE)).body["items"]] == []
        collector = next(c for c in call.server._cluster._housekeeper._chores if hasattr(c, "_blamed"))
        assert collector._blamed == set()
        events = (await call("GET", "/api/v1/namespaces/default/events")).body["items"]
        assert [event["reason"] for event in events] == ["OwnerRefInvalidNamespace"] * 5

    on_server(scenario)
