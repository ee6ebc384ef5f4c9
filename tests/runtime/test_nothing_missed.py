"""Nothing is missed that a full resync would find: random reads and random changes, against a model.

Each Widget's run makes reads that depend on what it has read before, as real reconciles do. After the world has come to
rest, what the last run of each key saw must be what a run of it would see now. And no key ran for a change of
something that it never read.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcilekit import Context, Reconciler
from tests.runtime.world import CONFIG_MAP, GADGET, WIDGET, World, config_map, obj, simulate, widget

NAMES = ("a", "b", "c")
COLORS = ("red", "blue")
LAG = 0.3


@attrs.frozen
class Create:
    name: str
    color: str
    points_to: str


@attrs.frozen
class Recolor:
    name: str
    color: str


@attrs.frozen
class Point:
    name: str
    points_to: str


@attrs.frozen
class Delete:
    name: str


@attrs.frozen
class Look:
    """A Widget looks at other things from now on."""

    widget: str
    way: str
    what: str


@attrs.frozen
class Wait:
    seconds: float


names, colors = st.sampled_from(NAMES), st.sampled_from(COLORS)
ways = st.sampled_from(["get", "follow", "labels", "where", "both"])
steps = st.one_of(
    st.builds(Create, names, colors, names),
    st.builds(Recolor, names, colors),
    st.builds(Point, names, names),
    st.builds(Delete, names),
    st.builds(Look, st.sampled_from(["w0", "w1"]), ways, st.one_of(names, colors)),
    st.builds(Wait, st.sampled_from([0.0, 0.1, 1.0])),
)


class Explorer(Reconciler):
    """Looks in the way that its Widget says, and remembers what it saw."""

    primary = WIDGET
    reads = (CONFIG_MAP, GADGET)

    def __init__(self, *, confirm: bool) -> None:
        self.confirm = confirm
        self.saw: dict[str, Any] = {}

    async def reconcile(self, ctx: Context) -> None:
        if ctx.primary is not None:
            self.saw[ctx.key.name] = look(ctx, ctx.primary["spec"], confirm=self.confirm)


def look(ctx: Context, spec: dict[str, Any], *, confirm: bool) -> Any:
    """What a Widget with this spec sees."""
    way, what = spec["way"], spec["what"]
    match way:
        case "get":
            return data(ctx.get(CONFIG_MAP, what, confirm=confirm))
        case "follow":
            first = ctx.get(CONFIG_MAP, what, confirm=confirm)
            then = ctx.get(CONFIG_MAP, target(first), confirm=confirm) if first else None
            return data(first), data(then)
        case "labels":
            return [data(each) for each in ctx.select(CONFIG_MAP, labels={"color": what}, confirm=confirm)]
        case "where":
            return [data(each) for each in ctx.select(CONFIG_MAP, where=lambda each: target(each) == what)]
        case _:
            found = ctx.select(CONFIG_MAP, labels=f"color!={what}", namespace="default", confirm=confirm)
            return [data(ctx.get(CONFIG_MAP, target(each), confirm=confirm)) for each in found]


def target(found: dict[str, Any]) -> str:
    """The name that a ConfigMap points to; a real cluster has ConfigMaps of its own, which point nowhere."""
    return str(found["data"].get("pointsTo", "nowhere"))


def data(found: dict[str, Any] | None) -> Any:
    """What counts of a ConfigMap."""
    return found and (found["metadata"]["name"], found["metadata"].get("labels"), found["data"])


async def perform(world: World, step: Any) -> None:
    """One step of the user's; what can't be done isn't."""
    match step:
        case Create(name, color, points_to) if not world.has(CONFIG_MAP, name):
            await world.create(config_map(name, labels={"color": color}, pointsTo=points_to))
        case Recolor(name, color) if world.has(CONFIG_MAP, name):
            await world.patch(CONFIG_MAP, name, {"metadata": {"labels": {"color": color}}})
        case Point(name, points_to) if world.has(CONFIG_MAP, name):
            await world.patch(CONFIG_MAP, name, {"data": {"pointsTo": points_to}})
        case Delete(name) if world.has(CONFIG_MAP, name):
            await world.delete(CONFIG_MAP, name)
        case Look(name, way, what):
            await world.patch(WIDGET, name, {"spec": {"way": way, "what": what}})
        case Wait(seconds):
            await world.settle(seconds)


stories = given(
    before=st.lists(steps, max_size=4),
    during=st.lists(steps, max_size=12),
    seed=st.integers(0, 1000),
    confirm=st.booleans(),
)


@stories
def test_the_last_run_saw_what_a_resync_would_see(
    before: list[Any], during: list[Any], seed: int, confirm: bool
) -> None:
    play(before, during, seed=seed, confirm=confirm)


@pytest.mark.lanes("real")
@settings(max_examples=10)
@stories
def test_so_it_did_on_a_real_kube_apiserver(before: list[Any], during: list[Any], seed: int, confirm: bool) -> None:
    play(before, during, seed=seed, confirm=confirm)


def play(before: list[Any], during: list[Any], *, seed: int, confirm: bool) -> None:
    """Let the steps happen before and while a controller runs, and compare it with one that starts afterwards."""

    async def main(world: World) -> None:
        await world.create(*(widget(f"w{n}", way="get", what="a") for n in range(2)))
        for step in before:
            await perform(world, step)
        for plural in ("widgets", "configmaps"):
            world.server.lag(plural, lambda: world.clock.random.uniform(0, LAG))

        explorer = Explorer(confirm=confirm)
        async with world.running(explorer):
            for step in during:
                await perform(world, step)
            await world.settle(10)

        resync = Explorer(confirm=False)
        async with world.running(resync):
            pass
        assert explorer.saw == resync.saw

    simulate(main, seed=seed)


@given(during=st.lists(steps.filter(lambda step: not isinstance(step, Look)), min_size=1, max_size=8))
def test_a_key_that_read_nothing_of_what_changed_doesn_t_run(during: list[Any]) -> None:
    class Aloof(Reconciler):
        primary = WIDGET
        reads = (CONFIG_MAP,)

        async def reconcile(self, ctx: Context) -> None:
            ctx.get(CONFIG_MAP, "aloof", confirm=False)
            ctx.select(CONFIG_MAP, labels={"color": "green"}, confirm=False)
            ctx.select(CONFIG_MAP, namespace="kube-system", confirm=False)

    async def main(world: World) -> None:
        await world.create(widget("w"), obj(GADGET, "g"))
        async with world.running(Aloof()):
            for step in during:
                await perform(world, step)
            await world.settle()

            assert [report.reasons for report in world.reports] == [("first list",)]

    simulate(main)
