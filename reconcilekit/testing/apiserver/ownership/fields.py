"""Sets of fields, as `managedFields` has them: their paths, the fieldsV1 form, and what two objects differ in.

A path is a tuple of fieldsV1 elements: ``("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name")``. A set
of fields is a frozenset of paths, so that the algebra of ownership is the algebra of sets (KEP-555).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
import msgspec

from reconcilekit.testing.apiserver.schema.shapes import Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]

NO_FIELDS: FieldSet = frozenset()

_UNOWNED = frozenset(
    ("f:metadata", f"f:{name}")
    for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion",
    )
) | {(), ("f:metadata",), ("f:apiVersion",), ("f:kind",)}  # fmt: skip
"""What nobody owns: the server's own fields and those that identify the object."""


def without_unowned(fields: Iterable[Path]) -> FieldSet:
    """The set without the fields that nobody can own."""
    return frozenset(fields) - _UNOWNED


@functools.lru_cache(maxsize=1024)
def encode_fields(fields: FieldSet) -> dict[str, Any]:
    """The fieldsV1 form, shared among all who ask: change nothing in it.

    Most objects of a kind have the same fields, and thousands of copies would be most of a server's memory.
    """
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for depth, element in enumerate(path):
            child = node.get(element)
            if child is None:
                # Prefixes sort before what extends them: a member that turns out to have children says so by ".".
                if not node and path[:depth] in fields:
                    node["."] = {}
                child = node[element] = {}
            node = child
    return root


def decode_fields(node: Mapping[str, Any], prefix: Path = ()) -> Iterator[Path]:
    """The paths out of a fieldsV1 form."""
    for element, child in node.items():
        if element == ".":
            yield prefix
        elif not child:
            yield (*prefix, element)
        else:
            yield from decode_fields(child, (*prefix, element))


def print_path(path: Path) -> str:
    """A path as messages have it: ``.spec.ports[port=80,protocol="TCP"].name``."""
    return "".join(_print_element(element) for element in path)


def _print_element(element: str) -> str:
    tag, _, rest = element.partition(":")
    if tag == "f":
        return f".{rest}"
    if tag == "k":
        keys = msgspec.json.decode(rest)
        return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in keys.items()) + "]"
    return f"[{'=' if tag == 'v' else ''}{rest}]"


def item_element(item: object, shape: Shape) -> str:
    """The path element of one item of a keyed list or a set."""
    if shape.lists == "set" or not isinstance(item, dict):
        return "v:" + msgspec.json.encode(item).decode()
    keys = {key: item.get(key, shape.key_defaults.get(key)) for key in shape.keys}
    present = {key: value for key, value in keys.items() if value is not None}
    return "k:" + msgspec.json.encode(present).decode()


def children(value: object, shape: Shape) -> dict[str, tuple[Any, Shape]] | None:
    """What a value is made of, by path element, in its order; None where it merges as a whole."""
    if isinstance(value, dict):
        if shape.is_atomic:
            return None
        return {f"f:{name}": (sub, shape.field(name)) for name, sub in value.items()}
    if isinstance(value, list) and shape.lists != "atomic":
        return {item_element(item, shape): (item, shape.item) for item in value}
    return None


def leaves(value: object, shape: Shape, path: Path = ()) -> Iterator[Path]:
    """The fields that an applied configuration names: its leaves, and the items of keyed lists."""
    parts = children(value, shape)
    if not parts:
        # An empty keyed list names no item, so there's nothing to own; an empty map or atomic list is a value.
        if parts is None or isinstance(value, dict):
            yield path
        return
    if path and path[-1].startswith("k:"):
        yield path
    for element, (sub, sub_shape) in parts.items():
        yield from leaves(sub, sub_shape, (*path, element))


def everything(value: object, shape: Shape, path: Path = ()) -> Iterator[Path]:
    """Every path in a value, the containers included."""
    if path and not shape.is_struct:
        yield path
    for element, (sub, sub_shape) in (children(value, shape) or {}).items():
        yield from everything(sub, sub_shape, (*path, element))


