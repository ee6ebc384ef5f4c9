"""The types by which fields are owned and merged.

They tell of each value whether it is a scalar, a list or a map, and how deep its parts are told apart, as those of
sigs.k8s.io/structured-merge-diff do (`schema/elements.go`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from reconcilekit.testing.apiserver.schema.definitions import Definition, GoType, definition
from reconcilekit.testing.apiserver.schema.shapes import Shape

Scalar = Literal["", "string", "numeric", "boolean", "untyped"]


@attrs.frozen(kw_only=True, eq=False)
class ListType:
    """A list.

    Attributes:
        item: what it is made of.
        is_atomic: it is owned and replaced as a whole.
        keys: the fields that identify an item; () where an item is its own key, as in a set.
        key_defaults: what a key is where an item leaves it out.
    """

    item: Type
    is_atomic: bool = True
    keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, Any] = attrs.field(factory=dict)


class MapType:
    """A map, or a struct with fields of its own.

    Args:
        names: the declared fields.
        build: makes the type of a declared field when it is first needed: kinds may hold themselves.
        element: the type of what isn't declared; None where nothing else may be there.
        is_atomic: it is owned and replaced as a whole.
    """

    __slots__ = ("_build", "_fields", "element", "is_atomic", "names")

    def __init__(
        self,
        names: frozenset[str] = frozenset(),
        build: Callable[[str], Type] | None = None,
        *,
        element: Type | None = None,
        is_atomic: bool = False,
    ) -> None:
        self.names = names
        self._build = build
        self._fields: dict[str, Type] = {}
        self.element = element
        self.is_atomic = is_atomic

    def field(self, name: str) -> Type | None:
        """The type of a field, None where there may be none of that name."""
        found = self._fields.get(name)
        if found is None:
            if name not in self.names or self._build is None:
                return self.element
            found = self._fields[name] = self._build(name)
        return found

    def made_atomic(self) -> MapType:
        """The same as a whole."""
        return MapType(self.names, self._build, element=self.element, is_atomic=True)


class Type:
    """What a value may be: one of several forms, or all of them where nothing is known."""

    __slots__ = ("list", "map", "scalar")

    def __init__(
        self, *, scalar: Scalar = "", list_type: ListType | None = None, map_type: MapType | None = None
    ) -> None:
        self.scalar = scalar
        self.list = list_type
        self.map = map_type


def _untyped() -> Type:
    whole = Type(scalar="untyped")
    whole.list = ListType(item=whole)
    whole.map = MapType(element=whole, is_atomic=True)
    return whole


def _deduced() -> Type:
    deduced = Type(scalar="untyped", list_type=ListType(item=UNTYPED))
    deduced.map = MapType(element=deduced)
    return deduced


UNTYPED = _untyped()
"""Any value, owned as a whole."""

DEDUCED = _deduced()
"""Any value, of which maps are told apart and lists aren't: where a schema says nothing."""

SCALAR = Type(scalar="untyped")
STRING = Type(scalar="string")
NUMERIC = Type(scalar="numeric")
BOOLEAN = Type(scalar="boolean")

_SPECIAL: Mapping[str, Type] = {
    "Time": SCALAR,
    "MicroTime": SCALAR,
    "Quantity": SCALAR,
    "IntOrString": SCALAR,
    "Bytes": STRING,
    "RawExtension": UNTYPED,
    "FieldsV1": Type(map_type=MapType(element=DEDUCED)),
}
_ANYTHING = Type(scalar="untyped", list_type=ListType(item=UNTYPED), map_type=MapType(element=DEDUCED))


@functools.cache
def of_definition(name: str) -> Type:
    """A built-in struct, by its name in OpenAPI."""
    told = definition(name)
    build = functools.partial(_of_field, told)
    return Type(map_type=MapType(frozenset(told.fields), build, is_atomic=told.is_atomic))


def _of_field(told: Definition, name: str) -> Type:
    field = told.fields[name]
    return _of_go(field.type, field.marks)


def _of_go(go: GoType, marks: Mapping[str, Any]) -> Type:
    match go.form:
        case "scalar":
            return {"string": STRING, "bool": BOOLEAN}.get(go.base, NUMERIC)
        case "struct":
            return _as_marked(of_definition(go.base), marks)
        case "list":
            assert go.item is not None
            return Type(list_type=_list_of_go(go.item, marks))
        case "map":
            assert go.item is not None
            return Type(map_type=MapType(element=_of_go(go.item, {}), is_atomic=marks.get("map") == "atomic"))
    return _SPECIAL.get(go.base, _ANYTHING)


