from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import attrs
import pytest

from reconcilekit.errors import ApiError, LostAnswerError
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.commit import Primary
from reconcilekit.runtime.events import AGGREGATION_SECONDS, MAX_MESSAGE, MAX_UNSENT, EventRecorder
from reconcilekit.runtime.staging import StagedEvent
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual

CERTIFICATE = Resource("example.com/v1", "Certificate")
LOG = logging.getLogger("tests.events")
FAILED = StagedEvent(reason="NoNames", message="spec.names is empty", is_warning=True)
ISSUED = StagedEvent(reason="Issued", message="all well")


@attrs.define
class ScriptedClient:
    """Keeps what was written, and answers as it is told."""

    clock: VirtualClock
    answers: list[Exception | None] = attrs.field(factory=list)
    seconds: float = 0.0
    created: list[dict[str, Any]] = attrs.field(factory=list)
    patched: list[tuple[ObjectKey, dict[str, Any]]] = attrs.field(factory=list)

    async def create(self, resource: Resource, obj: dict[str, Any]) -> RawObject | None:
        assert resource == Resource("v1", "Event")
        await self._answer()
        self.created.append(obj)
        return None

    async def merge_patch(self, resource: Resource, key: ObjectKey, patch: Mapping[str, Any]) -> RawObject | None:
        assert resource == Resource("v1", "Event")
        await self._answer()
        self.patched.append((key, dict(patch)))
        return None

    async def _answer(self) -> None:
        await self.clock.sleep(self.seconds)
        error = self.answers.pop(0) if self.answers else None
        if error is not None:
            raise error


def primary(name: str = "site", *, namespace: str = "shop", uid: str = "123") -> Primary:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "7"}
    raw = parse_object(json.dumps({"metadata": metadata}).encode(), field_manager=None)
    return Primary(resource=CERTIFICATE, key=raw.key, raw=raw, has_status_subresource=True)


def recorded(
    script: Callable[[EventRecorder, ScriptedClient, VirtualClock], Coroutine[object, object, None]],
    *,
    capacity: int = 10_000,
) -> ScriptedClient:
    """Run the script on virtual time and give back what the client saw."""

    async def main(clock: VirtualClock) -> ScriptedClient:
        client = ScriptedClient(clock)
        recorder = EventRecorder(client, clock=clock, component="certs", log=LOG, capacity=capacity)  # type: ignore[arg-type]
        await script(recorder, client, clock)
        await clock.sleep(0.001)
        await recorder.aclose()
        return client

    return run_virtual(main)


def test_an_event_says_what_happened_to_whom_and_when() -> None:
    async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
        await clock.sleep(60)
        recorder.send(primary(), [FAILED, ISSUED])

    failed, issued = recorded(script).created
    stem, _, suffix = failed["metadata"].pop("name").rpartition(".")
    assert (stem, len(suffix)) == ("site", 16)
    assert failed == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "shop"},
        "involvedObject": {
            "apiVersion": "example.com/v1",
            "kind": "Certificate",
            "namespace": "shop",
            "name": "site",
            "uid": "123",
            "resourceVersion": "7",
        },
        "type": "Warning",
        "reason": "NoNames",
        "message": "spec.names is empty",
        "source": {"component": "certs"},
        "reportingComponent": "certs",
        "reportingInstance": "certs",
        "firstTimestamp": "2025-01-01T00:01:00Z",
        "lastTimestamp": "2025-01-01T00:01:00Z",
        "count": 1,
    }
    assert (issued["type"], issued["reason"]) == ("Normal", "Issued")


def test_one_about_a_cluster_scoped_object_stands_in_the_default_namespace() -> None:
    async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
        recorder.send(primary(namespace=""), [ISSUED])

    (event,) = recorded(script).created
    assert event["metadata"]["namespace"] == "default"
    assert event["involvedObject"]["namespace"] == ""


def test_a_long_message_and_a_long_name_are_cut_to_what_the_api_takes() -> None:
    name = "a" * 235 + "." + "b" * 17

    async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
        recorder.send(primary(name), [StagedEvent(reason="Long", message="x" * 2000)])

    (event,) = recorded(script).created
    assert event["message"] == "x" * MAX_MESSAGE == "x" * 1024
    assert event["metadata"]["name"].rpartition(".")[0] == "a" * 235
    assert event["involvedObject"]["name"] == name


