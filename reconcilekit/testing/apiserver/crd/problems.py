"""Causes of a refusal, worded and rendered as the real server does (apimachinery's field errors)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from reconcilekit.testing.apiserver.go_text import quoted, shown
from reconcilekit.testing.apiserver.status import Cause

NOWHERE: Final = "<nil>"
"""How the server writes the path of what concerns the whole object."""


class _Omitted:
    """Stands for a value that a message leaves out."""


OMITTED: Final = _Omitted()


@attrs.frozen
class Rendered:
    """A value that is there as the server writes it already."""

    text: str


REQUIRED = "FieldValueRequired"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
NOT_SUPPORTED = "FieldValueNotSupported"
TYPE_INVALID = "FieldValueTypeInvalid"
BLOCKING: Final = frozenset({REQUIRED, TOO_LONG, TOO_MANY, NOT_SUPPORTED, TYPE_INVALID})
"""The reasons after which the server doesn't run an object's rules."""


def child(path: str, name: str) -> str:
    """The path of a field."""
    return f"{path}.{name}" if path else name


def invalid(path: str, value: object, detail: str) -> Cause:
    """A value that breaks a rule."""
    return _cause("FieldValueInvalid", path, _with_value("Invalid value", value), detail)


def type_invalid(path: str, value: object, detail: str) -> Cause:
    """A value of another type than it must have."""
    return _cause(TYPE_INVALID, path, _with_value("Invalid value", value), detail)


def duplicate(path: str, value: object) -> Cause:
    """A value that must be there once only."""
    return _cause("FieldValueDuplicate", path, _with_value("Duplicate value", value), "")


def not_supported(path: str, value: object, supported: Sequence[str]) -> Cause:
    """A value outside its list."""
    detail = f"supported values: {', '.join(map(quoted, supported))}" if supported else ""
    return _cause(NOT_SUPPORTED, path, _with_value("Unsupported value", value), detail)


def required(path: str, detail: str = "") -> Cause:
    """A value that is missing."""
    return _cause(REQUIRED, path, "Required value", detail)


def forbidden(path: str, detail: str) -> Cause:
    """A value that mustn't be there."""
    return _cause("FieldValueForbidden", path, "Forbidden", detail)


def too_long(path: str, limit: int) -> Cause:
    """A text that is too long; the server says bytes, though it counts characters."""
    return _cause(TOO_LONG, path, "Too long", f"may not be more than {limit} {'byte' if limit == 1 else 'bytes'}")


def too_many(path: str, found: int, limit: int) -> Cause:
    """A list or map with too many entries."""
    items = "item" if limit == 1 else "items"
    return _cause(TOO_MANY, path, f"Too many: {found}", f"must have at most {limit} {items}")


def internal(path: str, detail: str) -> Cause:
    """What shouldn't have happened."""
    return _cause("InternalError", path, "Internal error", detail)


def _cause(reason: str, path: str, head: str, detail: str) -> Cause:
    return Cause(reason=reason, message=f"{head}: {detail}" if detail else head, field=path or NOWHERE)


def _with_value(head: str, value: object) -> str:
    if value is OMITTED:
        return head
    return f"{head}: {value.text if isinstance(value, Rendered) else shown(value)}"
