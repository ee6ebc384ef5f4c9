"""Ranges of sizes and costs, as whole numbers that end where Go's do."""

from __future__ import annotations

import math
from typing import Final

import attrs

MOST: Final = 2**64 - 1


@attrs.frozen
class Range:
    """From the least to the most."""

    low: int
    high: int

    def __add__(self, other: Range) -> Range:
        return Range(min(self.low + other.low, MOST), min(self.high + other.high, MOST))

    def __mul__(self, other: Range) -> Range:
        return Range(min(self.low * other.low, MOST), min(self.high * other.high, MOST))

    def __or__(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))

    def scaled(self, factor: float) -> Range:
        """The same times a factor, rounded up."""
        return Range(_scaled(self.low, factor), _scaled(self.high, factor))


def exactly(value: int) -> Range:
    """A range of one value."""
    return Range(value, value)


UNKNOWN: Final = Range(0, MOST)
NOTHING: Final = Range(0, 0)
ONE: Final = Range(1, 1)
NEVER: Final = Range(MOST, 0)
"""What takes on the other range where both are put together."""


def _scaled(value: int, factor: float) -> int:
    return min(math.ceil(float(value) * factor), MOST)