@attrs.define
class Difference:
    """What a write changed: paths set or added, and paths removed."""

    changed: set[Path] = attrs.field(factory=set)
    removed: set[Path] = attrs.field(factory=set)


def compare(old: object, new: object, shape: Shape) -> Difference:
    """What leads from `old` to `new`."""
    difference = Difference()
    _compare(old, new, shape, (), difference)
    return difference


def _compare(old: object, new: object, shape: Shape, path: Path, into: Difference) -> None:
    if old is new or old == new:
        return
    before, after = children(old, shape), children(new, shape)
    if before is None or after is None:
        into.changed.add(path)
        if before:
            into.removed.update(everything(old, shape, path))
            into.removed.discard(path)
        if after:
            into.changed.update(everything(new, shape, path))
        return
    for element, (sub, sub_shape) in after.items():
        if element in before:
            _compare(before[element][0], sub, sub_shape, (*path, element), into)
        else:
            into.changed.update(everything(sub, sub_shape, (*path, element)))
    for element, (sub, sub_shape) in before.items():
        if element not in after:
            into.removed.update(everything(sub, sub_shape, (*path, element)))


def ancestors(fields: Iterable[Path]) -> set[Path]:
    """Every proper prefix of the paths: the containers they need."""
    return {path[:depth] for path in fields for depth in range(1, len(path))}


def merge(live: Any, config: Any, shape: Shape) -> Any:
    """`live` with what `config` names put in; neither is changed."""
    if isinstance(live, dict) and isinstance(config, dict) and not shape.is_atomic:
        merged = dict(live)
        for name, value in config.items():
            merged[name] = merge(live[name], value, shape.field(name)) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(config, list) and shape.lists != "atomic":
        return _merge_lists(live, config, shape)
    return config


def _merge_lists(live: list[Any], config: list[Any], shape: Shape) -> list[Any]:
    old = {item_element(item, shape): item for item in live}
    new = {item_element(item, shape): item for item in config}
    return [_merge_item(old, new, element, shape) for element in _merged_order(list(old), list(new))]


def _merge_item(old: Mapping[str, Any], new: Mapping[str, Any], element: str, shape: Shape) -> Any:
    if element in old and element in new:
        return merge(old[element], new[element], shape.item)
    return new[element] if element in new else old[element]


def _merged_order(live: list[str], config: list[str]) -> list[str]:
    """The configuration's order, and between it what is live only, where it stood (structured-merge-diff's order)."""
    named, merged = set(config), []
    shared = [element for element in config if element in set(live)]
    left, right = 0, 0
    while left < len(live) or right < len(config):
        is_apart = left < len(live) and right < len(config) and live[left] != config[right]
        if is_apart and live[left] in named and shared and shared[0] != live[left]:
            left += 1
            continue
        if left < len(live) and live[left] not in named:
            merged.append(live[left])
            left += 1
            continue
        if left < len(live) and (live[left] in merged or (right < len(config) and live[left] == config[right])):
            left += 1
        if right < len(config):
            merged.append(config[right])
            if shared and shared[0] == config[right]:
                shared.pop(0)
            right += 1
    return merged


def remove(value: Any, fields: set[Path], shape: Shape, path: Path = ()) -> Any:
    """`value` without `fields`; containers that this empties go too, whoever owns them."""
    parts = children(value, shape)
    if not parts:
        return value
    kept: dict[str, Any] = {}
    for element, (sub, sub_shape) in parts.items():
        inner = (*path, element)
        if inner in fields:
            continue
        rest = remove(sub, fields, sub_shape, inner)
        if rest is sub or rest:
            kept[element] = rest
    if len(kept) == len(parts) and all(kept[element] is part[0] for element, part in parts.items()):
        return value
    if isinstance(value, list):
        return list(kept.values())
    return {element[2:]: sub for element, sub in kept.items()}