def _as_marked(struct: Type, marks: Mapping[str, Any]) -> Type:
    if marks.get("map") != "atomic" or struct.map is None or struct.map.is_atomic:
        return struct
    return Type(map_type=struct.map.made_atomic())


def _list_of_go(item: GoType, marks: Mapping[str, Any]) -> ListType:
    item_type = _of_go(item, {})
    told = marks.get("list")
    if told == "map":
        keys = tuple(marks["keys"])
        return ListType(item=item_type, is_atomic=False, keys=keys, key_defaults=_key_defaults(item, keys))
    if told == "set":
        return ListType(item=item_type, is_atomic=False)
    if told is None and marks.get("patch") in ("merge", "merge,retainKeys"):
        keys = (marks["patch_key"],) if marks.get("patch_key") else ()
        return ListType(item=item_type, is_atomic=False, keys=keys, key_defaults=_key_defaults(item, keys))
    return ListType(item=item_type)


def _key_defaults(item: GoType, keys: tuple[str, ...]) -> dict[str, Any]:
    fields = definition(item.base).fields
    return {key: value for key in keys if (value := fields[key].key_default) is not None}


OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def of_schema(schema: Mapping[str, Any]) -> Type:
    """A custom kind, by its `openAPIV3Schema`."""
    if not schema:
        return DEDUCED
    return _of_schema(schema, is_object=True, keeps_unknown=False)


def _of_schema(schema: Mapping[str, Any], *, is_object: bool = False, keeps_unknown: bool) -> Type:
    keeps_unknown = keeps_unknown or schema.get("x-kubernetes-preserve-unknown-fields") is True
    is_object = is_object or schema.get("x-kubernetes-embedded-resource") is True
    match schema.get("type"):
        case "object":
            return Type(map_type=_map_of_schema(schema, is_object=is_object, keeps_unknown=keeps_unknown))
        case "array":
            return Type(list_type=_list_of_schema(schema, keeps_unknown=keeps_unknown))
        case "string":
            return STRING
        case "integer" | "number":
            return NUMERIC
        case "boolean":
            return BOOLEAN
    return Type(
        scalar="untyped",
        list_type=_list_of_schema(schema, keeps_unknown=keeps_unknown),
        map_type=_map_of_schema(schema, is_object=is_object, keeps_unknown=keeps_unknown),
    )


def _map_of_schema(schema: Mapping[str, Any], *, is_object: bool, keeps_unknown: bool) -> MapType:
    properties = dict(schema.get("properties") or {})
    names = frozenset(properties) | ({"apiVersion", "kind", "metadata"} if is_object else frozenset())

    def build(name: str) -> Type:
        if is_object and name == "metadata":
            return of_definition(OBJECT_META)
        return _of_schema(properties.get(name) or {"type": "string"}, keeps_unknown=keeps_unknown)

    element: Type | None = None
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        element = _of_schema(additional, keeps_unknown=keeps_unknown)
    elif additional is True or (additional is None and (keeps_unknown or not names)):
        element = DEDUCED
    return MapType(names, build, element=element, is_atomic=schema.get("x-kubernetes-map-type") == "atomic")


def _list_of_schema(schema: Mapping[str, Any], *, keeps_unknown: bool) -> ListType:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return ListType(item=UNTYPED)
    item = _of_schema(items, keeps_unknown=keeps_unknown)
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return ListType(item=item, is_atomic=False)
        case "map":
            keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
            properties = items.get("properties") or {}
            defaults = {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}
            return ListType(item=item, is_atomic=False, keys=keys, key_defaults=defaults)
    return ListType(item=item)


def of_shape(shape: Shape) -> Type:
    """A kind whose lists were told by hand; nothing is known of the types of its fields."""

    def build(name: str) -> Type:
        return of_definition(OBJECT_META) if name == "metadata" else _of_shape(shape.fields[name])

    return Type(map_type=MapType(frozenset(shape.fields) | {"metadata"}, build, element=DEDUCED))


def _of_shape(shape: Shape) -> Type:
    item = _of_shape(shape.items) if shape.items is not None else UNTYPED
    is_atomic = shape.lists == "atomic"
    listed = ListType(item=item, is_atomic=is_atomic, keys=shape.keys, key_defaults=shape.key_defaults)
    mapped = MapType(
        frozenset(shape.fields), lambda name: _of_shape(shape.fields[name]), element=DEDUCED, is_atomic=shape.is_atomic
    )
    return Type(scalar="untyped", list_type=listed, map_type=mapped)
