"""What a world on a real server waits for before its time passes."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from reconcilekit.kube.transport import Request, Response
from tests.awaited_events import AwaitedEvents

MAPS = "/api/v1/namespaces/default/configmaps"


@attrs.define(eq=False)
class Watch:
    path: str = MAPS
    seen: int = 10
    selects: bool = False
    gone: set[str] = attrs.field(factory=set)


def answered(awaited: AwaitedEvents, *watches: Watch, method: str = "PUT", path: str = MAPS, **body: Any) -> None:
    answer = Response(status=200, headers={}, body=json.dumps(body).encode())
    awaited.answered(Request(method=method, path=path), answer, watches)


def metadata(version: int, **more: Any) -> dict[str, Any]:
    return {"uid": "u", "resourceVersion": str(version), **more}


DELETED = {"kind": "Status", "details": {"uid": "u"}}
HELD = {"deletionTimestamp": "2025-01-01T00:00:00Z", "finalizers": ["a/b"]}
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "a change": ("PUT", {"metadata": metadata(12)}),
    "a deletion that is held": ("DELETE", {"metadata": metadata(12, **HELD)}),
}
DELETIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "a deletion": ("DELETE", DELETED),
    "a deletion that shows the object": ("DELETE", {"metadata": metadata(9)}),
    "a deletion of all": ("DELETE", {"metadata": {"resourceVersion": "12"}, "items": [{"metadata": metadata(9)}]}),
    "the last finalizer's end": ("PUT", {"metadata": metadata(9, deletionTimestamp="2025-01-01T00:00:00Z")}),
}


@pytest.mark.parametrize("case", WRITES)
def test_the_version_of_a_write_is_awaited(case: str) -> None:
    awaited, watch = AwaitedEvents(), Watch()
    method, body = WRITES[case]
    answered(awaited, watch, method=method, **body)
    for watch.seen, is_awaited in ((10, True), (11, True), (12, False)):
        awaited.told(watch)
        assert bool(awaited) is is_awaited


@pytest.mark.parametrize("case", DELETIONS)
def test_what_is_gone_is_awaited_whatever_else_is_told(case: str) -> None:
    awaited, watch = AwaitedEvents(), Watch()
    method, body = DELETIONS[case]
    answered(awaited, watch, method=method, **body)
    watch.seen = 99
    awaited.told(watch)
    assert awaited
    watch.gone.add("u")
    awaited.told(watch)
    assert not awaited


@pytest.mark.parametrize(
    "watch", [Watch(path="/api/v1/secrets"), Watch(path="/api/v1/namespaces/other/configmaps"), Watch(selects=True)]
)
def test_a_watch_that_needn_t_tell_of_it_is_not_waited_for(watch: Watch) -> None:
    awaited = AwaitedEvents()
    answered(awaited, watch, metadata=metadata(12))
    assert not awaited


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_watch_that_begins_before_a_write_is_waited_for(method: str) -> None:
    awaited = AwaitedEvents()
    answered(awaited, method="GET", metadata={"resourceVersion": "11"}, items=[])
    answered(awaited, method=method, **(DELETED if method == "DELETE" else {"metadata": metadata(12)}))
    for version, is_awaited in ((0, False), (10, True), (11, True), (12, False)):
        watch = Watch(seen=version)
        awaited.begun(watch, version)
        assert bool(awaited) is is_awaited
        awaited.ended(watch)
        assert not awaited


def test_a_read_a_refusal_and_a_dry_run_are_no_writes() -> None:
    awaited, watch = AwaitedEvents(), Watch()
    body = json.dumps({"metadata": metadata(12)}).encode()
    awaited.answered(Request(method="GET", path=MAPS), Response(status=200, headers={}, body=body), [watch])
    awaited.answered(Request(method="PUT", path=MAPS), Response(status=409, headers={}, body=body), [watch])
    dry = Request(method="PUT", path=MAPS, query={"dryRun": "All"})
    awaited.answered(dry, Response(status=200, headers={}, body=body), [watch])
    assert not awaited
