"""What the reflector survives, on real sockets.

The clock runs five hundred times as fast as the wall's, for the server and the cache alike: their production settings
hold, and a watch's 290 s are 0.58. With a real server, whose answers take the wall's time, it's a hundred times.
"""

from __future__ import annotations

import asyncio
import json
import random as _random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import attrs
import pytest

from reconcilekit.cache import Cache, HealthState
from reconcilekit.clock import SystemClock
from reconcilekit.kube.client import Client
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.testing import CUSTOM_RESOURCE_DEFINITION, custom_kind
from reconcilekit.testing.apiserver import ApiServer, Fault, RequestRecord
from tests.cache.scripted import CONFIG_MAP, SECRET, WIDGET, Recorder
from tests.real_world import RealWorld, real_api_server

SPEED, SPEED_OF_REAL = 500, 100
PATIENCE = 100.0
"""Seconds of the wall's clock for what is known to come."""

PATH = "/api/v1/configmaps"


@attrs.frozen
class FastClock:
    """The system's clock, sped up."""

    speed: int = SPEED
    system: SystemClock = attrs.field(factory=lambda: SystemClock(random=_random.Random(1)))

    @property
    def random(self) -> _random.Random:
        return self.system.random

    def monotonic(self) -> float:
        return self.system.monotonic() * self.speed

    def now(self) -> datetime:
        return self.system.now()

    async def sleep(self, seconds: float) -> None:
        await self.system.sleep(seconds / self.speed)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return self.system.timeout(None if seconds is None else seconds / self.speed)

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        return self.system.call_later(seconds / self.speed, callback)


@attrs.frozen(kw_only=True)
class Scene:
    """A server on a socket, a client, and a cache that reads through its own connections."""

    clock: FastClock
    server: ApiServer
    client: Client
    cache: Cache
    recorder: Recorder

    async def start(self, *resources: Resource) -> None:
        for resource in resources:
            self.cache.declare(resource)
        await self.cache.start()

    async def create(self, name: str, resource: Resource = CONFIG_MAP) -> RawObject:
        return await self.client.create(resource, manifest(name))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with self.clock.timeout(PATIENCE * self.clock.speed):
            while not condition():
                await self.clock.sleep(1)

    async def is_followed(self) -> None:
        """See that an object made now reaches the cache: whatever happened, it was survived."""
        obj = await self.create(f"last-{self.server.revision}")
        await self.until(lambda: self.cache.store(CONFIG_MAP).get(obj.key) is not None)
        there = self.server.objects(CONFIG_MAP, namespace="default")
        assert cached_names(self.cache) == sorted(each["metadata"]["name"] for each in there)

    async def goes_on_with(self, *verbs: str) -> None:
        """See what the cache asked for from its start, and that the kind is followed after that."""
        await self.until(lambda: len(self.asked()) >= len(verbs) and self.server.watches)
        assert self.asked()[: len(verbs)] == list(verbs)
        await self.is_followed()

    def told(self) -> list[str]:
        """What the cache has told of the objects that are the test's."""
        return self.recorder.told(namespace="default")

    def asked(self, path: str = PATH) -> list[str]:
        """The cache's requests for a kind: "list", "check" or "watch" (the client of the test lists nothing)."""
        return [verb(record) for record in self.server.requests if record.path == path and record.method == "GET"]


def manifest(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}}


def verb(record: RequestRecord) -> str:
    if "watch" in record.query:
        return "watch"
    return "check" if record.query.get("limit") == "1" else "list"


def cached_names(cache: Cache) -> list[str]:
    """Of the namespace that is the test's: a real server has others."""
    return sorted(key.name for key in list(cache.store(CONFIG_MAP).keys()) if key.namespace == "default")


@asynccontextmanager
async def serving(world: RealWorld | None) -> AsyncIterator[tuple[FastClock, ApiServer]]:
    clock = FastClock(speed=SPEED if world is None else SPEED_OF_REAL)
    if world is None:
        yield clock, ApiServer(clock=clock)
        return
    async with real_api_server(world, clock) as server:
        yield clock, server


@pytest.fixture
async def scene(world_lane: RealWorld | None) -> AsyncIterator[Scene]:
    async with serving(world_lane) as (clock, server), server.serve() as endpoint:
        transport = HttpTransport(ConnectionConfig(server=endpoint.url), user_agent="survivor")
        client = Client(transport, clock=clock, field_manager="survivor")
        cache = Cache(client, clock=clock)
        recorder = Recorder()
        cache.subscribe(recorder)
        yield Scene(clock=clock, server=server, client=client, cache=cache, recorder=recorder)
        await cache.aclose()
        await transport.aclose()


