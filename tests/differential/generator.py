"""Makes sequences of requests: every verb and patch type, over a few names, right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import hypothesis.strategies as st

from tests.differential.kinds import KINDS, Kind
from tests.differential.reads import Reads
from tests.differential.steps import PAUSE, Step
from tests.differential.writes import Writes

Draw = Callable[[st.SearchStrategy[Any]], Any]


class SequenceMachine:
    """Draws one sequence, step by step.

    Args:
        random: hypothesis' own, so that its seed makes the sequences again.
        kinds: what it may be about.
    """

    def __init__(self, random: Random, kinds: Sequence[Kind]) -> None:
        writes, reads = Writes(random), Reads(random)
        self._writes = writes
        self._reads = reads
        self._kinds = writes.some(kinds)
        self._writers: list[Callable[[Kind], Step]] = [
            *[writes.create] * 4,
            *[writes.apply] * 6,
            *[writes.replace] * 3,
            *[writes.merge] * 3,
            *[writes.json] * 3,
            *[writes.strategic] * 2,
            *[writes.delete] * 2,
            writes.delete_collection,
            *[writes.status] * 2,
            *[writes.scale] * 1,
        ]
        self._readers: list[Callable[[Kind], Step]] = [*[reads.get] * 2, *[reads.list_all] * 3, reads.odd]

    def steps(self) -> list[Step]:
        """The sequence."""
        steps = [self._writes.beginning(kind) for kind in self._kinds if self._writes.happens(80)]
        for _ in range(self._writes.random.randint(3, 14)):
            kind = self._writes.one(self._kinds)
            choice = self._writes.random.randint(0, 99)
            if choice < 70:
                steps.append(self._writes.one(self._writers)(kind))
            elif choice < 90:
                steps.append(self._writes.one(self._readers)(kind))
            elif choice < 98:
                steps += self._reads.watch(kind)
            elif self._writes.happens(10):
                steps.append(Step(method=PAUSE, path=""))
        return steps


@st.composite
def sequences(draw: Draw, kinds: Sequence[Kind] = KINDS) -> list[Step]:
    """One sequence of requests about one to three of the kinds."""
    return SequenceMachine(draw(st.randoms(use_true_random=True)), kinds).steps()
