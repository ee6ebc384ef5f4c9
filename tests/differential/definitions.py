"""The two custom kinds: one with everything a structural schema may have, and one without any schema."""

from __future__ import annotations

from typing import Any

from tests.differential.kinds import GROUP

_PART = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string", "default": "plain"},
        "value": {"type": "string"},
    },
}

_CONDITION = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
}

_SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "name": {"type": "string", "pattern": "^[a-z0-9-]+$", "maxLength": 10, "minLength": 1},
        "min": {"type": "integer", "minimum": 0},
        "max": {"type": "integer"},
        "parts": {
            "type": "array",
            "items": _PART,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id", "kind"],
        },
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "maxItems": 5},
        "steps": {"type": "array", "items": {"type": "string"}},
        "options": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 5},
        "atomicOptions": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "x-kubernetes-map-type": "atomic",
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "when": {"type": "string", "format": "date-time"},
        "immutable": {
            "type": "string",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "can't be changed"}],
        },
        "nullable": {"type": "string", "nullable": True},
        "nested": {"type": "object", "properties": {"a": {"type": "string", "default": "nested"}}},
        "replicas": {"type": "integer", "minimum": 0},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "limits": {
            "type": "object",
            "additionalProperties": {"x-kubernetes-int-or-string": True, "pattern": "^[0-9]+m?$"},
        },
        "ratio": {"type": "number", "maximum": 99.5, "exclusiveMaximum": True, "multipleOf": 0.5},
        "maybe": {
            "type": "object",
            "nullable": True,
            "default": {},
            "properties": {
                "x": {"type": "string", "default": "d"},
                "y": {"type": "string", "nullable": True, "default": "n"},
            },
        },
        "rows": {
            "type": "array",
            "maxItems": 4,
            "items": {"type": "array", "maxItems": 4, "items": {"type": "integer", "default": 7}},
        },
        "anything": {"x-kubernetes-preserve-unknown-fields": True},
        "partly": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "object", "properties": {"a": {"type": "boolean"}}}},
        },
        "choice": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "string"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            "not": {"required": ["c"]},
        },
        "history": {
            "type": "array",
            "maxItems": 5,
            "items": {"type": "string", "maxLength": 5},
            "x-kubernetes-validations": [
                {"rule": "oldSelf.all(i, i in self)", "message": "nothing may be forgotten"},
            ],
        },
        "members": {
            "type": "array",
            "maxItems": 5,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port"],
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {
                    "port": {"type": "integer"},
                    "weight": {
                        "type": "integer",
                        "default": 1,
                        "x-kubernetes-validations": [
                            {"rule": "self >= oldSelf", "messageExpression": "'must not shrink'"},
                        ],
                    },
                },
            },
        },
        "since": {
            "type": "string",
            "maxLength": 5,
            "x-kubernetes-validations": [
                {
                    "rule": "!oldSelf.hasValue() || self == oldSelf.value()",
                    "optionalOldSelf": True,
                    "reason": "FieldValueForbidden",
                },
            ],
        },
    },
    "x-kubernetes-validations": [
        {"rule": "!has(self.min) || !has(self.max) || self.min <= self.max", "message": "min must not exceed max"},
    ],
}

_STATUS = {
    "type": "object",
    "properties": {
        "phase": {"type": "string", "enum": ["Up", "Down"]},
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
        "conditions": {
            "type": "array",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}


_OLD_SPEC = {
    **_SPEC,
    "properties": {
        **{name: schema for name, schema in _SPEC["properties"].items() if name not in ("steps", "partly")},
        "size": {"type": "integer", "minimum": 1, "maximum": 20},
        "color": {"type": "string", "default": "green"},
        "unknown": {"type": "integer"},
        "nullable": {"type": "string", "default": "old"},
    },
}
"""Of the version that isn't stored: fields are missing, others are known, and defaults differ."""


def _version(name: str, *, is_stored: bool) -> dict[str, Any]:
    spec = _SPEC if is_stored else _OLD_SPEC
    return {
        "name": name,
        "served": True,
        "storage": is_stored,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": _STATUS}}},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "selectableFields": [
            {"jsonPath": f".spec.{field}"} for field in (("color",) if is_stored else ("color", "size"))
        ],
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
        ],
    }


def _definition(kind: str, plural: str, versions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": versions,
        },
    }


DEFINITIONS = (
    _definition("Widget", "widgets", [_version("v1", is_stored=True), _version("v1beta1", is_stored=False)]),
    _definition(
        "Gadget",
        "gadgets",
        [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    ),
)
