"""The limits of numbers, strings, lists and maps: what of a schema a single value is held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver.crd.values import failures
from reconcilekit.testing.apiserver.crd.values.failures import Failure, Findings
from reconcilekit.testing.apiserver.crd.values.formats import FORMATS, known_format
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher
from reconcilekit.testing.apiserver.go_text import number

_INT32 = 2**31
_INT64 = 2**63


@attrs.frozen(kw_only=True)
class StringLimits:
    """Length, pattern and format."""

    minimum: int | None
    maximum: int | None
    pattern: str
    format: str

    def accepts(self) -> Iterator[Callable[[str], object]]:
        """The checks, as predicates."""
        minimum, maximum = self.minimum, self.maximum
        if maximum is not None:
            yield lambda value: len(value) <= maximum
        if minimum is not None:
            yield lambda value: len(value) >= minimum
        if self.pattern:
            yield _pattern(self.pattern)
        if check := FORMATS.get(self.format.replace("-", "")):
            yield check

    def failures(self, value: str, path: str) -> Findings:
        """What is wrong with the length or the pattern: the first thing only, as the server has it."""
        if self.maximum is not None and len(value) > self.maximum:
            return Findings([failures.overlong(path, self.maximum, value)])
        if self.minimum is not None and len(value) < self.minimum:
            return Findings([failures.other(path, f"be at least {self.minimum} chars long", value)])
        if self.pattern and not _pattern(self.pattern)(value):
            return Findings([failures.other(path, f"match '{self.pattern}'", value)])
        return Findings()

    def format_failures(self, value: str, path: str) -> Findings:
        """What is wrong with the format."""
        check = FORMATS.get(self.format.replace("-", ""))
        if check is None or check(value):
            return Findings()
        return Findings([failures.wrong_type(path, self.format, value)])


def _pattern(pattern: str) -> Callable[[str], object]:
    try:
        return matcher(pattern)
    except PatternError:
        # Definitions with such patterns are refused; one that came in all the same matches nothing.
        return lambda _: False


@attrs.frozen(kw_only=True)
class NumberLimits:
    """Bounds, the factor, and what the type can hold; the names are as in the schema."""

    minimum: float | None
    maximum: float | None
    excludes_minimum: bool
    excludes_maximum: bool
    multiple_of: float | None
    type: str
    format: str

    def accepts(self) -> Iterator[Callable[[Any], object]]:
        """The checks, as predicates."""
        has_bounds = self.minimum is not None or self.maximum is not None or self.multiple_of is not None
        if has_bounds or self.format in ("int32", "float"):
            yield lambda value: not self.failures(value, "").failures

    def failures(self, value: float, path: str) -> Findings:
        """What is wrong."""
        findings = Findings(matches=1)
        if not self._holds(value):
            findings.add(failures.out_of_range("Checked", self.type, self.format, path))
        limits = (
            ("MultipleOf", self.multiple_of, self._multiple_failures),
            ("Minimum boundary", self.minimum, self._minimum_failures),
            ("Maximum boundary", self.maximum, self._maximum_failures),
        )
        for name, bound, found in limits:
            if bound is None:
                continue
            if self._holds(bound):
                findings.add(*found(value, path, _bound(value, bound)))
            else:
                # A limit that the type can't hold is a mistake of each value, and compared with all the same.
                findings.add(failures.out_of_range(name, self.type, self.format, path))
                findings.add(*found(float(value), path, float(bound)))
        return findings

    def _multiple_failures(self, value: float, path: str, factor: float) -> Iterator[Failure]:
        if isinstance(value, int):
            is_multiple = factor <= 0 or value % factor == 0
        else:
            quotient = 1 / factor * value if factor < 1 else value / factor
            is_multiple = _is_integral(quotient)
        if factor <= 0:
            message = f"factor MultipleOf declared for {path} must be positive: {number(factor)}"
            yield Failure(code="other", name=path, message=message, value=factor)
        elif not is_multiple:
            yield failures.not_multiple(path, factor, value)

    def _minimum_failures(self, value: float, path: str, bound: float) -> Iterator[Failure]:
        if value < bound or (self.excludes_minimum and value == bound):
            than = "greater than" if self.excludes_minimum else "greater than or equal to"
            yield failures.other(path, f"be {than} {number(bound)}", value)

    def _maximum_failures(self, value: float, path: str, bound: float) -> Iterator[Failure]:
        if value > bound or (self.excludes_maximum and value == bound):
            than = "less than" if self.excludes_maximum else "less than or equal to"
            yield failures.other(path, f"be {than} {number(bound)}", value)

    def _holds(self, value: float) -> bool:
        if self.type == "integer":
            limit = _INT32 if self.format == "int32" else _INT64
            return -limit <= value < limit and value == int(value)
        return self.format != "float" or abs(value) <= 3.4028235677973366e38


def _bound(value: float, bound: float) -> float:
    """A bound as the server compares the value with it: an integer without its fraction, anything else as a float."""
    return math.trunc(bound) if isinstance(value, int) else float(bound)


def _is_integral(value: float) -> bool:
    if math.isnan(value) or abs(value) >= 2**53:
        return False
    nearest = float(round(value))
    return value == nearest or abs(value - nearest) < 1e-9 * max(abs(value), abs(nearest), 1e-300)


@attrs.frozen(kw_only=True)
class Counts:
    """How many entries a list or a map may have."""

    minimum: int | None
    maximum: int | None

    def accepts(self) -> Iterator[Callable[[Any], object]]:
        """The checks, as predicates."""
        minimum, maximum = self.minimum, self.maximum
        if maximum is not None:
            yield lambda value: len(value) <= maximum
        if minimum is not None:
            yield lambda value: len(value) >= minimum

    def item_failures(self, found: int, path: str) -> Iterator[Failure]:
        """What is wrong with a list's length."""
        if self.minimum is not None and found < self.minimum:
            yield failures.other(path, f"have at least {self.minimum} items", found)
        if self.maximum is not None and found > self.maximum:
            yield failures.overfull(path, self.maximum, found, "items")

    def property_failures(self, found: int, path: str) -> Iterator[Failure]:
        """What is wrong with the number of a map's entries."""
        if self.minimum is not None and found < self.minimum:
            yield failures.other(path, f"have at least {self.minimum} properties", found)
        if self.maximum is not None and found > self.maximum:
            yield failures.overfull(path, self.maximum, found, "properties")


def string_limits(schema: Mapping[str, Any]) -> StringLimits:
    """Of a schema."""
    return StringLimits(
        minimum=schema.get("minLength"),
        maximum=schema.get("maxLength"),
        pattern=schema.get("pattern") or "",
        format=known_format(schema.get("format") or "", single_type(schema)),
    )


def number_limits(schema: Mapping[str, Any]) -> NumberLimits:
    """Of a schema; where it allows several types, a format says nothing."""
    type_name = single_type(schema)
    is_number = type_name in ("integer", "number")
    return NumberLimits(
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        excludes_minimum=schema.get("exclusiveMinimum") is True,
        excludes_maximum=schema.get("exclusiveMaximum") is True,
        multiple_of=schema.get("multipleOf"),
        type=type_name if is_number else "",
        format=known_format(schema.get("format") or "", type_name) if is_number else "",
    )


def single_type(schema: Mapping[str, Any]) -> str:
    """The one type of a schema, "" where there is none or several."""
    return "" if schema.get("x-kubernetes-int-or-string") is True else schema.get("type") or ""