def watch_fault(**fields: Any) -> Fault:
    return Fault(**({"method": "GET", "path": PATH, "query": {"watch": "1"}} | fields))


class TestWatchesThatFail:
    async def test_410_at_the_start(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(status=410, reason="Expired", message="too old resource version"))
        await scene.start(CONFIG_MAP)
        await scene.goes_on_with("list", "watch", "list", "watch")

    async def test_410_in_mid_stream(self, scene: Scene) -> None:
        scene.server.faults.add(
            watch_fault(action="error_event", after_events=1, status=410, reason="Expired", message="too old")
        )
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        await scene.create("a")
        await scene.goes_on_with("list", "watch", "list", "watch")
        assert scene.told()[0] == "+a"

    async def test_a_watch_that_goes_silent(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="silence"))
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: "watch" in scene.asked())
        began = scene.clock.monotonic()
        await scene.create("a")
        await scene.until(lambda: cached_names(scene.cache) == ["a"])

        assert scene.clock.monotonic() - began >= 250
        await scene.goes_on_with("list", "watch", "check", "watch")

    async def test_a_watch_that_closes_early(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="close", count=3))
        await scene.start(CONFIG_MAP)
        await scene.goes_on_with("list", "watch", "check", "watch")

    async def test_a_connection_that_breaks(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="break", after_events=1))
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        await scene.create("a")
        await scene.goes_on_with("list", "watch", "check", "watch")

    async def test_half_a_line(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="half_line", after_events=1))
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        await scene.create("a")
        await scene.goes_on_with("list", "watch", "check", "watch")

    async def test_a_line_that_is_no_event(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="garbage_line"))
        await scene.start(CONFIG_MAP)
        await scene.goes_on_with("list", "watch", "check", "watch")

    async def test_an_error_event(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="error_event", status=500, message="etcdserver: leader changed"))
        await scene.start(CONFIG_MAP)
        await scene.goes_on_with("list", "watch", "list", "watch")


class TestRefusals:
    async def test_429_with_retry_after(self, scene: Scene) -> None:
        scene.server.faults.add(Fault(path=PATH, status=429, reason="TooManyRequests", retry_after=60))
        scene.server.faults.add(watch_fault(status=429, reason="TooManyRequests", retry_after=60))
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.cache.is_readable(CONFIG_MAP) and scene.server.watches)
        times = [record.at for record in scene.server.requests if record.path == PATH]

        assert scene.asked()[:5] == ["list", "list", "watch", "check", "watch"]
        assert times[1] - times[0] >= 60
        assert times[3] - times[2] >= 60
        await scene.is_followed()

    async def test_403_for_one_kind(self, scene: Scene) -> None:
        forbidden = scene.server.faults.add(
            Fault(path="/api/v1/secrets", count=None, status=403, reason="Forbidden", message="secrets is forbidden")
        )
        await scene.start(CONFIG_MAP, SECRET)
        await scene.until(lambda: len(scene.asked("/api/v1/secrets")) >= 3)
        await scene.is_followed()

        health = scene.cache.health()
        assert health[CONFIG_MAP].state is HealthState.SYNCED
        assert health[SECRET].state is HealthState.FORBIDDEN
        assert "secrets is forbidden" in health[SECRET].message
        scene.server.faults.remove(forbidden)
        await scene.cache.wait_synced([SECRET])

    async def test_a_leader_change_while_listing(self, scene: Scene) -> None:
        scene.server.faults.add(Fault(path=PATH, count=2))
        await scene.start(CONFIG_MAP)
        await scene.cache.wait_synced([CONFIG_MAP])

        assert scene.asked()[:3] == ["list", "list", "list"]
        await scene.is_followed()

    @pytest.mark.parametrize("action", ["drop", "truncate", "half_body"])
    async def test_half_an_answer_to_the_list(self, scene: Scene, action: Any) -> None:
        await scene.create("a")
        scene.server.faults.add(Fault(path=PATH, method="GET", action=action))
        await scene.start(CONFIG_MAP)
        await scene.is_followed()

    async def test_watches_that_close_empty_make_no_loop(self, scene: Scene) -> None:
        scene.server.faults.add(watch_fault(action="close", count=None))
        await scene.start(CONFIG_MAP)
        began = scene.clock.monotonic()
        await scene.clock.sleep(200)
        await scene.until(lambda: len(scene.asked()) > 3)
        seconds = scene.clock.monotonic() - began

        assert len(scene.asked()) <= 12 + seconds / 15 * 2


