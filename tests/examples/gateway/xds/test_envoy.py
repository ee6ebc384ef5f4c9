"""Against a real Envoy: what is published is what it serves, and it never serves a hole in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from examples.gateway.demo.backends import SERVICE_HEADER, Backends
from examples.gateway.envoy import EnvoyProcess
from examples.gateway.xds import AdsServer, ResourceType
from reconcilekit.clock import SystemClock
from tests.examples.gateway.xds.published import Entries, FakeScope, cluster, free_port, listener, routes

CLIENTS = 4
SWAPS = 24


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


class TestRealEnvoy:
    async def test_serves_what_is_published_once_it_is_acknowledged(
        self, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        world = {
            **listener("http", port, route="r", access_log=envoy.access_log),
            **routes("r", a="blue"),
            **cluster("blue", backends.ports["blue"]),
        }

        assert (await scope.publish(world)).verdict == "ack"

        assert await ask(client, port) == "blue"
        await envoy.wait_ready()

    async def test_swaps_clusters_and_routes_under_load_without_one_failure(
        self, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()

        def world(generation: int) -> Entries:
            service = ("blue", "green")[generation % 2]
            name = f"{service}-{generation}"
            return {
                **listener("http", port, route="r"),
                **routes("r", a=name),
                **cluster(name, backends.ports[service]),
            }

        await scope.publish(world(0))
        answers: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            stop = asyncio.Event()
            for _ in range(CLIENTS):
                group.create_task(_load(lambda: ask(client, port), answers, stop))
            verdicts = [(await scope.publish(world(generation))).verdict for generation in range(1, SWAPS + 1)]
            stop.set()

        assert verdicts == ["ack"] * SWAPS
        assert answers.keys() == {"blue", "green"}
        assert answers.total() > 4 * SWAPS

    async def test_refuses_by_its_own_words_and_the_last_good_state_mends_what_went_live(
        self, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port, other = free_port(), free_port()
        good = {
            **listener("http", port, route="r"),
            **routes("r", a="blue"),
            **cluster("blue", backends.ports["blue"]),
        }
        bad = {**good, **listener("stray", other, route="r"), **listener("broken", port + 1, route="r")}
        bad["listener/broken"] = {**bad["listener/broken"], "listenerFilters": [{"name": "nonsense"}]}
        await scope.publish(good)

        refused = await scope.publish(bad)
        put_back = await scope.publish(good)

        assert refused.verdict is not None
        assert refused.verdict.startswith("Envoy refused listener: Error adding/updating listener(s) broken")
        assert refused.suspects == {"listener/broken"}
        assert put_back.verdict == "ack"
        assert await ask(client, port) == "blue"
        assert await ask(client, other) == "ClientConnectorError"

    async def test_refuses_a_bad_route_and_keeps_serving(
        self, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        good = {
            **listener("http", port, route="r"),
            **routes("r", a="blue"),
            **cluster("blue", backends.ports["blue"]),
        }
        bad: dict[str, Any] = {**good, **routes("r", a="blue", b="blue")}
        bad["route/r"]["virtualHosts"][0]["routes"][1]["match"] = {"safeRegex": {"regex": "(unclosed"}}
        await scope.publish(good)

        refused = await scope.publish(bad)
        assert await ask(client, port) == "blue"
        put_back = await scope.publish(good)

        assert "Envoy refused route: missing )" in str(refused.verdict)
        assert refused.suspects == {"route/r"}
        assert put_back.verdict == "ack"

    async def test_sends_only_routes_where_only_routes_changed(
        self, ads: AdsServer, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        world = {
            **listener("http", port, route="r"),
            **routes("r", a="blue"),
            **cluster("blue", backends.ports["blue"]),
            **cluster("green", backends.ports["green"]),
        }
        await scope.publish(world)
        before = ads.node("node").statistics().pushed

        await scope.publish({**world, **routes("r", a="green")})

        after = ads.node("node").statistics().pushed
        assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {
            ResourceType.ROUTE: 1
        }
        assert await ask(client, port) == "green"

    async def test_a_changed_cluster_of_the_same_name_is_warmed_again(
        self, scope: FakeScope, envoy: EnvoyProcess, backends: Backends, client: aiohttp.ClientSession
    ) -> None:
        port = free_port()
        world: dict[str, Any] = {
            **listener("http", port, route="r"),
            **routes("r", a="blue"),
            **cluster("blue", backends.ports["blue"]),
        }
        await scope.publish(world)

        changed = {**world, "cluster/blue": {**world["cluster/blue"], "connectTimeout": "2s"}}
        async with SystemClock().timeout(5):
            assert (await scope.publish(changed)).verdict == "ack"

        assert await ask(client, port) == "blue"

    async def test_an_envoy_that_starts_late_gets_the_whole(
        self, ads: AdsServer, scope: FakeScope, envoy_binary: Any, tmp_path: Any, backends: Backends
    ) -> None:
        port = free_port()
        publication = scope.offer(
            {
                **listener("http", port, route="r"),
                **routes("r", a="blue"),
                **cluster("blue", backends.ports["blue"]),
            }
        )
        await SystemClock().sleep(0)
        assert publication.verdict is None

        async with EnvoyProcess(
            "node", ads_port=ads.port, directory=tmp_path, clock=SystemClock(), binary=envoy_binary
        ) as late:
            await late.wait_ready()
            async with SystemClock().timeout(5):
                await publication.answered.wait()

        assert publication.verdict == "ack"


async def _load(request: Callable[[], Any], answers: Counter[str], stop: asyncio.Event) -> None:
    while not stop.is_set():
        answers[await request()] += 1
