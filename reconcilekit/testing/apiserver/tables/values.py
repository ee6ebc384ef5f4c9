"""Reading what may or may not be in an object, and the forms that several kinds' cells share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.tables.ages import since

NONE, UNSET = "<none>", "<unset>"


def at(content: Any, *path: str) -> Any:
    """What a path leads to, None where there is nothing."""
    node = content
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node


def count(content: Any, *path: str) -> int:
    """A number, 0 where there is none."""
    found = at(content, *path)
    return found if isinstance(found, int) else 0


def text(content: Any, *path: str) -> str:
    """A text, "" where there is none."""
    found = at(content, *path)
    return "" if found is None else str(found)


def items(content: Any, *path: str) -> list[Any]:
    """A list, empty where there is none."""
    found = at(content, *path)
    return found if isinstance(found, list) else []


def born(obj: Mapping[str, Any], now: datetime) -> str:
    """How old an object is."""
    return since(at(obj, "metadata", "creationTimestamp"), now)


def containers(pod_spec: Any) -> tuple[str, str]:
    """The names and the images of its containers."""
    found = items(pod_spec, "containers")
    return ",".join(text(c, "name") for c in found), ",".join(text(c, "image") for c in found)


def labels(found: Any) -> str:
    """A map of labels: "a=b,c=d"."""
    if not isinstance(found, Mapping) or not found:
        return NONE
    return ",".join(f"{name}={found[name]}" for name in sorted(found))


_WORDS = {"In": "in", "NotIn": "notin"}


def label_selector(selector: Any) -> str:
    """A LabelSelector in the grammar of the query parameter, "" for one that selects everything."""
    matched = at(selector, "matchLabels") or {}
    parts = [(name, f"{name}={value}") for name, value in matched.items()]
    for expression in items(selector, "matchExpressions"):
        key, operator = text(expression, "key"), text(expression, "operator")
        values = ",".join(sorted(map(str, items(expression, "values"))))
        match operator:
            case "Exists":
                parts.append((key, key))
            case "DoesNotExist":
                parts.append((key, f"!{key}"))
            case _:
                parts.append((key, f"{key} {_WORDS.get(operator, operator)} ({values})"))
    return ",".join(part for _, part in sorted(parts, key=lambda pair: pair[0]))


def shown_selector(selector: Any) -> str:
    """A LabelSelector in a cell."""
    if selector is None:
        return NONE
    return label_selector(selector) or NONE


def some_of(found: Sequence[str], *, limit: int = 3, total: int | None = None, empty: str = UNSET) -> str:
    """The first few of a list, and how many more there are."""
    number = len(found) if total is None else total
    shown = ",".join(found[:limit])
    if number > limit:
        return f"{shown} + {number - limit} more..."
    return shown or empty


def is_true(conditions: Iterable[Any], kind: str) -> bool:
    """Whether the condition of this type is True."""
    return any(text(c, "type") == kind and text(c, "status") == "True" for c in conditions)


def boolean(value: Any) -> str:
    """A yes or no as Go prints it, "<unset>" for None."""
    return UNSET if value is None else "True" if value else "False"
