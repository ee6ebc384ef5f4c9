"""What is refused in a configuration that is applied, because it doesn't fit its kind's type or names an item twice.

The checks and their words are those of sigs.k8s.io/structured-merge-diff, `typed/validate.go` and `typed/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconcilekit.testing.apiserver.ownership.field_sets import print_element
from reconcilekit.testing.apiserver.ownership.go_values import go_syntax, go_type, go_value
from reconcilekit.testing.apiserver.ownership.types import ListType, MapType, Type
from reconcilekit.testing.apiserver.ownership.values import element_of, form_of


class UnfitError(Exception):
    """A custom object doesn't fit another of its kind's versions; the message is the real server's reason."""


def problems(value: object, kind: Type) -> str:
    """All that is wrong with an applied object, as the server tells it; "" if nothing is."""
    found = list(_of_value(value, kind, ""))
    if len(found) < 2:
        return "".join(found)
    return "\n".join(["errors:", *(f"  {problem}" for problem in found)])


def _told(path: str, problem: str) -> str:
    return f"{path}: {problem}" if path else problem


def _of_value(value: Any, kind: Type, path: str) -> Iterator[str]:
    form = form_of(value, kind)
    if value is None:
        return
    if form == "map":
        if isinstance(value, dict):
            assert kind.map is not None
            yield from _of_map(value, kind.map, path)
        else:
            yield _told(path, f"expected map, got {go_value(value)}")
    elif form == "list":
        if isinstance(value, list):
            assert kind.list is not None
            yield from _of_list(value, kind.list, path)
        else:
            yield _told(path, f"expected list, got {go_value(value)}")
    elif problem := _of_scalar(value, kind):
        yield _told(path, problem)


def _of_scalar(value: Any, kind: Type) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind.scalar:
        case "numeric" if not is_number:
            return f"expected numeric (int or float), got {go_type(value)}"
        case "string" if not isinstance(value, str):
            return f"expected string, got {go_syntax(value)}"
        case "boolean" if not isinstance(value, bool):
            return f"expected boolean, got {go_value(value)}"
        case "untyped" if isinstance(value, dict | list):
            return f"expected any scalar, got {go_value(value)}"
    return ""


def _of_map(value: dict[str, Any], kind: MapType, path: str) -> Iterator[str]:
    for name, sub in value.items():
        field = kind.field(name)
        if field is None:
            # The real one stops at the first, and which that is hangs on the order of Go's maps: all are told here.
            yield _told(f"{path}.{name}", "field not declared in schema")
        else:
            yield from _of_value(sub, field, f"{path}.{name}")


def _of_list(items: list[Any], kind: ListType, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if kind.is_atomic:
            element = f"i:{index}"
        elif problem := _indexing_problem(item, kind):
            yield _told(path, f"element {index}: {problem}")
            return
        else:
            element = element_of(item, kind)
            if element in seen:
                yield _told(path, f"duplicate entries for key {print_element(element)}")
            seen.add(element)
        yield from _of_value(item, kind.item, path + print_element(element))


def _indexing_problem(item: Any, kind: ListType) -> str:
    if not kind.keys:
        if isinstance(item, dict):
            return "associative list without keys has an element that's a map type"
        if isinstance(item, list):
            return "not supported: associative list with lists as elements"
        return "" if item is not None else "associative list without keys has an element that's an explicit null"
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    if any(key in item or key in kind.key_defaults for key in kind.keys):
        return ""
    keys = " ".join(f'"{key}"' for key in kind.keys)
    return (
        f"associative list with keys has an element that omits all key fields [{keys}] "
        "(and doesn't have default values for any key fields)"
    )
