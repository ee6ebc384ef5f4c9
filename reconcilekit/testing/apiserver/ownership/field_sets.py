"""Sets of fields as `managedFields` has them, and their algebra.

A set is the tree that fieldsV1 is: ``{"f:data": {".": {}, "f:a": {}}}``. An element whose node is empty is a member,
one whose node has "." is a member with others below it. So nothing is encoded or decoded on the way to and from an
object, and sets share what they have in common; none is ever changed in place once it is made. The operations are those
of sigs.k8s.io/structured-merge-diff, `fieldpath/set.go`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

FieldSet = dict[str, Any]
Path = tuple[str, ...]

NO_FIELDS: FieldSet = {}
LEAF: FieldSet = {}
"""The node of a member with nothing below it."""

MAX_SHARED = 8192
"""Bytes, encoded, of a set that is remembered: a thousand of them take a few MB, and rare ones are larger."""

_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in either."""
    if not other or one is other:
        return one
    if not one:
        return other
    result = dict(one)
    for element, node in other.items():
        known = result.get(element)
        result[element] = node if known is None else _union_nodes(known, node)
    return result


def _union_nodes(one: FieldSet, other: FieldSet) -> FieldSet:
    if one is other:
        return one
    if not one:
        return other if not other or "." in other else {".": LEAF, **other}
    if not other:
        return one if "." in one else {".": LEAF, **one}
    return union(one, other)


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in `one` and not in `other`, path by path: a member of `other` takes nothing along that is below it."""
    if not one or not other:
        return one
    result: FieldSet = {}
    is_same = True
    for element, node in one.items():
        taken = other.get(element)
        if taken is None or element == ".":
            result[element] = node
            continue
        rest = _difference_of_nodes(node, taken)
        is_same = is_same and rest is node
        if rest is not None:
            result[element] = rest
    return one if is_same else result


def _difference_of_nodes(node: FieldSet, taken: FieldSet) -> FieldSet | None:
    is_taken = not taken or "." in taken
    if not node:
        return None if is_taken else node
    below = difference(node, taken)
    if "." in below and is_taken:
        below = {element: sub for element, sub in below.items() if element != "."}
    elif not below.keys() - {"."} and "." in below:
        return LEAF
    return below or None


def without_all_below(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in `one` and neither in `other` nor below one of its members."""
    if not one or not other:
        return one
    result: FieldSet = {}
    for element, node in one.items():
        taken = other.get(element)
        if taken is None or element == ".":
            result[element] = node
        elif taken and "." not in taken:
            if not node:
                result[element] = node
            elif rest := without_all_below(node, taken):
                result[element] = LEAF if rest.keys() == {"."} else rest
    return result


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both."""
    result: FieldSet = {}
    for element, node in one.items():
        partner = other.get(element)
        if partner is None or element == ".":
            continue
        below = intersection(node, partner)
        is_member = (not node or "." in node) and (not partner or "." in partner)
        if is_member:
            result[element] = {".": LEAF, **below} if below else LEAF
        elif below:
            result[element] = below
    return result


def is_member(node: FieldSet | None) -> bool:
    """True if the path to this node is in the set itself."""
    return node is not None and (not node or "." in node)


def paths(fields: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Every member, in the order in which messages list them: what has nothing below it first, at each level."""
    for element in _sorted(element for element, node in fields.items() if is_member(node) and element != "."):
        yield (*prefix, element)
    for element in _sorted(element for element, node in fields.items() if node and element != "."):
        yield from paths(fields[element], (*prefix, element))


def from_paths(*members: Path) -> FieldSet:
    """A set out of paths."""
    result: FieldSet = {}
    for path in members:
        node: FieldSet = LEAF
        for element in reversed(path):
            node = {element: node}
        result = union(result, node)
    return result


def ordered(fields: FieldSet) -> FieldSet:
    """The same set with its elements in the order in which the server writes them.

    Equal sets come back as one: most objects of a kind have the same fields, and thousands of copies would be most of a
    server's memory.
    """
    encoded = msgspec.json.encode(fields)
    return _shared(encoded) if len(encoded) <= MAX_SHARED else _ordered(fields)


@functools.lru_cache(maxsize=1024)
def _shared(encoded: bytes) -> FieldSet:
    return _ordered(msgspec.json.decode(encoded))


def _ordered(fields: FieldSet) -> FieldSet:
    if len(fields) > 1:
        return {element: _ordered(fields[element]) if fields[element] else LEAF for element in _sorted(fields)}
    return {element: _ordered(node) if node else LEAF for element, node in fields.items()}


def _sorted(elements: Iterable[str]) -> list[str]:
    """Elements in their order: fields by name, then items by the values in their keys, numbers before texts."""
    in_order = sorted(elements)
    if len(in_order) > 1 and in_order[-1][:1] in ("k", "v"):
        in_order.sort(key=_rank)
    return in_order


@functools.lru_cache(maxsize=1024)
def _rank(element: str) -> tuple[Any, ...]:
    tag, _, rest = element.partition(":")
    if tag == "k":
        return (1, *((name, *_rank_of_value(value)) for name, value in msgspec.json.decode(rest).items()))
    if tag == "v":
        return (2, *_rank_of_value(msgspec.json.decode(rest)))
    return (3, int(rest)) if tag == "i" else (0, element)


def _rank_of_value(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (3, encode_value(value))


def canonical(fields: Mapping[str, Any]) -> FieldSet:
    """A set as a client wrote it, in the form that elements are compared in.

    Raises:
        ValueError: an element isn't one.
    """
    result: FieldSet = {}
    for element, node in fields.items():
        if element == ".":
            result["."] = LEAF
            continue
        name = _canonical_element(element)
        result[name] = _union_nodes(result[name], canonical(node)) if name in result else canonical(node)
    return result


def _canonical_element(element: str) -> str:
    tag, separator, rest = element[:1], element[1:2], element[2:]
    if separator != ":":
        raise ValueError(f"{element!r} is no element of a path: it has no colon")
    match tag:
        case "f" | "i":
            return element
        case "v":
            return "v:" + encode_value(msgspec.json.decode(rest))
        case "k":
            return "k:" + encode_key(msgspec.json.decode(rest, type=dict[str, Any]))
    raise ValueError(f"{element!r} is no element of a path: {tag!r} is unknown")


def encode_value(value: object) -> str:
    """A scalar as an element has it, escaped as Go does it."""
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()


@functools.lru_cache(maxsize=1024)
def _encode_text(text: str) -> str:
    return msgspec.json.encode(text).decode().translate(_HTML)


def encode_key(key: Mapping[str, object]) -> str:
    """The key of a list's item as an element has it."""
    if len(key) == 1:
        ((name, value),) = key.items()
        return f'{{"{name}":{encode_value(value)}}}'
    return "{" + ",".join(f'"{name}":{encode_value(key[name])}' for name in sorted(key)) + "}"


def print_path(path: Path) -> str:
    """A path as messages have it: ``.spec.ports[port=80,protocol="TCP"].name``."""
    return "".join(print_element(element) for element in path)


def print_element(element: str) -> str:
    """One element as messages have it."""
    tag, _, rest = element.partition(":")
    if tag == "f":
        return f".{rest}"
    if tag == "k":
        keys = msgspec.json.decode(rest, type=dict[str, Any])
        return "[" + ",".join(f"{key}={_print_value(value)}" for key, value in keys.items()) + "]"
    return f"[={_print_value(msgspec.json.decode(rest))}]" if tag == "v" else f"[{rest}]"


def _print_value(value: object) -> str:
    return msgspec.json.encode(value).decode()
