"""An object with nothing in it: what a create is compared with, and what an apply to no object is merged into."""

from __future__ import annotations

import functools
from typing import Any

from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.definitions import Field, definition


def zero_object(served: ResourceType) -> dict[str, Any]:
    """The empty object of a kind: the structs that Go always has, without defaults; of a custom kind nothing."""
    return _zero_struct(served.definition) if served.definition else {}


@functools.cache
def _zero_struct(name: str) -> dict[str, Any]:
    fields = definition(name).fields.values()
    return {field.name: _zero_field(field) for field in fields if field.is_always_there}


def _zero_field(field: Field) -> Any:
    if field.type.form == "struct" and not field.type.is_pointer:
        return _zero_struct(field.type.base)
    return field.zero
