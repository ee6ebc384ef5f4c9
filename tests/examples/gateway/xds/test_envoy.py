"""Against a real Envoy: what is published is what it serves, and it never serves a hole in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.gateway.demo.backends import SERVICE_HEADER, Backends
from examples.gateway.envoy import EnvoyProcess
from examples.gateway.xds import AdsServer, ResourceType
from reconcilekit.clock import SystemClock
from tests.examples.gateway.xds.published import World, cluster, free_port, listener, routes

CLIENTS = 4
SWAPS = 24
ANSWERS_PER_SWAP = 12  # so that each of the steps of a swap, 3 ms in all, meets requests


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


async def ask(client: aiohttp.ClientSession, port: int, path: str = "/a") -> str:
    """Which service answers, or the status, or the connection's failure."""
    try:
        async with client.get(f"http://127.0.0.1:{port}{path}") as answer:
            await answer.read()
            return answer.headers.get(SERVICE_HEADER, str(answer.status))
    except aiohttp.ClientError as error:
        return type(error).__name__


class Load:
    """Clients that ask as fast as they are answered, a new connection each time."""

    def __init__(self, client: aiohttp.ClientSession, port: int) -> None:
        self.answers: Counter[str] = Counter()
        self._client = client
        self._port = port
        self._more = asyncio.Condition()
        self._is_over = False

    async def run(self) -> None:
        while not self._is_over:
            answer = await ask(self._client, self._port)
            async with self._more:
                self.answers[answer] += 1
                self._more.notify_all()

    async def wait_answers(self, number: int) -> None:
        total = self.answers.total() + number
        async with self._more:
            await self._more.wait_for(lambda: self.answers.total() >= total)

    def stop(self) -> None:
        self._is_over = True


