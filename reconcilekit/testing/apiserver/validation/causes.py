"""What is wrong with one field, in the words of apimachinery's field.Error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

from reconcilekit.testing.apiserver.go_text import json_name, json_text, quoted, shown
from reconcilekit.testing.apiserver.status import Cause

Found = Iterator[Cause]
"""What a check finds; nothing where all is well."""

Obj = Mapping[str, Any]


def as_struct(told: Obj, fields: Iterable[str], *, unset: object = None) -> dict[str, Any]:
    """A map as the real server shows a struct of its own, whose fields have Go's names.

    Args:
        told: as it is in JSON.
        fields: the struct's.
        unset: what there is of a field that isn't told.
    """
    return {name: told.get(json_name(name), unset) for name in fields}


def required(field: str, why: str = "") -> Cause:
    """The field must be set."""
    message = f"Required value: {why}" if why else "Required value"
    return Cause(reason="FieldValueRequired", message=message, field=field)


def invalid(field: str, value: object, why: str) -> Cause:
    """The value is wrong; `why` may be left to the reader."""
    told = f"{shown(value, sorts=False)}: {why}" if why else shown(value, sorts=False)
    return Cause(reason="FieldValueInvalid", message=f"Invalid value: {told}", field=field)


def unsupported(field: str, value: object, known: Iterable[str]) -> Cause:
    """The value is none of those that there are; it has a type of its own, which the server shows in JSON."""
    listed = ", ".join(map(quoted, known))
    message = f"Unsupported value: {json_text(value, sorts=False)}: supported values: {listed}"
    return Cause(reason="FieldValueNotSupported", message=message, field=field)


def duplicate(field: str, value: object) -> Cause:
    """Another one has the value, too."""
    return Cause(reason="FieldValueDuplicate", message=f"Duplicate value: {shown(value, sorts=False)}", field=field)


def missing(field: str, value: object) -> Cause:
    """What the value names isn't there."""
    return Cause(reason="FieldValueNotFound", message=f"Not found: {shown(value, sorts=False)}", field=field)


def forbidden(field: str, why: str) -> Cause:
    """The field may not be set, or not so."""
    return Cause(reason="FieldValueForbidden", message=f"Forbidden: {why}", field=field)


def immutable(field: str, old: object, new: object) -> Found:
    """The field may not change once the object is there."""
    if old != new:
        yield invalid(field, new, "field is immutable")


def one_of(field: str, value: object, known: Iterable[str]) -> Found:
    """The value must be one of those that there are."""
    names = tuple(known)
    if value not in names:
        yield unsupported(field, value or "", names)


def not_negative(field: str, value: int | None) -> Found:
    """A number that is counted with."""
    if value is not None and value < 0:
        yield invalid(field, value, "must be greater than or equal to 0")


def too_many(field: str, items: Sized, most: int) -> Found:
    """The list may be no longer."""
    if len(items) > most:
        message = f"Too many: {len(items)}: must have at most {most} items"
        yield Cause(reason="FieldValueTooMany", message=message, field=field)


def bytes_in(text: str) -> int:
    """How long a text is to Go, which counts bytes."""
    return len(text) if text.isascii() else len(text.encode())


def too_long(field: str, text: str, most: int) -> Found:
    """The text may be no longer."""
    if bytes_in(text) > most:
        yield Cause(reason="FieldValueTooLong", message=f"Too long: may not be more than {most} bytes", field=field)
