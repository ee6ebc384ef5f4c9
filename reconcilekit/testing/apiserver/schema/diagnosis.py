"""Which of an object's mistakes the real server tells, once it is known that there is one.

Go's encoding/json goes on past a value of the wrong type and tells the first of those, in the document's order; but a
type that reads its JSON itself, such as a time, ends the reading where it stands, and is told whatever came before.
"""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.schema import scalars
from reconcilekit.testing.apiserver.schema.definitions import Definition, GoType, definition
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError, TypeMismatchError

_Way = tuple[tuple[Definition, str], ...]
"""The structs that lead to a value, outermost first, each with its field."""


def told_mistake(value: object, name: str) -> DecodeError | None:
    """What is told of a value that is read into a struct, None where nothing is wrong with it.

    Args:
        value: the decoded JSON, in the document's order.
        name: the struct's, in OpenAPI.
    """
    walk = _Walk()
    try:
        walk.struct(value, definition(name), "", ())
    except DecodeError as error:
        return error
    return walk.first


class _Walk:
    def __init__(self) -> None:
        self.first: DecodeError | None = None

    def struct(self, value: object, told: Definition, name: str, way: _Way) -> None:
        """Look at the fields of a struct.

        Raises:
            DecodeError: what is told whatever else there is.
        """
        if not isinstance(value, dict):
            self._keep(TypeMismatchError(json_type(value), name), way)
            return
        for key, item in value.items():
            field = told.fields.get(key)
            if field is not None and item is not None:
                self._value(item, field.type, (*way, (told, key)))

    def _value(self, value: object, go_type: GoType, way: _Way) -> None:
        match go_type.form:
            case "struct":
                self.struct(value, definition(go_type.base), go_type.name, way)
            case "list" | "map":
                self._items(value, go_type, way)
            case _:
                self._leaf(value, go_type, way)

    def _items(self, value: Any, go_type: GoType, way: _Way) -> None:
        if not isinstance(value, list if go_type.form == "list" else dict):
            self._keep(TypeMismatchError(json_type(value), go_type.name), way)
            return
        assert go_type.item is not None
        for item in value.values() if isinstance(value, dict) else value:
            if item is not None:
                self._value(item, go_type.item, way)

    def _leaf(self, value: Any, go_type: GoType, way: _Way) -> None:
        is_special = go_type.form == "special"
        read = scalars.SPECIAL.get(go_type.base, scalars.anything) if is_special else None
        try:
            (read or scalars.plain(go_type.base, go_type.name))(value)
        except DecodeError as error:
            if is_special and go_type.base != "Bytes":
                raise _on(error, way) from error
            self._keep(error, way)

    def _keep(self, error: DecodeError, way: _Way) -> None:
        if self.first is None:
            self.first = _on(error, way)


def _on(error: DecodeError, way: _Way) -> DecodeError:
    if isinstance(error, TypeMismatchError):
        for told, field in reversed(way):
            error.inside(told, field)
    return error
