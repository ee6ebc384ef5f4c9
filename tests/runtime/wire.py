"""A manager whose requests a test can read whole, and whose answers it can change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from reconcilekit import Client, Manager, Reconciler, StateStore
from reconcilekit.classification import Classifier
from reconcilekit.kube.transport import Request, Response, Stream, Transport
from reconcilekit.testing.stepped_threads import SteppedThreads
from tests.runtime.world import World

Change = Callable[[Request, Response], Response]


class Wire:
    """A transport that records requests and hands answers through `change`."""

    def __init__(self, inner: Transport, *, change: Change | None = None) -> None:
        self._inner = inner
        self._change = change
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = await self._inner.send(request)
        return answer if self._change is None else self._change(request, answer)

    async def open(self, request: Request) -> Stream:
        return await self._inner.open(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def bodies(self, method: str, ending: str) -> list[dict[str, Any]]:
        """The bodies of the requests of this method whose path ends so."""
        return [
            json.loads(request.body or b"{}")
            for request in self.requests
            if request.method == method and request.path.endswith(ending)
        ]


def make_manager(
    world: World,
    *reconcilers: Reconciler,
    wire: Transport | None = None,
    client: Client | None = None,
    state: StateStore | None = None,
    classifier: Classifier | None = None,
    drain: float = 25.0,
    **options: Any,
) -> Manager:
    """A manager that isn't running yet, over a wire of the test's; `options` go to each `Manager.add`."""
    transport = wire or world.server.transport(user_agent="tests")
    client = client or Client(transport, clock=world.clock, field_manager="tests")
    manager = Manager(
        client,
        clock=world.clock,
        workers=SteppedThreads(),
        name="tests",
        state=state,
        classifier=classifier,
        drain=drain,
    )
    manager.subscribe(world.reports.append)
    for reconciler in reconcilers:
        manager.add(reconciler, **options)
    return manager


@contextlib.asynccontextmanager
async def running(world: World, *reconcilers: Reconciler, **options: Any) -> AsyncIterator[Manager]:
    """That manager, running and settled."""
    manager = make_manager(world, *reconcilers, **options)
    async with manager.running():
        await world.settle()
        yield manager


def recording(world: World, *, change: Change | None = None) -> Wire:
    """A wire to the world's server."""
    return Wire(world.server.transport(user_agent="tests"), change=change)


def verdicts(world: World, name: str) -> list[str]:
    """How the runs of a key ended, in their order."""
    return [report.outcome.verdict.value for report in world.runs(name)]
