"""Which of the tests that run in virtual time run on a real kube-apiserver, too, and how they get at it."""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar

import attrs
import pytest

from reconcilekit.testing import ApiServer, Housekeeping
from reconcilekit.testing.apiserver import Snapshot
from reconcilekit.testing.controlplane import ControlPlane
from reconcilekit.testing.virtual_time import VirtualClock
from tests.real_world import RealApiServer, RealWorld

ALONE = attrs.evolve(Housekeeping.none(), event_ttl=None)
"""What a real kube-apiserver without a controller manager does in a virtual day, which takes it no time."""

_LANE: ContextVar[RealWorld | None] = ContextVar("lane", default=None)


def real_world() -> RealWorld | None:
    """What is real about the worlds of the present test; None on the embedded server."""
    return _LANE.get()


def api_server(
    clock: VirtualClock, *, accept_loopback_endpoints: bool = False, start: Snapshot | None = None
) -> ApiServer:
    """The server of a world, in the lane of the present test; a real one never accepts loopback endpoints."""
    world = real_world()
    if world is None:
        return ApiServer(
            clock=clock, housekeeping=ALONE, accept_loopback_endpoints=accept_loopback_endpoints, start=start
        )
    world.begin()
    return RealApiServer(clock=clock, world=world)


@contextlib.contextmanager
def real_lane(plane: ControlPlane) -> Iterator[RealWorld]:
    """Worlds that are made inside have this control plane for a server."""
    world = RealWorld(plane)
    token = _LANE.set(world)
    try:
        yield world
        assert world.asked or not any(front.requests for front in world.fronts), "the real server was asked nothing"
    finally:
        _LANE.reset(token)
        world.close()


@pytest.fixture(autouse=True)
def world_lane(request: pytest.FixtureRequest) -> Iterator[RealWorld | None]:
    """Which server the worlds of a test have; for the conftest of each folder that has worlds."""
    if getattr(request, "param", "embedded") == "embedded":
        yield None
        return
    with real_lane(request.getfixturevalue("control_plane")) as world:
        yield world


def add_lanes(metafunc: pytest.Metafunc, *, makers: Collection[str], fixtures: Collection[str] = ()) -> None:
    """Have a test that makes a world, by itself, by a function of its module or by a fixture, run in both lanes.

    `@pytest.mark.lanes(...)` chooses others. Property tests stay on the embedded server unless it says otherwise: what
    takes 50 examples there should take fewer on a server that has to be made as new for each.
    """
    mark = metafunc.definition.get_closest_marker("lanes")
    is_property = "hypothesis" in metafunc.definition.keywords
    chosen = mark.args if mark else ("embedded",) if is_property else ("embedded", "real")
    takes = not set(fixtures).isdisjoint(metafunc.fixturenames)
    # hypothesis hides what a test calls behind its own function, so such a test names its lanes.
    makes = takes or _makes(metafunc.function, metafunc.module, makers) or (is_property and mark is not None)
    if not makes:
        return
    params = [pytest.param(name, marks=[pytest.mark.real] if name == "real" else []) for name in chosen]
    metafunc.fixturenames.append("world_lane")
    metafunc.parametrize("world_lane", params, indirect=True)


def _makes(function: Callable[..., object], module: types.ModuleType, makers: Collection[str]) -> bool:
    """True where `function` calls one of `makers`, or a function of its module that does."""
    seen: set[str] = set()
    left = [inspect.unwrap(function)]
    while left:
        for name in _names(left.pop().__code__):
            if name in makers:
                return True
            found = getattr(module, name, None)
            if name not in seen and inspect.isfunction(found):
                seen.add(name)
                left.append(found)
    return False


def _names(code: types.CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    return set(code.co_names).union(*(_names(each) for each in inner))
