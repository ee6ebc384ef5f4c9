"""The measure of all: an aiohttp loop that makes the same writes and nothing else.

No watches, no cache, no queue, no decoding of answers, no errors but "that wasn't a success". What it writes about, it
is given before the clock starts. Bodies are encoded while the clock runs, by msgspec, the quickest there is.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec

from benchmarks.reporting import Stopwatch, tell
from benchmarks.widgets import IN_FLIGHT, NAMESPACE, WRITES_EACH, config_map, widgets
from reconcilekit import SystemClock
from reconcilekit.kube.config import load_kubeconfig
from reconcilekit.kube.connect import connect

_APPLY = {"content-type": "application/apply-patch+yaml", "accept": "application/json"}
_JSON = {"content-type": "application/json", "accept": "application/json"}


async def run() -> None:
    """Write for every Widget of the server that $KUBECONFIG names."""
    clock = SystemClock()
    client = connect(name="bare")
    objects = await widgets(client)
    await client.aclose()
    server = load_kubeconfig().server
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    async with aiohttp.ClientSession() as session:
        left = iter(objects)
        gc.collect()
        stopwatch = Stopwatch(clock)
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(_work(session, server, left, now))
        tell(stopwatch.read(writes=WRITES_EACH * len(objects)))


async def _work(session: aiohttp.ClientSession, server: str, left: Iterator[dict[str, Any]], now: str) -> None:
    for widget in left:
        name = widget["metadata"]["name"]
        url = f"{server}/api/v1/namespaces/{NAMESPACE}/configmaps/{name}?fieldManager=bare&force=true"
        body = msgspec.json.encode(_owned(widget))
        async with session.patch(url, data=body, headers=_APPLY) as answer:
            _check(answer, await answer.read())
        url = f"{server}/apis/example.com/v1/namespaces/{NAMESPACE}/widgets/{name}/status?fieldManager=bare"
        body = msgspec.json.encode({**widget, "status": _status(widget, now)})
        async with session.put(url, data=body, headers=_JSON) as answer:
            _check(answer, await answer.read())


def _owned(widget: dict[str, Any]) -> dict[str, Any]:
    obj = config_map(widget)
    metadata = widget["metadata"]
    obj["metadata"]["resourceVersion"] = "1"
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": widget["apiVersion"],
            "kind": widget["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    return obj


def _status(widget: dict[str, Any], now: str) -> dict[str, Any]:
    generation = widget["metadata"]["generation"]
    ready = {
        "type": "Ready",
        "status": "True",
        "observedGeneration": generation,
        "lastTransitionTime": now,
        "reason": "Made",
        "message": "",
    }
    return {"observedGeneration": generation, "conditions": [ready]}


def _check(answer: aiohttp.ClientResponse, body: bytes) -> None:
    if answer.status not in (200, 201):
        raise AssertionError(f"{answer.method} {answer.url}: {answer.status} {body[:500]!r}")


if __name__ == "__main__":
    asyncio.run(run())