class TestObjects:
    async def test_one_that_cannot_be_decoded_in_a_list(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        version = (await scene.create("a")).meta.resource_version
        metadata = {"namespace": "default", "resourceVersion": version}
        items = [
            {"metadata": {"name": name, "uid": name, "labels": labels} | metadata}
            for name, labels in (("good", {"a": "b"}), ("bad", {"a": 1}))
        ]
        body = {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items}
        scene.server.faults.add(Fault(method="GET", path=PATH, status=200, body=body))
        await scene.start(CONFIG_MAP)
        await scene.cache.wait_synced([CONFIG_MAP])

        assert cached_names(scene.cache) == ["good"]
        assert scene.cache.health()[CONFIG_MAP].undecodable == (ObjectKey("default", "bad"),)
        report = next(record for record in caplog.records if "can't be decoded" in record.getMessage())
        assert report.__dict__["key"] == "default/bad"

    async def test_one_that_cannot_be_decoded_in_a_watch_keeps_its_last_good_version(self, scene: Scene) -> None:
        good = await scene.create("a")
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        version = str(int(good.meta.resource_version) + 1)
        bad = {
            "metadata": {"name": "a", "namespace": "default", "labels": {"a": 1}, "resourceVersion": version},
        }
        line = json.dumps({"type": "MODIFIED", "object": bad}).encode() + b"\n"
        scene.server.watches[0].tell_raw(line)
        store = scene.cache.store(CONFIG_MAP)
        await scene.until(lambda: store.undecodable)

        kept = store.get(good.key)
        assert kept is not None
        assert kept.meta.resource_version == good.meta.resource_version
        assert store.has_seen(good.key, version)
        assert scene.cache.health()[CONFIG_MAP].undecodable == (good.key,)
        assert scene.asked() == ["list", "watch"]

    @pytest.mark.lanes("embedded")  # a real one offers no compaction at a word
    async def test_those_that_vanished_before_a_relist_are_each_told_as_deleted(self, scene: Scene) -> None:
        for name in ("a", "b", "c"):
            await scene.create(name)
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        scene.server.faults.add(Fault(path=PATH, count=2, action="refuse"))
        scene.server.watches[0].break_off()
        for name in ("a", "c"):
            await scene.client.delete(CONFIG_MAP, ObjectKey("default", name))
        scene.server.compact()
        await scene.until(lambda: cached_names(scene.cache) == ["b"])

        assert scene.told() == ["+a", "+b", "+c", "-a", "-c"]
        await scene.is_followed()

    @pytest.mark.lanes("embedded")  # a real one offers no a restore at a word
    async def test_a_server_restored_to_older_versions(self, scene: Scene) -> None:
        await scene.create("a")
        snapshot = scene.server.snapshot()
        await scene.create("b")
        await scene.client.delete(CONFIG_MAP, ObjectKey("default", "a"))
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        scene.server.restore(snapshot)
        await scene.until(lambda: cached_names(scene.cache) == ["a"])

        assert scene.told() == ["+b", "-b", "+a"]
        await scene.goes_on_with("list", "watch", "check", "list", "watch")

    @pytest.mark.lanes("embedded")  # a real one offers no a restore at a word
    async def test_a_server_restored_behind_a_watch_that_stays_open(self, scene: Scene) -> None:
        await scene.create("a")
        snapshot = scene.server.snapshot()
        await scene.create("b")
        await scene.start(CONFIG_MAP)
        await scene.until(lambda: scene.server.watches)
        scene.server.restore(snapshot, watches="silent")
        await scene.until(lambda: cached_names(scene.cache) == ["a"])

        await scene.is_followed()


class TestKinds:
    async def test_one_that_appears_goes_and_comes_again(self, scene: Scene) -> None:
        optional = WIDGET.optional()
        await scene.start(CONFIG_MAP, optional)
        await scene.cache.wait_synced([CONFIG_MAP, optional])
        states = [scene.cache.health()[WIDGET].state]
        for _ in range(2):
            await scene.client.create(CUSTOM_RESOURCE_DEFINITION, custom_kind(WIDGET))
            await scene.until(lambda: scene.cache.is_synced(WIDGET))
            await scene.client.create(WIDGET, manifest("w"))
            await scene.until(lambda: len(scene.cache.store(WIDGET)) == 1)
            states.append(scene.cache.health()[WIDGET].state)
            await scene.client.delete(CUSTOM_RESOURCE_DEFINITION, ObjectKey("", "widgets.example.com"))
            await scene.until(lambda: scene.cache.health()[WIDGET].state is HealthState.ABSENT)
            states.append(scene.cache.health()[WIDGET].state)

        absent, synced = HealthState.ABSENT, HealthState.SYNCED
        assert states == [absent, synced, absent, synced, absent]
        assert scene.told() == ["+w", "-w", "+w", "-w"]
        await scene.is_followed()
