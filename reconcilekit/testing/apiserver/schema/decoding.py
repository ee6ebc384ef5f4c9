"""Objects of built-in kinds read as Go reads them: types checked, unknown fields dropped, empty ones left out.

What comes out is what the real server would write after it read the object. Each struct's reader is compiled when it is
first needed; a reader's only cost for a field is a look-up and a call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.schema import scalars
from reconcilekit.testing.apiserver.schema.defaults import DEFAULTS, Fill
from reconcilekit.testing.apiserver.schema.definitions import Definition, Field, GoType, definition
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError, TypeMismatchError

_RESOURCES = "v1.ResourceList"

Reader = Callable[[Any], Any]
"""Makes of a JSON value (never null) what Go would write of it, or raises `DecodeError`."""


@functools.cache
def reader(name: str) -> Reader:
    """The reader of a struct, by its name in OpenAPI."""
    return _StructReader(definition(name), DEFAULTS.get(name))


@functools.cache
def zero_struct(name: str) -> Mapping[str, Any]:
    """What Go writes of a struct in which nothing is set; change nothing in it."""
    zero: dict[str, Any] = reader(name)({})
    return zero


class _StructReader:
    def __init__(self, told: Definition, fill: Fill | None) -> None:
        self._definition = told
        self._fill = fill
        self._defaults = [
            (field.name, default, field.type.is_pointer)
            for field in told.fields.values()
            if (default := _default(field))
        ]
        self._readers: dict[str, tuple[Reader, bool, type | None]] = {}
        self._always: list[tuple[str, str, object]] = [
            (field.name, "" if field.type.is_pointer or field.type.form != "struct" else field.type.base, field.zero)
            for field in told.fields.values()
            if field.is_always_there
        ]

    def __call__(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise TypeMismatchError(json_type(value))
        result: dict[str, Any] = {}
        readers, name = self._readers, ""
        try:
            for name, item in value.items():
                if item is None:
                    continue
                found = readers.get(name) or self._compile(name)
                if found is None:
                    continue
                read, drops_empty, plain = found
                decoded = item if type(item) is plain else read(item)
                if drops_empty and not decoded:
                    continue
                result[name] = decoded
        except TypeMismatchError as error:
            raise error.inside(self._definition, name) from error
        for missing, struct, zero in self._always:
            if missing not in result:
                result[missing] = dict(zero_struct(struct)) if struct else zero
        for unset, default, is_pointer in self._defaults:
            if unset not in result or (not is_pointer and not result[unset]):
                result[unset] = default
        if self._fill is not None:
            self._fill(result)
        return result

    def _compile(self, name: str) -> tuple[Reader, bool, type | None] | None:
        field = self._definition.fields.get(name)
        if field is None:
            return None
        compiled = self._readers[name] = (_type_reader(field.type), _drops_empty(field), _plain(field.type))
        return compiled


def _default(field: Field) -> Any:
    """What OpenAPI says that it is where nothing is set; only scalars, which objects can share."""
    default = field.marks.get("default")
    return default if isinstance(default, str | int) else None


def _drops_empty(field: Field) -> bool:
    """Go's omitempty leaves out what is empty, but for structs; a pointer to something empty isn't."""
    if field.type.is_pointer:
        return False
    if field.type.is_struct:
        return field.omits_zero
    return field.omits_empty or field.omits_zero


def _plain(go_type: GoType) -> type | None:
    """The type of which every value is right and stays as it is, so that no reader is called; None where none is."""
    return {"string": str, "bool": bool}.get(go_type.base) if go_type.form == "scalar" else None


@functools.cache
def _type_reader(go_type: GoType) -> Reader:
    match go_type.form:
        case "struct":
            return _named(reader(go_type.base), go_type.name)
        case "list":
            assert go_type.item is not None
            return _list_reader(_type_reader(go_type.item), go_type)
        case "map":
            assert go_type.item is not None
            read = scalars.whole_millis if go_type.name == _RESOURCES else _type_reader(go_type.item)
            return _map_reader(read, go_type.name, go_type.item)
        case "special":
            return scalars.SPECIAL.get(go_type.base, scalars.anything)
        case _:
            return scalars.plain(go_type.base, go_type.name)


def _named(read: Reader, name: str) -> Reader:
    def read_named(value: Any) -> Any:
        try:
            return read(value)
        except TypeMismatchError as error:
            error.wanted = error.wanted or name
            raise

    return read_named


def _list_reader(read: Reader, go_type: GoType) -> Reader:
    assert go_type.item is not None
    name, item_type, plain = go_type.name, go_type.item, _plain(go_type.item)

    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise TypeMismatchError(json_type(value), name)
        return [item if type(item) is plain else zero() if item is None else read(item) for item in value]

    def zero() -> Any:
        """What a null comes to, which is no pointer in any list."""
        return read({}) if item_type.form == "struct" else scalars.ZEROS.get(item_type.base)

    return read_list


def _map_reader(read: Reader, name: str, item_type: GoType) -> Reader:
    zero, plain = scalars.ZEROS.get(item_type.base), _plain(item_type)

    def read_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise TypeMismatchError(json_type(value), name)
        return {
            key: item if type(item) is plain else zero if item is None else read(item) for key, item in value.items()
        }

    return read_map


class _Known:
    """Tells whether a struct has all fields of a value: most objects have no others, and that is found soon."""

    def __init__(self, name: str) -> None:
        self._name = name

    @functools.cached_property
    def _fields(self) -> Mapping[str, Callable[[Any], bool] | None]:
        """What looks into a field, None where there's no struct in it; not made before it's needed."""
        return {field.name: _known_inside(field.type) for field in definition(self._name).fields.values()}

    def __call__(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        fields = self._fields
        for name, item in value.items():
            if name not in fields:
                return False
            check = fields[name]
            if check is not None and not check(item):
                return False
        return True


_known = functools.cache(_Known)


def _known_inside(go_type: GoType) -> Callable[[Any], bool] | None:
    if go_type.form == "struct":
        return _known(go_type.base)
    check = None if go_type.item is None else _known_inside(go_type.item)
    if check is None:
        return None

    def known(value: Any) -> bool:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return all(map(check, inside))

    return known


def unknown_fields(value: Any, name: str) -> list[str]:
    """The paths of the fields that a struct hasn't, in the order of the document."""
    return [] if _known(name)(value) else _unknown_fields(value, name, "")


def _unknown_fields(value: Any, name: str, path: str) -> list[str]:
    if not isinstance(value, dict):
        return []
    fields, found = definition(name).fields, []
    for key, item in value.items():
        inner = f"{path}.{key}" if path else key
        field = fields.get(key)
        if field is None:
            found.append(inner)
        else:
            found += _unknown_inside(item, field.type, inner)
    return found


def _unknown_inside(value: Any, go_type: GoType, path: str) -> list[str]:
    if go_type.form == "struct":
        return _unknown_fields(value, go_type.base, path)
    inner = go_type.item
    if inner is None or inner.form not in ("struct", "list", "map"):
        return []
    if isinstance(value, list):
        return [name for i, item in enumerate(value) for name in _unknown_inside(item, inner, f"{path}[{i}]")]
    if isinstance(value, dict):
        return [name for key, item in value.items() for name in _unknown_inside(item, inner, f"{path}.{key}")]
    return []


__all__ = ["DecodeError", "Reader", "reader", "unknown_fields", "zero_struct"]
