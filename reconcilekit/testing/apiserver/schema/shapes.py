"""How the fields of a kind merge: which lists are sets, which are keyed, what is replaced as a whole.

Maps merge key by key and lists are replaced as a whole, unless a shape says otherwise; so the empty shape fits a kind
about which nothing is known. Built-in kinds have a table here, custom kinds their schema's `x-kubernetes-list-type`,
`x-kubernetes-list-map-keys` and `x-kubernetes-map-type` (KEP-555).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs


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
    key_defaults: Mapping[str, str] = attrs.field(factory=dict)
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

_METADATA: Mapping[str, ListKeys] = {"metadata.ownerReferences": ("uid",), "metadata.finalizers": "set"}

_POD_TEMPLATE: Mapping[str, ListKeys] = {
    "spec.containers": ("name",),
    "spec.containers[].ports": ("containerPort", "protocol"),
    "spec.containers[].env": ("name",),
    "spec.containers[].volumeMounts": ("mountPath",),
    "spec.initContainers": ("name",),
    "spec.initContainers[].env": ("name",),
    "spec.initContainers[].volumeMounts": ("mountPath",),
    "spec.volumes": ("name",),
    "spec.imagePullSecrets": ("name",),
    "spec.tolerations": "atomic",
}

_CONDITIONS: Mapping[str, ListKeys] = {"status.conditions": ("type",)}


def _template(path: str) -> dict[str, ListKeys]:
    return {f"{path}.{inner}": keys for inner, keys in _POD_TEMPLATE.items()}


BUILT_IN: Mapping[tuple[str, str], Mapping[str, ListKeys]] = {
    ("", "Pod"): {**_POD_TEMPLATE, **_CONDITIONS},
    ("", "Node"): _CONDITIONS,
    ("", "Namespace"): _CONDITIONS,
    ("", "Service"): {"spec.ports": ("port", "protocol"), "spec.selector": "atomic", **_CONDITIONS},
    ("", "ServiceAccount"): {"secrets": ("name",)},
    ("apps", "Deployment"): {"spec.selector": "atomic", **_template("spec.template"), **_CONDITIONS},
    ("apps", "StatefulSet"): {"spec.selector": "atomic", **_template("spec.template"), **_CONDITIONS},
    ("apps", "DaemonSet"): {"spec.selector": "atomic", **_template("spec.template"), **_CONDITIONS},
    ("apps", "ReplicaSet"): {"spec.selector": "atomic", **_template("spec.template"), **_CONDITIONS},
    ("batch", "Job"): {"spec.selector": "atomic", **_template("spec.template")},
    ("policy", "PodDisruptionBudget"): {"spec.selector": "atomic", **_CONDITIONS},
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _CONDITIONS,
}

_KEY_DEFAULTS = {"protocol": "TCP"}
_STRUCTS = ("metadata", "spec", "status")


def built_in_shape(group: str, kind: str) -> Shape:
    """The shape of a kind that the server knows by itself."""
    return shape_from_keys({**_METADATA, **BUILT_IN.get((group, kind), {})}, structs=_STRUCTS)


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
    metadata = built_in_shape("", "").field("metadata")
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
