"""What the functions cost that Kubernetes adds to CEL, and those of CEL's that it reckons by itself.

(k8s.io/apiserver `pkg/cel/library/cost.go`)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from reconcilekit.testing.apiserver.crd.rules.expressions import Kind, Tree
from reconcilekit.testing.apiserver.crd.rules.ranges import MOST, NOTHING, ONE, UNKNOWN, Range, exactly
from reconcilekit.testing.apiserver.crd.rules.value_paths import ValuePath

TRAVERSAL: Final = 0.1
"""Of one character of a string."""

PATTERN: Final = 0.25
"""Of one character of a regular expression."""

_LONGEST_FORMAT: Final = 128
_ADDRESS: Final = Range(4, 16)
_NEW_LIST: Final = exactly(10)

SizeAt = Callable[[Sequence[str]], Range | None]


@attrs.frozen
class Part:
    """An argument.

    Attributes:
        path: from the rule's variable, empty where it leads to none.
        size: as far as the expression tells.
    """

    tree: Tree
    path: ValuePath
    kind: Kind
    size: Range | None


@attrs.frozen
class Call:
    """A call by one of the overloads that it may mean."""

    function: str
    overload: str
    target: Part | None
    parts: tuple[Part, ...]


@attrs.frozen
class Estimate:
    """Of a call's cost, and of its result's size."""

    cost: Range
    size: Range | None = None


def call_cost(call: Call, size_at: SizeAt) -> Estimate | None:
    """The cost of a call without its arguments', None where it is CEL's affair."""
    sizes = [_size(part, size_at) for part in call.parts]
    target = None if call.target is None else _size(call.target, size_at)
    match call.function:
        case (
            "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" | "indexAt" | "lastIndexAt" | "includes"
        ) if target is not None:
            return _search_cost(call, target, size_at)
        case "url" if len(sizes) == 1:
            return Estimate(sizes[0].scaled(TRAVERSAL), sizes[0])
        case "lowerAscii" | "upperAscii" | "substring" | "trim" if target is not None:
            return Estimate(target.scaled(TRAVERSAL), target)
        case "replace" if target is not None and len(sizes) >= 2:
            return Estimate(target.scaled(2 * TRAVERSAL), _replaced_size(target, sizes[0], sizes[1]))
        case "split" if target is not None:
            limit = call.parts[1].tree.value if len(call.parts) > 1 else None
            most = limit % (MOST + 1) if type(limit) is int else target.high
            return Estimate(target.scaled(2 * TRAVERSAL), Range(0, most))
        case "join" if target is not None:
            size = _joined_size(call, target, sizes, size_at)
            return Estimate(size.scaled(TRAVERSAL), size)
        case "find" | "findAll" if target is not None and sizes:
            cost = (target + ONE).scaled(TRAVERSAL) * sizes[0].scaled(PATTERN)
            return Estimate(cost, Range(0, target.high))
        case "validate" if sizes:
            return Estimate(sizes[0].scaled(TRAVERSAL).scaled(_LONGEST_FORMAT * PATTERN))
        case "_==_" if len(call.parts) == 2 and call.parts[0].kind == call.parts[1].kind:
            return _equality_cost(call.parts[0].kind, sizes[1] if call.parts[1].size else ONE)
    return _list_cost(call, sizes, target) or _parsing_cost(call, sizes)


def _list_cost(call: Call, sizes: list[Range], target: Range | None) -> Estimate | None:
    """Of what makes a new list, and of sets."""
    match call.function, sizes:
        case "sets.contains" | "sets.intersects", [one, other]:
            return Estimate(one * other + ONE)
        case "sets.equivalent", [one, other]:
            return Estimate((one * other).scaled(2) + ONE)
        case "lists.range", [_]:
            return _new_list(exactly(_whole(call.parts[0], MOST)))
        case _ if target is None or call.target is None:
            return None
        case "@sortByAssociatedKeys", [keys]:
            return _sorted_list(keys, call.parts[0].kind)
        case "slice", [_, _]:
            start, end = _whole(call.parts[0], 0), _whole(call.parts[1], target.high)
            return _new_list(exactly((end - start) % (MOST + 1)))
        case "reverse", []:
            return _new_list(target)
        case "flatten", _:
            return _new_list(target, factor=_whole(call.parts[0], MOST) if call.parts else 1)
        case "distinct", []:
            return _new_list(target * target, factor=2)
        case "sort", []:
            return _sorted_list(target, call.target.kind)
    return None


def _sorted_list(size: Range, kind: Kind) -> Estimate:
    has_texts = bool(kind.inner) and kind.inner[0].name in ("string", "bytes")
    return _new_list(size * size, factor=2 + TRAVERSAL if has_texts else 2)


def _new_list(size: Range, *, factor: float = 1) -> Estimate:
    return Estimate(size.scaled(factor) + ONE + _NEW_LIST, size)


def _whole(part: Part, default: int) -> int:
    value = part.tree.value
    return max(value, 0) if part.tree.form == "constant" and type(value) is int else default


def _parsing_cost(call: Call, sizes: list[Range]) -> Estimate | None:
    if call.function in _NOMINAL or (call.function == "ip" and call.overload == "cidr_ip"):
        return Estimate(ONE)
    if not sizes:
        return None
    if call.function in ("cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver"):
        return Estimate(sizes[0].scaled(TRAVERSAL))
    if call.function == "ip.isCanonical":
        return Estimate(sizes[0].scaled(2 * TRAVERSAL))
    if call.function in ("containsIP", "containsCIDR"):
        cost = (_ADDRESS + _ADDRESS).scaled(TRAVERSAL)
        if call.function == "containsCIDR":
            cost += _ADDRESS.scaled(TRAVERSAL) + ONE
        if call.parts[0].kind.name == "string":
            cost += sizes[0].scaled(TRAVERSAL)
        return Estimate(cost)
    return None


_NOMINAL_NAMES: Final = """
masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast
format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch
getScheme getHostname getHost getPort getEscapedPath getQuery
"""
_NOMINAL: Final = frozenset(_NOMINAL_NAMES.split())


def _size(part: Part, size_at: SizeAt) -> Range:
    return part.size or size_at(part.path.names) or UNKNOWN


def _items_size(call: Call, size_at: SizeAt) -> tuple[Kind, Range] | None:
    target = call.target
    if target is None or not target.kind.inner:
        return None
    names = target.path.names
    found = size_at((*names, "@items")) if names else None
    return target.kind.inner[0], found or UNKNOWN


def _search_cost(call: Call, target: Range, size_at: SizeAt) -> Estimate:
    found, each = _items_size(call, size_at), ONE
    if found is None:
        return Estimate(target if call.function == "includes" else target.scaled(TRAVERSAL))
    kind, size = found
    if kind.name in ("string", "bytes"):
        each += size.scaled(TRAVERSAL)
    return Estimate(target * each)


def _joined_size(call: Call, target: Range, sizes: list[Range], size_at: SizeAt) -> Range:
    found, size = _items_size(call, size_at), NOTHING
    if found is not None:
        size = target * found[1]
    if sizes:
        size += sizes[0] * Range(max(target.low - 1, 0), max(target.high - 1, 0))
    return size


def _replaced_size(text: Range, old: Range, new: Range) -> Range:
    if old.low == 0:
        most, kept_most = min(text.high + 1, MOST), text.high
    elif new.high <= old.low:
        most, kept_most = 0, text.high
    else:
        most, kept_most = math.ceil(text.high / old.low), 0
    if old.high == 0:
        least, kept_least = min(text.low + 1, MOST), text.low
    elif old.high <= new.low:
        least, kept_least = 0, text.low
    else:
        least, kept_least = math.ceil(text.low / old.high), 0
    return Range(least, most) * new + Range(kept_least, kept_most)


def _equality_cost(kind: Kind, size: Range) -> Estimate | None:
    match kind.name:
        case "net.IP" | "net.CIDR" | "kubernetes.Quantity" | "kubernetes.Semver":
            return Estimate(ONE)
        case "kubernetes.NamedFormat":
            return Estimate(Range(1, 64).scaled(TRAVERSAL))
        case "kubernetes.URL":
            return Estimate(Range(1, size.high).scaled(TRAVERSAL))
    return None
