"""How the fields of a kind merge: which lists are sets, which are keyed, what is replaced as a whole.

Maps merge key by key and lists are replaced as a whole, unless a shape says otherwise; so the empty shape fits a kind
about which nothing is known. Built-in kinds have theirs from the recorded schemas, custom kinds their schema's
`x-kubernetes-list-type`, `x-kubernetes-list-map-keys` and `x-kubernetes-map-type` (KEP-555).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from reconcilekit.testing.apiserver.schema.definitions import Field, GoType, definition


@attrs.frozen(kw_only=True)
class Shape:
    """One node of a kind's merge schema.

    Attributes:
        lists: how a list here merges: replaced as a whole, by value, or item by item along `keys`.
        keys: the fields that identify an item, in their order in managedFields: alphabetical.
        key_defaults: what a key is where an item leaves it out.
        is_atomic: a map here is replaced as a whole.
        is_struct: an embedded Go struct, which exists even where it is empty, so nobody ever adds it.
        fields: the shapes of a map's fields; one that isn't listed has the empty shape.
        items: the shape of a keyed list's items.
    """

    lists: Literal["atomic", "set", "map"] = "atomic"
    keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, Any] = attrs.field(factory=dict)
    is_atomic: bool = False
    is_struct: bool = False
    fields: Mapping[str, Shape] = attrs.field(factory=dict)
    items: Shape | None = None

    def field(self, name: str) -> Shape:
        """The shape of the map's field `name`."""
        return self.fields.get(name, EMPTY)

    @property
    def item(self) -> Shape:
        """The shape of the list's items."""
        return self.items or EMPTY


EMPTY = Shape()

ListKeys = Sequence[str] | Literal["set", "atomic"]
"""What a list (or map) is told to be: its items' key fields, "set", or "atomic" for a map replaced as a whole."""

_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_KEY_DEFAULTS = {"protocol": "TCP"}


class _LazyFields(Mapping[str, Shape]):
    """The shapes of a Go struct's fields, each compiled when it is asked for: some structs hold themselves."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        shape = self._known.get(name)
        if shape is None:
            shape = self._known[name] = _field_shape(definition(self._name).fields[name])
        return shape

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        found = self._known.get(name)
        if found is None and name in definition(self._name).fields:
            return self[name]
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(definition(self._name).fields)

    def __len__(self) -> int:
        return len(definition(self._name).fields)


@functools.cache
def built_in_shape(name: str) -> Shape:
    """The shape of a built-in kind, or of any struct in one, by its name in OpenAPI."""
    return Shape(fields=_LazyFields(name))


def metadata_shape() -> Shape:
    """The shape of `metadata`, which every kind has alike."""
    return attrs.evolve(built_in_shape(_OBJECT_META), is_struct=True)


def _field_shape(field: Field) -> Shape:
    go_type, marks = field.type, field.marks
    if go_type.form == "struct":
        is_atomic = marks.get("map") == "atomic" or definition(go_type.base).is_atomic
        is_struct = field.is_always_there and not go_type.is_pointer
        return Shape(is_atomic=is_atomic, is_struct=is_struct, fields=_LazyFields(go_type.base))
    if go_type.form == "map":
        return Shape(is_atomic=marks.get("map") == "atomic")
    return _list_shape(go_type, marks) if go_type.form == "list" else EMPTY


def _list_shape(go_type: GoType, marks: Mapping[str, Any]) -> Shape:
    """A list without a list type is what its patch strategy makes of it (kube-openapi's schemaconv)."""
    assert go_type.item is not None
    told, keys = marks.get("list"), tuple(marks.get("keys") or ())
    if told is None and "merge" in marks.get("patch", ""):
        keys = (marks["patch_key"],) if "patch_key" in marks else ()
        told = "map" if keys else "set"
    if told == "set":
        return Shape(lists="set")
    item = built_in_shape(go_type.item.base) if go_type.item.form == "struct" else EMPTY
    if told != "map":
        return EMPTY
    fields = definition(go_type.item.base).fields
    defaults = {key: default for key in keys if (default := fields[key].key_default) is not None}
    return Shape(lists="map", keys=tuple(sorted(keys)), key_defaults=defaults, items=item)


def shape_from_keys(paths: Mapping[str, ListKeys], *, structs: Sequence[str] = ("metadata",)) -> Shape:
    """A shape out of dotted paths, "[]" standing for a list's items: ``{"spec.ports": ("port", "protocol")}``."""
    tree: dict[str, Any] = {}
    for path, keys in paths.items():
        node = tree
        for part in path.replace("[]", ".[]").split("."):
            node = node.setdefault(part, {})
        node["="] = keys
    for name in structs:
        tree.setdefault(name, {})["struct"] = True
    return _shape_from_tree(tree)


def _shape_from_tree(tree: Mapping[str, Any]) -> Shape:
    told = tree.get("=")
    fields = {name: _shape_from_tree(sub) for name, sub in tree.items() if name not in ("=", "[]", "struct")}
    items = _shape_from_tree(tree["[]"]) if "[]" in tree else None
    is_struct = bool(tree.get("struct"))
    if told is None or told == "atomic":
        return Shape(is_atomic=told == "atomic", is_struct=is_struct, fields=fields, items=items)
    if told == "set":
        return Shape(lists="set")
    keys = tuple(sorted(told))
    defaults = {key: _KEY_DEFAULTS[key] for key in keys if key in _KEY_DEFAULTS}
    return Shape(lists="map", keys=keys, key_defaults=defaults, items=items)


def shape_from_schema(schema: Mapping[str, Any]) -> Shape:
    """A custom kind's shape, by the markers in its `openAPIV3Schema`."""
    told = _shape_of(schema)
    metadata = metadata_shape()
    return attrs.evolve(told, fields={**told.fields, "metadata": metadata})


def _shape_of(schema: Mapping[str, Any]) -> Shape:
    properties = schema.get("properties") or {}
    fields = {name: shape for name, sub in properties.items() if (shape := _shape_of(sub)) != EMPTY}
    items = schema.get("items")
    list_type = schema.get("x-kubernetes-list-type", "atomic")
    is_atomic = schema.get("x-kubernetes-map-type") == "atomic"
    if list_type != "map" or items is None:
        return Shape(lists="set" if list_type == "set" else "atomic", is_atomic=is_atomic, fields=fields)
    keys = tuple(sorted(schema.get("x-kubernetes-list-map-keys") or ()))
    defaults = {key: sub["default"] for key in keys if "default" in (sub := items.get("properties", {}).get(key, {}))}
    return Shape(lists="map", keys=keys, key_defaults=defaults, items=_shape_of(items))
