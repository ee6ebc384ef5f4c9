"""What CEL's own functions cost (cel-go `checker/cost.go`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconcilekit.testing.apiserver.crd.rules.library_costs import PATTERN, TRAVERSAL, Estimate
from reconcilekit.testing.apiserver.crd.rules.ranges import MOST, ONE, Range

_COMPARISONS: Final = frozenset(
    f"{name}_{kind}_{kind}"
    for name in ("less", "greater", "less_equals", "greater_equals")
    for kind in ("string", "bytes")
) | {"equals", "not_equals"}


def standard_cost(overload: str, target: Range | None, sizes: Sequence[Range]) -> Estimate:
    """The cost of a call without its arguments'.

    Args:
        overload: which is called.
        target: the size of what it is called on, None where that is nothing.
        sizes: of the arguments.
    """
    match overload, sizes:
        case "string_to_bytes", [size]:
            return Estimate(size.scaled(TRAVERSAL), Range(size.low, min(size.high * 4, MOST)))
        case "bytes_to_string", [size]:
            return Estimate(size.scaled(TRAVERSAL), Range(size.low // 4, size.high))
        case "strings_quote", [size]:
            return Estimate(size.scaled(TRAVERSAL), Range(size.low + 2, min(size.high * 2 + 2, MOST)))
        case "starts_with_string" | "ends_with_string", [size]:
            return Estimate(size.scaled(TRAVERSAL))
        case "in_list", [_, size]:
            return Estimate(size)
        case "matches", [text, pattern]:
            return Estimate(_matching(text, pattern))
        case "add_list", [one, other]:
            return Estimate(ONE, one + other)
        case "add_string" | "add_bytes", [one, other]:
            return Estimate((one + other).scaled(TRAVERSAL), one + other)
        case _, [one, other] if overload in _COMPARISONS:
            most = min(one.high, other.high)
            return Estimate(Range(min(most, 1), most).scaled(TRAVERSAL))
    found = None if target is None else _member_cost(overload, target, sizes)
    return Estimate(ONE) if found is None else Estimate(found)


def _member_cost(overload: str, target: Range, sizes: Sequence[Range]) -> Range | None:
    match overload, sizes:
        case "string_format", _:
            return target.scaled(TRAVERSAL)
        case "matches_string", [pattern]:
            return _matching(target, pattern)
        case "contains_string", [size]:
            return target.scaled(TRAVERSAL) * size.scaled(TRAVERSAL)
    return None


def _matching(text: Range, pattern: Range) -> Range:
    return (text + ONE).scaled(TRAVERSAL) * pattern.scaled(PATTERN)
