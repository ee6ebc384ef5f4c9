"""What a world on a real server does where a watch never tells what it should."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from reconcilekit.kube.transport import Request, Response
from tests.real_world import PATIENCE, RealWorld

MAPS = "/api/v1/namespaces/default/configmaps"
ROUNDS = 10


class Chatter:
    """Watches that always have something to tell; each round takes its part of the time."""

    def __init__(self) -> None:
        self.rounds = 0

    def monotonic(self) -> float:
        return self.rounds * PATIENCE / ROUNDS

    def get(self, timeout: float) -> tuple[object, bytes]:
        self.rounds += 1
        assert self.rounds < 10 * ROUNDS, "it listens forever"
        return self, b"{}"


@attrs.define(eq=False)
class Watch:
    path: str = MAPS
    seen: int = 10
    selects: bool = False
    gone: set[str] = attrs.field(factory=set)


def _world(chatter: Any) -> Any:
    config = SimpleNamespace(server="https://127.0.0.1:1", ca_file=None, authorization="")
    plane: Any = SimpleNamespace(config=lambda: config)
    world = RealWorld(plane, chatter)
    world._lines = chatter
    return world


def test_an_event_that_is_lost_is_told_however_much_else_comes() -> None:
    world = _world(chatter := Chatter())
    written = Response(status=200, headers={}, body=json.dumps({"metadata": {"resourceVersion": "12"}}).encode())
    world._awaited.answered(Request(method="PUT", path=f"{MAPS}/a"), written, [Watch()])
    with pytest.raises(AssertionError, match=r"no event of .* within"):
        world.settle()
    assert chatter.rounds == ROUNDS + 1


def test_watches_that_never_rest_are_told() -> None:
    world = _world(chatter := Chatter())
    world._quiet = 0.02
    with pytest.raises(AssertionError, match="no rest within"):
        world.settle()
    assert chatter.rounds == ROUNDS + 1
