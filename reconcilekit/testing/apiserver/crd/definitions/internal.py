"""Parts of definitions as the server's messages show them: by the names of its own structs' fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconcilekit.testing.apiserver.crd.problems import Rendered
from reconcilekit.testing.apiserver.go_text import json_text

# Each field with its name in the API and what it is where it's left out.
_RULE: Final = (
    ("Rule", "rule", ""),
    ("Message", "message", ""),
    ("MessageExpression", "messageExpression", ""),
    ("Reason", "reason", None),
    ("FieldPath", "fieldPath", ""),
    ("OptionalOldSelf", "optionalOldSelf", None),
)
_SCHEMA: Final = (
    ("ID", "id", ""),
    ("Schema", "$schema", ""),
    ("Ref", "$ref", None),
    ("Description", "description", ""),
    ("Type", "type", ""),
    ("Nullable", "nullable", False),
    ("Format", "format", ""),
    ("Title", "title", ""),
    ("Default", "default", None),
    ("Maximum", "maximum", None),
    ("ExclusiveMaximum", "exclusiveMaximum", False),
    ("Minimum", "minimum", None),
    ("ExclusiveMinimum", "exclusiveMinimum", False),
    ("MaxLength", "maxLength", None),
    ("MinLength", "minLength", None),
    ("Pattern", "pattern", ""),
    ("MaxItems", "maxItems", None),
    ("MinItems", "minItems", None),
    ("UniqueItems", "uniqueItems", False),
    ("MultipleOf", "multipleOf", None),
    ("Enum", "enum", None),
    ("MaxProperties", "maxProperties", None),
    ("MinProperties", "minProperties", None),
    ("Required", "required", None),
    ("Items", "items", None),
    ("AllOf", "allOf", None),
    ("OneOf", "oneOf", None),
    ("AnyOf", "anyOf", None),
    ("Not", "not", None),
    ("Properties", "properties", None),
    ("AdditionalProperties", "additionalProperties", None),
    ("PatternProperties", "patternProperties", None),
    ("Dependencies", "dependencies", None),
    ("AdditionalItems", "additionalItems", None),
    ("Definitions", "definitions", None),
    ("ExternalDocs", "externalDocs", None),
    ("Example", "example", None),
    ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", None),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", False),
    ("XIntOrString", "x-kubernetes-int-or-string", False),
    ("XListMapKeys", "x-kubernetes-list-map-keys", None),
    ("XListType", "x-kubernetes-list-type", None),
    ("XMapType", "x-kubernetes-map-type", None),
    ("XValidations", "x-kubernetes-validations", None),
)
_VERSION: Final = (
    ("Name", "name", ""),
    ("Served", "served", False),
    ("Storage", "storage", False),
    ("Deprecated", "deprecated", False),
    ("DeprecationWarning", "deprecationWarning", None),
)

_ROOT_FIELDS = """
Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems
MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations
"""

ROOT_FIELDS: Final = tuple(_ROOT_FIELDS.split())
"""What may stand at the root of a schema with the status subresource."""


def root_field_problem(schema: Mapping[str, Any]) -> str:
    """The first field that mustn't stand at the root of a schema with the status subresource, "" if there is none."""
    for name, told, absent in _SCHEMA:
        if schema.get(told) not in (absent, None, [], {}) and name not in ROOT_FIELDS:
            return name
    return ""


def rendered_rule(rule: Mapping[str, Any]) -> Rendered:
    """A rule."""
    return Rendered(json_text(_fields(rule, _RULE), sorts=False))


def rendered_schema(schema: Mapping[str, Any]) -> Rendered:
    """A schema."""
    return Rendered(json_text(_schema(schema), sorts=False))


def rendered_versions(versions: Sequence[Mapping[str, Any]]) -> Rendered:
    """The versions; what is the same in all of them doesn't count as theirs."""
    shown = []
    for version in versions:
        entry = _fields(version, _VERSION)
        told = {
            "Schema": _validation(version.get("schema")),
            "Subresources": version.get("subresources"),
            "AdditionalPrinterColumns": version.get("additionalPrinterColumns"),
            "SelectableFields": version.get("selectableFields"),
        }
        for (name, value), key in zip(told.items(), _SHARED, strict=True):
            entry[name] = None if _is_shared(versions, key) else value
        shown.append(entry)
    return Rendered(json_text(shown, sorts=False))


_SHARED: Final = ("schema", "subresources", "additionalPrinterColumns", "selectableFields")


def _is_shared(versions: Sequence[Mapping[str, Any]], key: str) -> bool:
    return all(version.get(key) == versions[0].get(key) for version in versions)


def _validation(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if told is None else {"OpenAPIV3Schema": _schema(told.get("openAPIV3Schema"))}


def _fields(told: Mapping[str, Any], table: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
    return {name: absent if told.get(key) is None else told[key] for name, key, absent in table}


def _schema(told: Any) -> Any:
    if not isinstance(told, Mapping):
        return told
    shown = _fields(told, _SCHEMA)
    for name in ("AllOf", "OneOf", "AnyOf"):
        if shown[name] is not None:
            shown[name] = [_schema(sub) for sub in shown[name]]
    for name in ("Properties", "PatternProperties", "Definitions"):
        if shown[name] is not None:
            shown[name] = {key: _schema(shown[name][key]) for key in sorted(shown[name])}
    shown["Not"] = _schema(shown["Not"])
    if shown["Items"] is not None:
        shown["Items"] = {"Schema": _schema(shown["Items"]), "JSONSchemas": None}
    if (additional := shown["AdditionalProperties"]) is not None:
        is_schema = isinstance(additional, Mapping)
        shown["AdditionalProperties"] = {
            "Allows": is_schema or additional,
            "Schema": _schema(additional) if is_schema else None,
        }
    if shown["XValidations"] is not None:
        shown["XValidations"] = [_fields(rule, _RULE) for rule in shown["XValidations"]]
    return shown