class TestPublishing:
    async def test_serves_what_is_published_once_it_is_acknowledged(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()

        verdict = await world.publish(_blue(port, backends))

        assert verdict.is_acked
        assert await ask(client, port) == "blue"
        await envoy.wait_ready()

    async def test_swaps_clusters_and_routes_under_load_without_one_failure(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        await world.publish(_swapped(port, backends, 0))
        load = Load(client, port)

        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(load.run())
            for number in range(1, SWAPS + 1):
                assert (await world.publish(_swapped(port, backends, number))).is_acked
                await load.wait_answers(ANSWERS_PER_SWAP)
            load.stop()

        assert load.answers.keys() == {"blue", "green"}

    async def test_sends_only_routes_where_only_routes_changed(
        self, ads: AdsServer, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        first = {**_blue(port, backends), **cluster("green", backends.ports["green"])}
        await world.publish(first)
        before = ads.node("node").statistics().pushed

        await world.publish({**first, **routes("r", a="green")})

        after = ads.node("node").statistics().pushed
        assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {
            ResourceType.ROUTE: 1
        }
        assert await ask(client, port) == "green"

    async def test_warms_a_changed_cluster_of_the_same_name_again(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        first = _blue(port, backends)
        await world.publish(first)

        async with SystemClock().timeout(14):  # Envoy by itself gives up waiting after 15 s
            verdict = await world.publish({**first, "cluster/blue": {**first["cluster/blue"], "connectTimeout": "2s"}})

        assert verdict.is_acked
        assert await ask(client, port) == "blue"


class TestRefusals:
    async def test_are_in_envoys_words_and_the_last_good_state_mends_what_went_live(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port, broken = free_port(), free_port()
        good = _blue(port, backends)
        bad = {**good, **listener("broken", broken, route="r")}
        bad["listener/broken"] = {**bad["listener/broken"], "listenerFilters": [{"name": "nonsense"}]}
        await world.publish(good)

        verdict = await world.publish(bad)
        await world.wait_put_back()

        assert verdict.reason == (
            "entry 'listener/broken': refused by 'node': Envoy refused listener: Error adding/updating listener(s) "
            "broken: Didn't find a registered implementation for 'nonsense' with type URL: ''"
        )
        assert world.scope.snapshot().quarantined.keys() == {"listener/broken"}
        assert await ask(client, port) == "blue"

    async def test_spare_the_good_part_of_the_same_push(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port, broken, other = free_port(), free_port(), free_port()
        good = _blue(port, backends)
        mixed = {**good, **listener("broken", broken, route="r"), **listener("other", other, route="r")}
        mixed["listener/broken"] = {**mixed["listener/broken"], "listenerFilters": [{"name": "nonsense"}]}
        await world.publish(good)

        await world.publish(mixed)
        await world.wait_put_back()

        assert world.scope.snapshot().quarantined.keys() == {"listener/broken"}
        assert [await ask(client, one) for one in (port, other)] == ["blue", "blue"]

    async def test_of_a_route_keep_the_old_one(
        self, world: World, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        good = _blue(port, backends)
        bad = {**good, **routes("r", a="blue", b="blue")}
        bad["route/r"]["virtualHosts"][0]["routes"][1]["match"] = {"safeRegex": {"regex": "(unclosed"}}
        await world.publish(good)

        verdict = await world.publish(bad)
        await world.wait_put_back()

        assert "Envoy refused route: missing )" in verdict.reason
        assert world.scope.snapshot().quarantined.keys() == {"route/r"}
        assert await ask(client, port) == "blue"

    async def test_of_what_cannot_be_encoded_never_reach_envoy(
        self, ads: AdsServer, world: World, envoy: EnvoyProcess, backends: Backends
    ) -> None:
        good = _blue(free_port(), backends)
        await world.publish(good)

        verdict = await world.publish({**good, "cluster/green": {"name": "green", "colour": "green"}})

        assert verdict.reason.endswith(
            "entry 'cluster/green' is no Cluster: itself has the unknown field 'colour'; see the fields of Cluster"
        )


class TestStreams:
    async def test_an_envoy_that_starts_late_gets_the_whole(
        self, ads: AdsServer, world: World, envoy_binary: Path, tmp_path: Path, backends: Backends
    ) -> None:
        world.stage(_blue(free_port(), backends))
        await SystemClock().sleep(0)
        assert world.scope.snapshot().verdict().is_pending

        async with EnvoyProcess(
            "node", ads_port=ads.port, directory=tmp_path, clock=SystemClock(), binary=envoy_binary
        ) as late:
            await late.wait_ready()
            assert (await world.verdict()).is_acked

    async def test_a_server_that_comes_back_takes_over_where_envoy_stands(
        self, envoy_binary: Path, tmp_path: Path, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        async with AdsServer(port=free_port()) as first:
            envoy = EnvoyProcess(
                "node", ads_port=first.port, directory=tmp_path, clock=SystemClock(), binary=envoy_binary
            )
            async with envoy:
                await World(first.node("node")).publish(_blue(port, backends))
                await first.aclose()
                assert await ask(client, port) == "blue"

                async with AdsServer(port=first.port) as second:
                    again = World(second.node("node"))
                    assert (await again.publish({**_blue(port, backends), **routes("r", b="blue")})).is_acked
                    assert await ask(client, port, "/b") == "blue"

    async def test_a_node_is_acknowledged_when_all_its_envoys_are(
        self, ads: AdsServer, world: World, envoy: EnvoyProcess, envoy_binary: Path, tmp_path: Path, backends: Backends
    ) -> None:
        (tmp_path / "second").mkdir()
        world_entries = cluster("blue", backends.ports["blue"])
        async with EnvoyProcess(
            "node", ads_port=ads.port, directory=tmp_path / "second", clock=SystemClock(), binary=envoy_binary
        ) as second:
            await world.publish(world_entries)
            for one in (envoy, second):
                await one.wait_ready()
            await world.publish({**world_entries, **cluster("green", backends.ports["green"])})

            assert ads.node("node").statistics().streams == 2
            clusters = [(await one.admin("/clusters"))[1] for one in (envoy, second)]

        assert ["green::" in listed for listed in clusters] == [True, True]
        assert envoy.pid is not None
        assert second.pid is None


def _blue(port: int, backends: Backends) -> dict[str, dict[str, Any]]:
    return {
        **listener("http", port, route="r"),
        **routes("r", a="blue"),
        **cluster("blue", backends.ports["blue"]),
    }


def _swapped(port: int, backends: Backends, number: int) -> dict[str, dict[str, Any]]:
    """A new cluster each time, and the route to it."""
    service = ("blue", "green")[number % 2]
    name = f"{service}-{number}"
    return {**listener("http", port, route="r"), **routes("r", a=name), **cluster(name, backends.ports[service])}
