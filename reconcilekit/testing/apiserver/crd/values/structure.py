"""The skeleton of a schema: which fields there are, what is kept, and what they are where they are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs


class _Missing:
    """Stands for a default that isn't there."""


MISSING: Final = _Missing()

META_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata"})


@attrs.frozen(kw_only=True, eq=False)
class Structure:
    """One node of a structural schema (KEP-1979).

    Attributes:
        type: "object", "array", "string", ..., "" where none is said.
        properties: the fields that are listed.
        additional: the schema of every other field's value; None where there is none.
        has_additional: whether other fields are taken at all.
        items: a list's items.
        default: deep-copied into objects; MISSING where there is none.
        keeps_unknown: fields that aren't listed stay (`x-kubernetes-preserve-unknown-fields`).
        is_embedded: an object with apiVersion, kind and metadata of its own (`x-kubernetes-embedded-resource`).
        list_type: "atomic", "set" or "map"; "" where none is said.
        list_keys: what tells a map-list's items apart.
        is_atomic_map: a map that is one value, not several fields.
        has_defaults: a default stands here or further in.
        has_null_rules: a null may have to go, here or further in.
        has_embedded: an embedded resource stands here or further in.
        has_unique: a set or a map-list stands here or further in.
    """

    type: str = ""
    nullable: bool = False
    properties: Mapping[str, Structure] = attrs.field(factory=dict)
    additional: Structure | None = None
    has_additional: bool = False
    items: Structure | None = None
    default: Any = MISSING
    keeps_unknown: bool = False
    is_embedded: bool = False
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    is_atomic_map: bool = False
    has_defaults: bool = False
    has_embedded: bool = False
    has_unique: bool = False

    def field(self, name: str) -> Structure | None:
        """The schema of a field's value, None where the schema has none."""
        found = self.properties.get(name)
        return self.additional if found is None else found

    def embedded(self) -> Structure:
        """The same as the root of a resource: its meta fields are there without being listed."""
        return self if self.is_embedded else attrs.evolve(self, is_embedded=True)


def structure_of(schema: Mapping[str, Any]) -> Structure:
    """The skeleton of an `openAPIV3Schema`."""
    properties = {name: structure_of(sub) for name, sub in (schema.get("properties") or {}).items()}
    additional, has_additional = _additional(schema)
    items = schema.get("items")
    items_structure = structure_of(items) if isinstance(items, Mapping) else None
    below = [*properties.values(), *(node for node in (additional, items_structure) if node)]
    list_type = schema.get("x-kubernetes-list-type") or ""
    is_embedded = schema.get("x-kubernetes-embedded-resource") is True
    default = schema.get("default")
    return Structure(
        type=schema.get("type") or "",
        nullable=schema.get("nullable") is True,
        properties=properties,
        additional=additional,
        has_additional=has_additional,
        items=items_structure,
        # The real server can't tell `default: null` from none.
        default=MISSING if default is None else default,
        keeps_unknown=schema.get("x-kubernetes-preserve-unknown-fields") is True,
        is_embedded=is_embedded,
        list_type=list_type,
        list_keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()),
        is_atomic_map=schema.get("x-kubernetes-map-type") == "atomic",
        has_defaults=default is not None or any(node.has_defaults for node in below),
        has_embedded=is_embedded or any(node.has_embedded for node in below),
        has_unique=list_type in ("set", "map") or any(node.has_unique for node in below),
    )


def _additional(schema: Mapping[str, Any]) -> tuple[Structure | None, bool]:
    told = schema.get("additionalProperties")
    if isinstance(told, Mapping):
        return structure_of(told), True
    # `additionalProperties: false` is there, too, for pruning: only its absence prunes.
    return None, told is not None
