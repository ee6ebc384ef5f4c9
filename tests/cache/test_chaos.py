"""The cache against the embedded server on virtual time, with faults at random."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from reconcilekit.cache import Cache, Change, HealthState
from reconcilekit.kube.client import Client
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.testing.apiserver import ApiServer, Fault
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual
from tests.cache.scripted import CONFIG_MAP, SECRET, Recorder
from tests.worlds import api_server, real_world

KINDS = {CONFIG_MAP: "/api/v1/configmaps", SECRET: "/api/v1/secrets"}
Told = tuple[str, str, str | None]

AN_HOUR, TEN_MINUTES = 3_600, 600
"""Of virtual time: of the embedded server, and of a real one, whose answers take real time."""


def random_fault(random: Random, path: str) -> Fault:
    """Something that goes wrong with the next list or watch."""
    watch_query = {"watch": "1"}
    after = random.randrange(3)
    makers: list[Callable[[], Fault]] = [
        lambda: Fault(path=path, method="GET", status=random.choice([403, 429, 500, 503, 504])),
        lambda: Fault(path=path, method="GET", action=random.choice(["drop", "refuse"])),
        lambda: Fault(path=path, method="GET", action="delay", delay=random.uniform(0, 40)),
        lambda: Fault(path=path, method="GET", status=410, reason="Expired"),
        lambda: Fault(path=path, query=watch_query, action="close", after_events=after),
        lambda: Fault(path=path, query=watch_query, action="break", after_events=after),
        lambda: Fault(path=path, query=watch_query, action="half_line", after_events=after),
        lambda: Fault(path=path, query=watch_query, action="garbage_line", after_events=after),
        lambda: Fault(path=path, query=watch_query, action="silence", after_events=after),
        lambda: Fault(path=path, query=watch_query, action="error_event", status=410, reason="Expired"),
        lambda: Fault(path=path, query=watch_query, action="error_event", status=500, after_events=after),
    ]
    return random.choice(makers)()


async def change_something(random: Random, client: Client, server: ApiServer) -> None:
    """Create, change or delete a random object."""
    resource = random.choice(list(KINDS))
    name = f"o{random.randrange(12)}"
    exists = server.object(resource, name, namespace="default") is not None
    if exists and random.random() < 0.4:
        await client.delete(resource, ObjectKey("default", name))
        return
    metadata = {"name": name, "namespace": "default", "labels": {"n": str(random.randrange(1000))}}
    await client.apply(resource, {"metadata": metadata})


def tell_story(seed: int) -> tuple[list[Told], int]:
    """An hour of changes and faults; gives what was told, and the number of requests."""

    async def main(clock: VirtualClock) -> tuple[list[Told], int]:
        random = Random(seed)
        server = api_server(clock)
        client = Client(server.transport("cache"), clock=clock, field_manager="cache")
        writer = Client(server.transport("writer"), clock=clock, field_manager="writer")
        cache, recorder = Cache(client, clock=clock), Recorder()
        cache.subscribe(recorder)
        for resource in KINDS:
            cache.declare(resource)
        await cache.start()
        while clock.monotonic() < (AN_HOUR if real_world() is None else TEN_MINUTES):
            await clock.sleep(random.expovariate(1 / 10))
            await change_something(random, writer, server)
            if random.random() < 0.1:
                fault = random_fault(random, random.choice(list(KINDS.values())))
                server.faults.add(fault)
            if random.random() < 0.02 and real_world() is None:
                server.compact()
            if random.random() < 0.05 and server.watches:
                random.choice(server.watches).break_off()
        server.faults.clear()
        await clock.sleep(700)
        check_whole(cache, server, recorder)
        requests = sum(record.user_agent.startswith("cache") for record in server.requests)
        await cache.aclose()
        return [told(change) for change in recorder.changes], requests

    return run_virtual(main, seed=seed, outside=real_world())


def check_whole(cache: Cache, server: ApiServer, recorder: Recorder) -> None:
    """The cache holds what the server has, and whoever only listened knows the same."""
    heard: dict[tuple[Resource, ObjectKey], Change] = {}
    for change in recorder.changes:
        before = heard.pop((change.resource, change.key), None)
        assert change.before is (before.after if before else None)
        if change.after is not None:
            heard[change.resource, change.key] = change
    for resource in KINDS:
        store = cache.store(resource)
        assert cache.health()[resource].state is HealthState.SYNCED
        on_server = {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in server.objects(resource)}
        assert on_server
        cached = [store.get(key) for key in list(store.keys())]
        assert {obj.key.name: obj.meta.resource_version for obj in cached if obj is not None} == on_server
        assert {key.name for kind, key in heard if kind == resource} == set(on_server)


def told(change: Change) -> Told:
    return change.resource.kind, change.key.name, change.after.meta.resource_version if change.after else None


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_the_cache_catches_up_and_every_difference_is_told(seed: int) -> None:
    changes, requests = tell_story(seed)

    assert len(changes) > (100 if real_world() is None else 20)
    assert requests < 3_600 / 5


@pytest.mark.lanes("embedded")  # a real one's versions go on
def test_one_seed_gives_one_story() -> None:
    assert tell_story(3) == tell_story(3)


def test_the_server_is_restored_and_goes_on() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        client = Client(server.transport(), clock=clock, field_manager="cache")
        cache, recorder = Cache(client, clock=clock), Recorder()
        cache.subscribe(recorder)
        cache.declare(CONFIG_MAP)
        await client.create(CONFIG_MAP, manifest("kept"))
        snapshot = server.snapshot()
        await cache.start()
        await cache.wait_synced([CONFIG_MAP])
        for number in range(5):
            await client.create(CONFIG_MAP, manifest(f"lost-{number}"))
        await clock.sleep(100)
        server.restore(snapshot)
        await client.create(CONFIG_MAP, manifest("new"))
        await clock.sleep(10)

        assert sorted(key.name for key in list(cache.store(CONFIG_MAP).keys())) == ["kept", "new"]
        await cache.aclose()

    run_virtual(main)


def manifest(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}}
