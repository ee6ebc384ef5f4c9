"""What must not cost more because there is more of something else: told by counting calls, not seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, VirtualClock
from tests.calls import calls_of_work

CONFIG_MAP = Resource("v1", "ConfigMap")
MANY = 2000
FEW = 10
SLACK = 20
"""Calls by which two counts may differ: a block more is split, a cache is filled."""


def config_map(name: str) -> bytes:
    return msgspec.json.encode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})


def path(namespace: str, plural: str = "configmaps") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}"


async def ask(
    server: ApiServer, method: str, where: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
) -> Any:
    answer = await server.handle(Request(method=method, path=where, query=query or {}, body=body))
    assert isinstance(answer, Response)
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


async def make(server: ApiServer, count: int, *, namespace: str = "default") -> None:
    for number in range(count):
        await ask(server, "POST", path(namespace), body=config_map(f"made-{number:05}"))


async def calls(server: ApiServer, request: Request) -> int:
    """The calls that answering it takes."""
    counted, answer = await calls_of_work(server.handle(request))
    assert answer.status < 300
    return counted


async def servers() -> list[ApiServer]:
    """One with few ConfigMaps in the namespace "default", one with many; each has a few more in another namespace."""
    found = []
    for count in (FEW, MANY):
        server = ApiServer(clock=VirtualClock())
        body = msgspec.json.encode({"metadata": {"name": "other"}})
        await ask(server, "POST", "/api/v1/namespaces", body=body)
        await make(server, count)
        await make(server, FEW, namespace="other")
        found.append(server)
    return found


CASES = {
    "a create in the middle": Request(method="POST", path=path("default"), body=config_map("made-00005-a")),
    "a get": Request(method="GET", path=path("default") + "/made-00005"),
    "an update": Request(method="PUT", path=path("default") + "/made-00005", body=config_map("made-00005")),
    "a deletion": Request(method="DELETE", path=path("default") + "/made-00005"),
    "a list of another namespace": Request(method="GET", path=path("other")),
    "a first page": Request(method="GET", path=path("default"), query={"limit": "5"}),
    "a first page of all namespaces": Request(method="GET", path="/api/v1/configmaps", query={"limit": "5"}),
}


@pytest.mark.parametrize("case", CASES)
async def test_its_cost_is_the_same_however_many_objects_there_are(case: str) -> None:
    few, many = await servers()
    for server in (few, many):
        # What is compiled or remembered at the first time isn't what is asked for.
        await ask(server, "POST", path("default"), body=config_map("first"))
        await ask(server, "GET", path("default"), query={"limit": "5"})

    assert await calls(many, CASES[case]) <= await calls(few, CASES[case]) + SLACK


async def test_a_create_takes_few_calls() -> None:
    server = ApiServer(clock=VirtualClock())
    await make(server, FEW)

    # Calls are most of what a create costs, and ten thousand creates a second are promised.
    assert await calls(server, CASES["a create in the middle"]) <= 350


async def test_a_create_by_the_client_takes_few_more() -> None:
    server = ApiServer(clock=SystemClock())
    await make(server, FEW)
    client = server.client("test")
    objects = [{"metadata": {"namespace": "default", "name": f"by-client-{number}"}} for number in range(2)]
    await client.create(CONFIG_MAP, objects[0])
    alone = await calls(server, Request(method="POST", path=path("default"), body=config_map("alone")))

    counted, _ = await calls_of_work(client.create(CONFIG_MAP, objects[1]))

    # A timer for each request, or an event loop's round too many, would be most of these.
    assert counted <= alone + 95


async def test_a_later_page_costs_what_an_early_one_does() -> None:
    _, server = await servers()
    tokens = [""]
    for _ in range(3):
        page = await ask(server, "GET", path("default"), query={"limit": str(MANY // 4), "continue": tokens[-1]})
        tokens.append(page["metadata"]["continue"])

    early, late = [
        await calls(server, Request(method="GET", path=path("default"), query={"limit": "5", "continue": token}))
        for token in (tokens[1], tokens[3])
    ]

    assert late <= early + SLACK


async def test_watches_of_other_kinds_cost_a_write_nothing() -> None:
    server = ApiServer(clock=SystemClock())
    await make(server, FEW)
    alone = await calls(server, Request(method="POST", path=path("default"), body=config_map("alone")))
    for _ in range(100):
        answer = await server.handle(Request(method="GET", path=path("default", "secrets"), query={"watch": "1"}))
        assert answer.status == 200

    watched = await calls(server, Request(method="POST", path=path("default"), body=config_map("watched")))

    assert len(server.watches) == 100
    assert watched <= alone + SLACK


async def test_the_number_that_remains_is_that_of_the_namespace() -> None:
    _, server = await servers()

    one = await ask(server, "GET", path("default"), query={"limit": "5"})
    every = await ask(server, "GET", "/api/v1/configmaps", query={"limit": "5"})

    assert one["metadata"]["remainingItemCount"] == MANY - 5
    assert every["metadata"]["remainingItemCount"] == MANY + FEW - 5
