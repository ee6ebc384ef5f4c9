"""100,000 keys with 10 dependencies each: what the index costs in memory and in time."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from reconcilekit.cache import Change, LabelSelector, Selection
from reconcilekit.clock import SystemClock
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.dependencies import Dependencies, DependencyStatistics, Reads
from tests.runtime.test_dependencies import CountingMatcher, make_object

ROOT = Path(__file__).parents[2]
SECRET = Resource("v1", "Secret")
WIDGET = Resource("example.com/v1", "Widget")
GADGET = Resource("example.com/v1", "Gadget")

KEYS = 100_000
OWN = 7
MEGABYTE = 1_000_000


@attrs.frozen(kw_only=True)
class Measured:
    """What the index cost.

    Attributes:
        megabytes: by which the resident set of the process grew from the empty index to the full one.
        finding: median seconds to find who read what changed.
        repeating: median seconds to learn of a run that read what the one before did.
        asked: selections that were evaluated to find them.
    """

    megabytes: float
    finding: float
    repeating: float
    asked: int


class Population:
    """Each key reads itself, seven objects of its own, one that a hundred share, and a selection that a thousand share.

    The characters of names aren't the index's: objects in the cache hold them anyway. The ObjectKeys are; each read
    brings one of its own, as where nothing that was looked for is there.
    """

    def __init__(self) -> None:
        self.names = [f"object-{number:07}" for number in range(KEYS * OWN)]
        self.keys = [ObjectKey("default", self.names[number]) for number in range(KEYS)]
        self.labels = [LabelSelector.from_mapping({"app": self.names[number]}) for number in range(KEYS // 1000)]

    def reads(self, number: int) -> Reads:
        objects: dict[tuple[Resource, ObjectKey], None] = {(WIDGET, ObjectKey("default", self.names[number])): None}
        for each in range(OWN):
            objects[SECRET, ObjectKey("default", self.names[number * OWN + each])] = None
        objects[GADGET, ObjectKey("default", self.names[number // 100])] = None
        selection = Selection(namespace="default", labels=self.labels[number // 1000])
        return Reads(objects=dict(objects), selections={(SECRET, selection)})


def measure() -> Measured:
    """Fill an index and use it."""
    population = Population()
    matcher = CountingMatcher()
    dependencies = Dependencies(matcher=matcher)
    before = _resident()
    for number, key in enumerate(population.keys):
        dependencies.replace(key, population.reads(number))
    grown = _resident() - before
    assert dependencies.statistics() == DependencyStatistics(
        keys=KEYS, objects=KEYS * (OWN + 1) + KEYS // 100, selections=KEYS // 1000, scanned_selections=0
    )

    def find(number: int) -> None:
        woken = list(dependencies.woken_by(causes[number]))
        assert [each.key for each in woken] == [population.keys[number * 1000]]

    objects = [
        make_object(population.names[number * OWN], namespace="default", labels={"team": "none"})
        for number in range(0, KEYS, 1000)
    ]
    causes = [Change(resource=SECRET, key=obj.key, before=obj, after=obj, sequence=1) for obj in objects]
    again = [population.reads(number) for number in range(1000)]
    return Measured(
        megabytes=grown / MEGABYTE,
        finding=_median_seconds(find, len(causes)),
        repeating=_median_seconds(lambda each: dependencies.replace(population.keys[each], again[each]), len(again)),
        asked=matcher.asked,
    )


def _median_seconds(act: Callable[[int], None], times: int) -> float:
    clock = SystemClock()
    taken = []
    for number in range(times):
        started = clock.monotonic()
        act(number)
        taken.append(clock.monotonic() - started)
    return statistics.median(taken)


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * 4096


@pytest.mark.slow
def test_a_hundred_thousand_keys_with_ten_dependencies_each() -> None:
    """In a process of its own: what other tests have freed would hide what the index takes."""
    code = "import json, attrs; from tests.runtime.test_dependencies_at_scale import measure as m; "
    answer = subprocess.run(
        [sys.executable, "-c", code + "print(json.dumps(attrs.asdict(m())))"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    measured = Measured(**json.loads(answer.stdout))
    assert measured.megabytes < 150
    # It takes a few microseconds; the bounds leave room for a busy machine, not for anything that grows with the index.
    assert measured.finding < 100e-6
    assert measured.repeating < 100e-6
    assert measured.asked == 0