def test_nothing_is_said_of_a_primary_that_is_gone() -> None:
    async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
        recorder.send(attrs.evolve(primary(), raw=None), [ISSUED])

    assert recorded(script).created == []


class TestAggregation:
    def test_the_same_within_ten_minutes_raises_the_count(self) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            for _ in range(4):
                recorder.send(primary(), [FAILED])
                await clock.sleep(AGGREGATION_SECONDS - 1)

        client = recorded(script)
        (event,) = client.created
        key = ObjectKey("shop", event["metadata"]["name"])
        assert client.patched == [
            (key, {"count": 2, "lastTimestamp": "2025-01-01T00:09:59Z"}),
            (key, {"count": 3, "lastTimestamp": "2025-01-01T00:19:58Z"}),
            (key, {"count": 4, "lastTimestamp": "2025-01-01T00:29:57Z"}),
        ]

    def test_after_ten_minutes_it_is_a_new_one(self) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            recorder.send(primary(), [FAILED])
            await clock.sleep(AGGREGATION_SECONDS)
            recorder.send(primary(), [FAILED])

        client = recorded(script)
        assert (len(client.created), client.patched) == (2, [])

    @pytest.mark.parametrize(
        ("about", "event"),
        [
            (primary(uid="456"), FAILED),
            (primary(), attrs.evolve(FAILED, message="another")),
            (primary(), attrs.evolve(FAILED, reason="Another")),
            (primary(), attrs.evolve(FAILED, is_warning=False)),
        ],
        ids=["object", "message", "reason", "type"],
    )
    def test_another_is_an_event_of_its_own(self, about: Primary, event: StagedEvent) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            recorder.send(primary(), [FAILED])
            recorder.send(about, [event])

        client = recorded(script)
        assert (len(client.created), client.patched) == (2, [])

    def test_one_that_somebody_has_deleted_is_made_anew(self) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            client.answers = [None, not_found(), None]
            for _ in range(3):
                recorder.send(primary(), [FAILED])

        client = recorded(script)
        assert [event["count"] for event in client.created] == [1, 1]
        assert [(key.name, patch["count"]) for key, patch in client.patched] == [
            (client.created[1]["metadata"]["name"], 2)
        ]

    def test_no_more_are_remembered_than_the_capacity(self) -> None:
        """The one that was repeated last is remembered longest."""

        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            for name in ("a", "b", "a", "c", "a", "b"):
                recorder.send(primary(name, uid=name), [FAILED])

        client = recorded(script, capacity=2)
        assert [event["involvedObject"]["name"] for event in client.created] == ["a", "b", "c", "b"]
        assert len(client.patched) == 2


def not_found() -> ApiError:
    body = {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": 'events "x" not found', "details": {"name": "x", "kind": "events"},
    }  # fmt: skip
    return ApiError(404, body=json.dumps(body).encode())


class TestFailures:
    @pytest.mark.parametrize(
        "error", [ApiError(500, request="POST /events"), LostAnswerError("reset"), ZeroDivisionError("a bug")]
    )
    def test_it_is_told_in_the_log_and_the_next_is_sent(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            client.answers = [error]
            recorder.send(primary(), [FAILED, ISSUED])

        client = recorded(script)
        assert [event["reason"] for event in client.created] == ["Issued"]
        assert [record.getMessage() for record in caplog.records] == [
            f"event NoNames about Certificate shop/site not sent: {error}"
        ]

    def test_a_slow_server_holds_nobody_up_and_what_is_too_much_is_dropped_and_counted(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            client.seconds = 1.0
            for number in range(MAX_UNSENT + 25):
                recorder.send(primary(), [attrs.evolve(ISSUED, message=str(number))])
            assert clock.monotonic() == 0.0
            await clock.sleep(2 * MAX_UNSENT)

        client = recorded(script)
        assert [event["message"] for event in client.created] == [str(number) for number in range(MAX_UNSENT)]
        assert [record.getMessage() for record in caplog.records] == [
            "25 events dropped: the server takes them too slowly"
        ]

    def test_closing_gives_up_what_was_not_sent(self) -> None:
        async def script(recorder: EventRecorder, client: ScriptedClient, clock: VirtualClock) -> None:
            client.seconds = 10.0
            recorder.send(primary(), [FAILED, ISSUED])
            await clock.sleep(15)
            await recorder.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        assert [event["reason"] for event in recorded(script).created] == ["NoNames"]
