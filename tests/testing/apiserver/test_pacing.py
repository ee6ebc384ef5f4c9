"""Long work holds up nobody: told by the calls between two rounds of the event loop, not by seconds."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import attrs
import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.transport import Request, Response, Stream
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.encoding.rendering import COMPRESSED_AT_ONCE, COMPRESSED_FROM, compress
from reconcilekit.testing.apiserver.pacing import STEP, Steps, Turns
from tests.calls import no_collection

PATH = "/api/v1/namespaces/default/configmaps"
MANY = 40 * STEP
FORMS = {
    "as they are": "application/json",
    "a Table": "application/json;as=Table;v=v1;g=meta.k8s.io",
    "metadata": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "protobuf": "application/vnd.kubernetes.protobuf",
    "YAML": "application/yaml",
}
CALLS_OF_AN_OBJECT = 250
"""The most that writing one takes, by far: in protobuf."""


async def filled(count: int) -> ApiServer:
    server = ApiServer(clock=SystemClock())
    for number in range(count):
        body = msgspec.json.encode({"metadata": {"name": f"made-{number:05}", "labels": {"app": "test"}}})
        assert (await answered(server, Request(method="POST", path=PATH, body=body))).status == 201
    return server


async def answered(server: ApiServer, request: Request) -> Response:
    answer = await server.handle(request)
    assert isinstance(answer, Response)
    return answer


@attrs.define
class Stretches:
    """How much was done between two turns of somebody who wants nothing but turns."""

    rounds: int = 0
    longest: int = 0
    latest: int = 0

    def turn(self) -> None:
        self.rounds += 1
        self.longest = max(self.longest, self.latest)
        self.latest = 0


@contextmanager
def calls_counted(into: Stretches) -> Iterator[None]:
    def count(frame: FrameType, event: str, argument: object) -> None:
        into.latest += event in ("call", "c_call")

    with no_collection():
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(None)


@asynccontextmanager
async def somebody_else() -> AsyncIterator[Stretches]:
    found, clock = Stretches(), SystemClock()

    async def run() -> None:
        while True:
            await clock.sleep(0)
            found.turn()

    task = asyncio.ensure_future(run())
    try:
        with calls_counted(found):
            yield found
    finally:
        task.cancel()


async def stretches(work: Awaitable[object]) -> Stretches:
    async with somebody_else() as found:
        await work
        found.turn()
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_a_long_list_is_made_a_few_objects_at_a_time(form: str) -> None:
    server = await filled(MANY)
    request = Request(method="GET", path=PATH, headers={"accept": FORMS[form]})
    await server.handle(request)  # what is compiled at first isn't what is asked for

    found = await stretches(server.handle(request))

    assert found.rounds >= MANY / STEP
    assert found.longest <= CALLS_OF_AN_OBJECT * STEP


async def test_a_long_search_is_done_a_few_objects_at_a_time() -> None:
    server = await filled(MANY)

    found = await stretches(server.handle(Request(method="GET", path=PATH, query={"labelSelector": "app=none"})))

    assert found.rounds >= 4
    assert found.longest <= CALLS_OF_AN_OBJECT * STEP


async def test_a_list_shows_what_was_there_when_it_was_asked_for() -> None:
    server = await filled(4 * STEP)
    listing = asyncio.ensure_future(answered(server, Request(method="GET", path=PATH)))
    await SystemClock().sleep(0)

    for name in ("made-00199", "made-00000"):
        await server.handle(Request(method="DELETE", path=f"{PATH}/{name}"))
    await server.handle(Request(method="POST", path=PATH, body=b'{"metadata": {"name": "made-00198-b"}}'))

    assert not listing.done()
    found = msgspec.json.decode((await listing).body)
    assert [item["metadata"]["name"] for item in found["items"]] == [f"made-{i:05}" for i in range(4 * STEP)]
    assert int(found["metadata"]["resourceVersion"]) < server.revision


async def test_a_hundred_watches_tell_their_state_one_after_the_other() -> None:
    server = await filled(4 * STEP)

    async def read(stream: Stream) -> int:
        count = 0
        async for chunk in stream:
            count += chunk.count(b"\n")
            if count >= 4 * STEP:
                await stream.aclose()
        return count

    async def watch(count: int) -> None:
        query = {"watch": "1", "resourceVersion": "0"}
        opened = []
        for _ in range(count):
            opened.append(await server.handle(Request(method="GET", path=PATH, query=query)))
            await SystemClock().sleep(0)
        reading = [read(stream) for stream in opened if not isinstance(stream, Response)]
        assert await asyncio.gather(*reading) == [4 * STEP] * count

    await watch(1)
    one = await stretches(watch(1))
    many = await stretches(watch(100))

    assert many.rounds >= 100 * 4
    # All of them begin in one round, which is little; telling what is there takes each its own.
    assert many.longest <= one.longest + 100 * 40


def test_a_large_answer_is_compressed_a_part_at_a_time() -> None:
    body = b"".join(b'{"number":%d}' % number for number in range(4 * COMPRESSED_AT_ONCE // 10))
    packed = compress(Response(status=200, body=body), {"accept-encoding": "gzip"})

    assert isinstance(packed, Steps)
    answer = packed.finish()
    assert len(body) > COMPRESSED_FROM
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < len(body)


async def test_turns_are_taken_in_order_and_one_in_a_round() -> None:
    turns, clock = Turns(), SystemClock()
    asked: list[str] = []
    taken: list[str] = []

    async def work(name: str) -> None:
        for number in range(3):
            asked.append(f"{name}{number}")
            await turns.next()
            taken.append(f"{name}{number}")

    async def watch_rounds() -> None:
        while len(taken) < 9:
            before = len(taken)
            await clock.sleep(0)
            assert len(taken) <= before + 1

    await asyncio.gather(work("a"), work("b"), work("c"), watch_rounds())

    assert taken == asked
    assert {name[0] for name in taken[:4]} == {"a", "b", "c"}


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    turns = Turns()
    first, second, third = (asyncio.ensure_future(turns.next()) for _ in range(3))
    await SystemClock().sleep(0)

    first.cancel()
    second.cancel()

    await asyncio.wait_for(third, timeout=100)
