"""Reads in one thread while another writes.

Real threads meet at the wrong moment once in a blue moon, so here the other thread is a trace function as well: it gets
its turn at each line of the code under test, one by one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

from reconcilekit.cache import LabelSelector, Scope, Selection, Store, View
from reconcilekit.cache.timeline import Timeline
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from tests.cache.scripted import CONFIG_MAP, SECRET, make_object

Trace = Callable[[FrameType, str, Any], Any]

SELECTIONS = [
    Selection(),
    Selection(namespace="default"),
    Selection(labels=LabelSelector.parse("app=x")),
    Selection(labels=LabelSelector.parse("app in (x,y)")),
    Selection(index=("data", "one")),
]
WRITES: dict[str, Callable[[Store], object]] = {
    "add": lambda store: store.put("", make_object("new", 50, labels={"app": "x"}, data="one")),
    "change": lambda store: store.put("", make_object("a", 50, labels={"app": "y"}, data="two")),
    "delete": lambda store: store.remove("", ObjectKey("default", "a"), "50"),
    "relist": lambda store: store.replace("", {ObjectKey("default", "b"): make_object("b", 51, data="one")}, "51"),
}


def data(obj: RawObject) -> list[str]:
    return [obj.decode()["data"]]


def make_store() -> tuple[Store, View]:
    """Two objects, indexes that are built already, and a view that is open."""
    store = Store(CONFIG_MAP, scope=Scope(), timeline=Timeline())
    objects = [make_object(name, 1, labels={"app": "x"}, data="one") for name in "ab"]
    store.replace("", {obj.key: obj for obj in objects}, "1")
    store.add_index("data", data)
    with View({CONFIG_MAP: store}, store._timeline) as view:
        read(view)
    return store, View({CONFIG_MAP: store}, store._timeline)


def read(view: View) -> list[Sequence[RawObject | None]]:
    """Everything that can be asked of a view."""
    singly = [view.get(CONFIG_MAP, ObjectKey("default", name)) for name in ("a", "b", "new")]
    return [singly, *(view.select(CONFIG_MAP, selection) for selection in SELECTIONS)]


def at_each_line(action: Callable[[], object], interloper: Callable[[int], object]) -> int:
    """Call `interloper(n)` before the nth line of the cache's code that `action` runs; gives the number of lines."""
    lines = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Trace | None:
        nonlocal lines
        if "reconcilekit/cache/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            interloper(lines)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("name", WRITES)
def test_a_reader_that_comes_at_any_line_of_a_write_reads_its_instant(name: str) -> None:
    store, view = make_store()
    expected = read(view)
    wrong: list[int] = []

    def compare(line: int) -> None:
        if read(view) != expected:
            wrong.append(line)

    with view:
        lines = at_each_line(lambda: WRITES[name](store), compare)

    assert wrong == []
    assert lines > 10


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_comes_at_any_line_of_a_read_is_not_seen(name: str) -> None:
    turn, lines = 0, 1
    while turn < lines:
        turn += 1
        store, view = make_store()
        with view:
            expected = read(view)
            found: list[list[Sequence[RawObject | None]]] = []
            lines = at_each_line(
                lambda view=view, found=found: found.append(read(view)),  # type: ignore[misc]
                lambda line, store=store, turn=turn: WRITES[name](store) if line == turn else None,  # type: ignore[misc]
            )
            assert found == [expected], f"a write before line {turn} was seen"
    assert turn > 50


def test_real_threads_read_their_instant_while_the_loop_writes() -> None:
    """Each write brings all objects of two kinds to one number: a read of two numbers shows at once."""
    timeline = Timeline()
    stores = {kind: Store(kind, scope=Scope(), timeline=timeline) for kind in (CONFIG_MAP, SECRET)}
    names = [f"o{number}" for number in range(20)]
    write_round(stores, timeline, names, 1)
    done = threading.Event()
    faults: list[BaseException] = []
    readers = [threading.Thread(target=read_rounds, args=(stores, timeline, names, done, faults)) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for reader in readers:
            reader.start()
        for number in range(2, 150):
            write_round(stores, timeline, names, number)
    finally:
        done.set()
        for reader in readers:
            reader.join()
        sys.setswitchinterval(interval)

    assert faults == []
    assert timeline.kept_versions == 0


def write_round(stores: dict[Resource, Store], timeline: Timeline, names: list[str], number: int) -> None:
    """Bring every object of both kinds to `number`; a third of them comes and goes."""
    labels = {"round": str(number), "all": "yes"}
    with timeline.lock:
        for store in stores.values():
            objects = [make_object(name, number, labels=labels) for name in names if number % 3 or len(name) > 2]
            store.replace("", {obj.key: obj for obj in objects}, str(number))


def read_rounds(
    stores: dict[Resource, Store],
    timeline: Timeline,
    names: list[str],
    done: threading.Event,
    faults: list[BaseException],
) -> None:
    try:
        while not done.is_set():
            with View(stores, timeline) as view:
                check_one_round(view, names)
                check_one_round(view, names)
    except BaseException as error:  # noqa: BLE001 -- handed to the test's own thread
        faults.append(error)


def check_one_round(view: View, names: list[str]) -> None:
    everything = [view.select(kind, Selection()) for kind in (CONFIG_MAP, SECRET)]
    labelled = view.select(SECRET, Selection(labels=LabelSelector.parse("all=yes")))
    singly = [view.get(SECRET, ObjectKey("default", name)) for name in names]
    rounds = {obj.meta.resource_version for found in everything for obj in found}
    assert len(rounds) == 1
    assert [obj.key for obj in everything[0]] == [obj.key for obj in everything[1]]
    assert labelled == everything[1]
    assert sorted(obj.key for obj in singly if obj) == [obj.key for obj in everything[1]]
    number = rounds.pop()
    assert view.select(SECRET, Selection(labels=LabelSelector.parse(f"round={number}"))) == everything[1]
