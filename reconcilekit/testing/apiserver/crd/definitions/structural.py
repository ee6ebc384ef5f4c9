"""What makes a schema structural (KEP-1979): fields and their types stand outside of anyOf, allOf, oneOf and not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from reconcilekit.testing.apiserver.crd.problems import child, forbidden, invalid, required
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher
from reconcilekit.testing.apiserver.status import Cause

Level = Literal["root", "item", "field"]
Schema = Mapping[str, Any]

_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_UNTYPED: Final[Mapping[Level, str]] = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_NESTED_FORBIDDEN: Final = (
    ("type", "must be empty to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)
_UNSUPPORTED: Final = ("id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions")


def unsupported(schema: Schema) -> str:
    """Why a schema isn't one that can be structural at all, "" if it is."""
    for name in _UNSUPPORTED:
        if schema.get(name):
            return f"OpenAPIV3Schema '{name.removeprefix('$') if name == '$schema' else name}' is not supported"
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    if isinstance(schema.get("items"), list):
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    return next((found for sub in _all_below(schema) if (found := unsupported(sub))), "")


def _all_below(schema: Schema) -> Iterator[Schema]:
    yield from (
        sub for name in ("items", "not", "additionalProperties") if isinstance(sub := schema.get(name), Mapping)
    )
    yield from (schema.get("properties") or {}).values()
    for name in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(name) or ()


def structural_causes(schema: Schema, path: str) -> list[Cause]:
    """What isn't structural, in the alphabetical order of the messages."""
    found = [*_invariants(schema, "root", path), *_completeness(schema, schema, path, path)]
    return sorted(found, key=lambda cause: f"{cause.field}: {cause.message}")


def _invariants(schema: Schema, level: Level, path: str) -> Iterator[Cause]:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if schema.get("type") == "array" and items is None:
        yield required(child(path, "items"), "must be specified")
    if isinstance(items, Mapping):
        yield from _invariants(items, "item", child(path, "items"))
    for name, sub in (schema.get("properties") or {}).items():
        yield from _invariants(sub, "field", f"{child(path, 'properties')}[{name}]")
    if additional is not None:
        if level == "root":
            yield forbidden(child(path, "additionalProperties"), "must not be used at the root")
        if isinstance(additional, Mapping):
            yield from _invariants(additional, "field", child(path, "additionalProperties"))
    yield from _extension_causes(schema, path)
    yield from _value_causes(schema, level, path, skips_any_of=True)
    yield from _type_causes(schema, level, path)
    yield from _meta_causes(schema, level, path)


