"""All Envoys of one node as one subscriber: when a publication counts as taken, and when as refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from examples.gateway.xds import Node
from examples.gateway.xds.node import Connection
from examples.gateway.xds.resources import ResourceType
from examples.gateway.xds.session import Session
from reconcilekit.clock import SystemClock
from tests.examples.gateway.xds.modelled import ModelEnvoy, encoded
from tests.examples.gateway.xds.published import World, cluster, listener, routes

FIRST: dict[str, dict[str, Any]] = {**listener("http", 1, route="r"), **routes("r", a="blue"), **cluster("blue", 1)}
SECOND: dict[str, dict[str, Any]] = {**listener("http", 1, route="r"), **routes("r", a="green"), **cluster("green", 2)}
STRAY: dict[str, dict[str, Any]] = {**FIRST, **listener("stray", 2, route="r")}
DOCUMENTS = {
    one.digest: entries[one.key]
    for entries in (FIRST, SECOND, STRAY)
    for group in encoded(entries).values()
    for one in group.values()
}


class Connected(ModelEnvoy):
    """A modelled Envoy whose server's side is a connection of a node."""

    def __init__(self, node: Node, *, refuses: frozenset[str] = frozenset()) -> None:
        super().__init__(Session(live={}), DOCUMENTS, refuses)
        self.connection: Connection = node.connect(self.incoming.append)
        self.start()

    def step_server(self) -> bool:
        if not self.outgoing:
            return False
        self.connection.handle(self.outgoing.popleft())
        return True


def new_node() -> Node:
    return Node("node", loop=asyncio.get_running_loop(), log=logging.getLogger("test"))


async def turn(*envoys: Connected) -> None:
    """Offers cross the loop once; then each end answers until there is nothing left to say, refusals included."""
    for _ in range(5):
        await SystemClock().sleep(0)
        for envoy in envoys:
            envoy.run()


async def test_without_an_envoy_nothing_is_answered() -> None:
    world = World(new_node())

    world.stage(FIRST)
    await turn()

    assert world.scope.snapshot().verdict().is_pending


async def test_it_takes_every_envoy_to_acknowledge() -> None:
    node = new_node()
    world, one, other = World(node), Connected(node), Connected(node)
    world.stage(FIRST)

    await turn(one)
    assert world.scope.snapshot().verdict().is_pending
    await turn(one, other)

    assert world.scope.snapshot().verdict().is_acked
    assert one.served() == other.served()


async def test_an_envoy_that_leaves_is_waited_for_no_longer() -> None:
    node = new_node()
    world, one, gone = World(node), Connected(node), Connected(node)
    world.stage(FIRST)
    await turn(one)

    gone.connection.close()
    gone.connection.close()

    assert world.scope.snapshot().verdict().is_acked
    assert node.statistics().streams == 1


async def test_one_refusal_refuses_and_all_go_back() -> None:
    node = new_node()
    stray = encoded(STRAY)[ResourceType.LISTENER]["stray"].digest
    world, one, picky = World(node), Connected(node), Connected(node, refuses=frozenset({stray}))
    world.stage(FIRST)
    await turn(one, picky)

    world.stage(STRAY)
    await turn(one, picky)

    assert world.scope.snapshot().quarantined.keys() == {"listener/stray"}
    assert one.served() == picky.served()
    assert one.listeners.keys() == {"http"}


async def test_a_late_envoy_gets_the_whole_and_changes_no_verdict() -> None:
    node = new_node()
    world, one = World(node), Connected(node)
    world.stage(FIRST)
    await turn(one)

    late = Connected(node)
    await turn(late)

    assert late.served() == one.served()
    assert node.statistics().acked == 1


async def test_a_stream_that_breaks_in_the_middle_goes_on_from_there() -> None:
    node = new_node()
    world, one = World(node), Connected(node)
    world.stage(FIRST)
    await turn(one)
    world.stage(SECOND)
    await SystemClock().sleep(0)
    one.step_envoy()  # the new cluster is there, and nothing refers to it

    one.connection.close()
    again = Connected(node)
    await turn(again)

    assert again.log[0] == "cluster blue green"
    assert again.log[-1] == "cluster green"
    assert world.scope.snapshot().verdict().is_acked


async def test_an_offer_may_come_from_any_thread() -> None:
    node = new_node()
    world, one = World(node), Connected(node)

    await asyncio.to_thread(world.stage, FIRST)
    await turn(one)

    assert world.scope.snapshot().verdict().is_acked


async def test_what_cannot_be_encoded_is_refused_by_its_name() -> None:
    node = new_node()
    world, one = World(node), Connected(node)
    world.stage(FIRST)
    await turn(one)

    world.stage({**FIRST, "cluster/odd": {"name": "odd", "colour": "red"}})
    await turn(one)

    assert world.scope.snapshot().quarantined.keys() == {"cluster/odd"}
    assert node.statistics().nacked == 1


async def test_an_unchanged_content_is_not_sent_again() -> None:
    node = new_node()
    world, one = World(node), Connected(node)
    world.stage(FIRST)
    await turn(one)
    before = node.statistics().pushed

    world.stage({**FIRST, **cluster("blue", 9)})
    await turn(one)

    after = node.statistics().pushed
    assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {
        ResourceType.ENDPOINT: 1
    }


async def test_what_one_envoy_refused_is_pushed_no_further_to_the_others() -> None:
    node = new_node()
    green = encoded(SECOND)[ResourceType.CLUSTER]["green"].digest
    world, one, picky = World(node), Connected(node), Connected(node, refuses=frozenset({green}))
    world.stage(FIRST)
    await turn(one, picky)
    one.log.clear()
    world.stage(SECOND)
    await SystemClock().sleep(0)

    picky.run()
    one.run()

    assert one.log == ["cluster blue green"]