def _extension_causes(schema: Schema, path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-int-or-string") is not True:
        return
    for name in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
        if schema.get(name) is True:
            yield Cause(
                reason="FieldValueInvalid",
                message="Invalid value: true: must be false if x-kubernetes-int-or-string is true",
                field=child(path, name),
            )


def _type_causes(schema: Schema, level: Level, path: str) -> Iterator[Cause]:
    told, where = schema.get("type") or "", child(path, "type")
    is_embedded = schema.get("x-kubernetes-embedded-resource") is True
    is_open = any(
        schema.get(name) is True for name in ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
    )
    if is_embedded and told != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        yield invalid(where, told, detail) if told else required(where, detail)
    elif not told and not is_open:
        yield required(where, _UNTYPED[level])
    if is_embedded and schema.get("additionalProperties") is not None:
        detail = "must not be used if x-kubernetes-embedded-resource is set"
        yield forbidden(child(path, "additionalProperties"), detail)
    if level == "root" and told and told != "object":
        yield invalid(where, told, "must be object at the root")


def _meta_causes(schema: Schema, level: Level, path: str) -> Iterator[Cause]:
    properties = schema.get("properties") or {}
    is_embedded = schema.get("x-kubernetes-embedded-resource") is True
    has_meta = level == "root" or is_embedded
    for name in ("kind", "apiVersion"):
        if has_meta and name in properties and properties[name].get("type") != "string":
            told = properties[name].get("type") or ""
            yield invalid(f"{child(path, 'properties')}[{name}].type", told, "must be string")
    if "metadata" in properties:
        where = f"{child(path, 'properties')}[metadata]"
        yield from _metadata_causes(properties["metadata"], where, level=level, has_meta=has_meta)
    if is_embedded and schema.get("x-kubernetes-preserve-unknown-fields") is not True and not properties:
        detail = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        yield required(child(path, "properties"), detail)


def _metadata_causes(schema: Schema, path: str, *, level: Level, has_meta: bool) -> Iterator[Cause]:
    if has_meta and schema.get("type") != "object":
        yield invalid(child(path, "type"), schema.get("type") or "", "must be object")
    if level != "root":
        return
    told = {name: value for name, value in schema.items() if value not in (None, "", False, [], {})}
    told.pop("type", None)
    told.pop("default", None)
    if (told.get("properties") or {}).keys() <= {"name", "generateName"}:
        told.pop("properties", None)
    if told:
        detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield forbidden(path, detail)


def _value_causes(
    schema: Schema, level: Level, path: str, *, skips_any_of: bool = False, skips_nested: bool = False
) -> Iterator[Cause]:
    skips_own = (skips_any_of and schema.get("anyOf") == _INT_OR_STRING) or skips_nested
    if not skips_own:
        for i, sub in enumerate(schema.get("anyOf") or ()):
            yield from _nested_causes(sub, level, f"{child(path, 'anyOf')}[{i}]")
    for i, sub in enumerate(schema.get("allOf") or ()):
        # Of an int-or-string's allOf, the first may say so.
        skips = skips_any_of and i == 0 and sub.get("anyOf") == _INT_OR_STRING
        yield from _nested_causes(sub, level, f"{child(path, 'allOf')}[{i}]", skips_any_of=skips)
    for i, sub in enumerate(schema.get("oneOf") or ()):
        yield from _nested_causes(sub, level, f"{child(path, 'oneOf')}[{i}]")
    if isinstance(told := schema.get("not"), Mapping):
        yield from _nested_causes(told, level, child(path, "not"))
    if pattern := schema.get("pattern"):
        try:
            matcher(pattern)
        except PatternError as error:
            yield invalid(child(path, "pattern"), pattern, f"must be a valid regular expression, but isn't: {error}")


def _nested_causes(schema: Schema, level: Level, path: str, *, skips_any_of: bool = False) -> Iterator[Cause]:
    yield from _value_causes(schema, level, path, skips_nested=skips_any_of)
    if isinstance(items := schema.get("items"), Mapping):
        yield from _nested_causes(items, level, child(path, "items"))
    for name, sub in (schema.get("properties") or {}).items():
        yield from _nested_causes(sub, "field", f"{child(path, 'properties')}[{name}]")
    if schema.get("additionalProperties"):
        yield forbidden(child(path, "additionalProperties"), "must be undefined to be structural")
    for name, detail in _NESTED_FORBIDDEN:
        if schema.get(name):
            yield forbidden(child(path, name), detail)
    if "metadata" in (schema.get("properties") or {}):
        yield forbidden(f"{child(path, 'properties')}[metadata]", "must not be specified in a nested context")


def _completeness(told: Schema, node: Schema | None, node_path: str, path: str) -> Iterator[Cause]:
    """Whatever is asked of a value in a juncture has to be listed outside of it."""
    if isinstance(negated := told.get("not"), Mapping):
        yield from _nested_completeness(negated, node, node_path, child(path, "not"))
    for name in ("allOf", "anyOf", "oneOf"):
        for i, sub in enumerate(told.get(name) or ()):
            yield from _nested_completeness(sub, node, node_path, f"{child(path, name)}[{i}]")


def _nested_completeness(told: Schema, node: Schema | None, node_path: str, path: str) -> Iterator[Cause]:
    if node is None:
        yield required(node_path, f"because it is defined in {path}")
        return
    yield from _completeness(told, node, node_path, path)
    if isinstance(items := told.get("items"), Mapping):
        yield from _nested_completeness(items, node.get("items"), child(node_path, "items"), child(path, "items"))
    for name, sub in (told.get("properties") or {}).items():
        inner, inner_path = f"{child(path, 'properties')}[{name}]", f"{child(node_path, 'properties')}[{name}]"
        known = (node.get("properties") or {}).get(name)
        if known is None:
            yield required(inner_path, f"because it is defined in {inner}")
        else:
            yield from _nested_completeness(sub, known, inner_path, inner)
