"""What is wrong with a schema of a definition, beyond not being structural: keywords, lists, maps and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver.crd.definitions.internal import rendered_rule
from reconcilekit.testing.apiserver.crd.problems import child, forbidden, internal, invalid, not_supported, required
from reconcilekit.testing.apiserver.crd.rules.budget import Budget
from reconcilekit.testing.apiserver.crd.rules.checker import RuleChecker
from reconcilekit.testing.apiserver.crd.rules.engine import EngineMissingError
from reconcilekit.testing.apiserver.crd.rules.paths import PathError, resolve
from reconcilekit.testing.apiserver.crd.rules.ranges import MOST
from reconcilekit.testing.apiserver.crd.rules.sizes import cardinality
from reconcilekit.testing.apiserver.status import Cause

Schema = Mapping[str, Any]

_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_REASONS: Final = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_META_FIELDS: Final = frozenset({"metadata", "kind", "apiVersion"})
_FORBIDDEN: Final = (
    ("id", "id is not supported"),
    ("additionalItems", "additionalItems is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("$ref", "$ref is not supported"),
)


@attrs.frozen(kw_only=True)
class Place:
    """Where in a schema a node stands.

    Attributes:
        no_defaults: why there mustn't be a default, "" where there may be one.
        is_in_meta: inside a resource's apiVersion, kind or metadata.
        uncorrelated: the path of the outermost list or map whose parts have no old values, "" where there is none.
        has_rules: rules may stand here: not inside anyOf and so on.
        is_root: of the whole schema.
        most_times: how often what the schema is about can be there, None where nothing limits it.
    """

    no_defaults: str = ""
    is_in_meta: bool = False
    uncorrelated: str = ""
    has_rules: bool = True
    is_root: bool = False
    most_times: int | None = 1

    def below(self, schema: Schema) -> Place:
        """A place of what is directly below a schema that stands here."""
        told = cardinality(schema)
        times = None if told is None or self.most_times is None else min(told * self.most_times, MOST)
        return attrs.evolve(self, is_root=False, most_times=times)

    def without_old_values(self, path: str) -> Place:
        """A place inside what has no old values."""
        return self if self.uncorrelated else attrs.evolve(self, uncorrelated=path)


class SchemaReview:
    """One pass over a schema.

    Args:
        checker: of the schema's rules; None where no rule is to be looked at, as the schema isn't right.
        was_taken: the same schema has been taken before, whatever its single rules cost.
    """

    def __init__(self, checker: RuleChecker | None, *, was_taken: bool = False) -> None:
        self._checker = checker
        self._budget = Budget(limits_rules=not was_taken)

    def causes(self, schema: Schema, path: str) -> list[Cause]:
        """What is wrong, rules last."""
        found, rules = self._review(schema, path, Place(is_root=True))
        return [*found, *rules, *self._budget.causes(path)]

    def _review(self, schema: Schema, path: str, place: Place) -> tuple[list[Cause], list[Cause]]:
        found, rules = list(_keyword_causes(schema, path, place)), []
        for sub, inner, below in _below(schema, path, place):
            sub_found, sub_rules = self._review(sub, inner, below)
            found += sub_found
            rules += sub_rules
        found += _extension_causes(schema, path)
        found += _rule_form_causes(schema, path)
        if not found and self._checker is not None and place.has_rules:
            rules += self._rule_causes(schema, path, place)
        return found, rules

    def _rule_causes(self, schema: Schema, path: str, place: Place) -> Iterator[Cause]:
        assert self._checker is not None
        for i, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
            where = f"{child(path, 'x-kubernetes-validations')}[{i}]"
            checked = self._checker.check(schema, rule)
            times = checked.most_runs if place.most_times is None else place.most_times
            yield from self._budget.spend(child(where, "rule"), min(checked.cost * times, MOST), "rule")
            if checked.problem:
                yield invalid(child(where, "rule"), rendered_rule(rule), checked.problem)
                continue
            if checked.message_problem:
                yield invalid(child(where, "messageExpression"), rendered_rule(rule), checked.message_problem)
            what = "messageExpression"
            yield from self._budget.spend(child(where, what), checked.message_cost, what)
            if checked.uses_old_self and place.uncorrelated:
                detail = "oldSelf cannot be used on the uncorrelatable portion of the schema within"
                yield invalid(child(where, "rule"), rule["rule"], f"{detail} {place.uncorrelated}")
            elif not checked.uses_old_self and rule.get("optionalOldSelf") is not None:
                detail = "may not be set if oldSelf is not used in rule"
                yield invalid(child(where, "optionalOldSelf"), rule["optionalOldSelf"], detail)


def checker_of(schema: Schema, path: str) -> tuple[RuleChecker | None, list[Cause]]:
    """What checks a schema's rules, None where it has none or they can't be checked here, and why not."""
    if not _has_rules(schema):
        return None, []
    try:
        return RuleChecker(schema), []
    except EngineMissingError as error:
        return None, [internal(child(path, "x-kubernetes-validations"), str(error))]


def _has_rules(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-validations")) or any(
        _has_rules(sub) for sub, _, _ in _below(schema, "", Place())
    )


def _below(schema: Schema, path: str, place: Place) -> Iterator[tuple[Schema, str, Place]]:
    additional, is_root, place = schema.get("additionalProperties"), place.is_root, place.below(schema)
    if isinstance(additional, Mapping):
        why = "inside additionalProperties applying to object metadata"
        below = attrs.evolve(place, no_defaults=why) if place.is_in_meta else place
        yield additional, child(path, "additionalProperties"), below
    for name, sub in (schema.get("properties") or {}).items():
        yield sub, f"{child(path, 'properties')}[{name}]", _property_place(schema, path, name, place, is_root=is_root)
    unruled = attrs.evolve(place, has_rules=False)
    if isinstance(negated := schema.get("not"), Mapping):
        yield negated, child(path, "not"), unruled
    for juncture in ("allOf", "oneOf", "anyOf"):
        for i, sub in enumerate(schema.get(juncture) or ()):
            yield sub, f"{child(path, juncture)}[{i}]", unruled
    if isinstance(items := schema.get("items"), Mapping):
        is_map = schema.get("x-kubernetes-list-type") == "map"
        yield items, child(path, "items"), place if is_map else place.without_old_values(path)


def _property_place(schema: Schema, path: str, name: str, place: Place, *, is_root: bool) -> Place:
    if schema.get("x-kubernetes-map-type") == "atomic":
        place = place.without_old_values(path)
    if (is_root or schema.get("x-kubernetes-embedded-resource") is True) and name in _META_FIELDS:
        place = attrs.evolve(place, is_in_meta=True)
        if is_root:
            place = attrs.evolve(place, no_defaults=f"in top-level {name}")
    return place


def _keyword_causes(schema: Schema, path: str, place: Place) -> Iterator[Cause]:
    told = schema.get("type") or ""
    if told and told not in _TYPES:
        yield not_supported(child(path, "type"), told, _TYPES)
    if schema.get("default") is not None and place.no_defaults:
        yield forbidden(child(path, "default"), f"must not be set {place.no_defaults}")
    for name, detail in _FORBIDDEN:
        if schema.get(name):
            yield forbidden(child(path, name), detail)
    if told == "null":
        yield forbidden(child(path, "type"), "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.get("items"), list):
        yield forbidden(child(path, "items"), "items must be a schema object and not an array")
    if place.is_in_meta and schema.get("x-kubernetes-embedded-resource") is True:
        yield forbidden(child(path, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta")
    if schema.get("uniqueItems") is True:
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(child(path, "uniqueItems"), detail)
    additional = schema.get("additionalProperties")
    if schema.get("properties") and additional is not None and additional is not True:
        detail = "additionalProperties and properties are mutual exclusive"
        yield forbidden(child(path, "additionalProperties"), detail)


def _extension_causes(schema: Schema, path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        detail = "must be true or undefined"
        yield Cause(
            reason="FieldValueInvalid",
            message=f"Invalid value: false: {detail}",
            field=child(path, "x-kubernetes-preserve-unknown-fields"),
        )
    told = schema.get("type") or ""
    for name, wanted, choices in (
        ("x-kubernetes-map-type", "object", ("atomic", "granular")),
        ("x-kubernetes-list-type", "array", ("atomic", "map", "set")),
    ):
        kind = schema.get(name)
        if kind is None:
            continue
        if told != wanted:
            detail = f"must be {wanted} if {name} is specified"
            yield invalid(child(path, "type"), told, detail) if told else required(child(path, "type"), detail)
        elif name == "x-kubernetes-list-type" and kind == "set":
            yield from _set_causes(schema, path)
        if kind not in choices:
            order = ("atomic", "set", "map") if wanted == "array" else choices
            yield not_supported(child(path, name), kind, order)
    yield from _map_list_causes(schema, path)
    yield from _item_causes(schema, path)


def _set_causes(schema: Schema, path: str) -> Iterator[Cause]:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return
    detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
    told = items.get("x-kubernetes-list-type")
    if items.get("type") == "array" and told not in (None, "atomic"):
        yield invalid(child(path, "items.x-kubernetes-list-type"), told, detail)
    if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
        # The server shows the list type here, though it's about the map type.
        yield invalid(child(path, "items.x-kubernetes-map-type"), told, detail)


def _map_list_causes(schema: Schema, path: str) -> Iterator[Cause]:
    list_type, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    if keys and list_type != "map":
        detail = "must be map if x-kubernetes-list-map-keys is non-empty"
        where = child(path, "x-kubernetes-list-type")
        yield required(where, detail) if list_type is None else invalid(where, list_type, detail)
    if list_type != "map":
        return
    if not keys:
        detail = "must not be empty if x-kubernetes-list-type is map"
        yield required(child(path, "x-kubernetes-list-map-keys"), detail)
    items = schema.get("items")
    if not isinstance(items, Mapping):
        yield required(child(path, "items"), "must have a schema if x-kubernetes-list-type is map")
        return
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid(child(path, "items.type"), items.get("type") or "", detail)
        return
    yield from _map_key_causes(items, keys, path)


def _map_key_causes(items: Schema, keys: Sequence[str], path: str) -> Iterator[Cause]:
    where, seen = child(path, "x-kubernetes-list-map-keys"), set()
    for key in keys:
        known = (items.get("properties") or {}).get(key)
        if known is None:
            yield invalid(where, list(keys), "entries must all be names of item properties")
        elif known.get("type") in ("array", "object"):
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield invalid(f"{child(path, 'items.properties')}[{key}].type", items.get("type"), detail)
        if key in seen:
            yield invalid(where, list(keys), "must not contain duplicate entries")
        seen.add(key)


def _item_causes(schema: Schema, path: str) -> Iterator[Cause]:
    list_type, items = schema.get("x-kubernetes-list-type"), schema.get("items")
    if list_type not in ("set", "map") or not isinstance(items, Mapping):
        return
    if items.get("nullable") is True:
        yield forbidden(child(path, "items.nullable"), f"cannot be nullable when x-kubernetes-list-type is {list_type}")
    if list_type == "set":
        return
    for key in schema.get("x-kubernetes-list-map-keys") or ():
        known, where = (items.get("properties") or {}).get(key), f"{child(path, 'items.properties')}[{key}]"
        if known is None:
            continue
        if key not in (items.get("required") or ()) and known.get("default") is None:
            detail = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            )
            yield required(f"{where}.default", detail)
        if known.get("nullable") is True:
            detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            yield forbidden(f"{where}.nullable", detail)


def _rule_form_causes(schema: Schema, path: str) -> Iterator[Cause]:
    for i, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        where = f"{child(path, 'x-kubernetes-validations')}[{i}]"
        source, message = rule.get("rule") or "", rule.get("message") or ""
        if not source.strip():
            yield required(child(where, "rule"), "rule is not specified")
        elif message and not message.strip():
            yield invalid(child(where, "message"), message, "must be non-empty if specified")
        elif _has_break(message.strip()):
            yield invalid(child(where, "message"), message, "must not contain line breaks")
        elif _has_break(source.strip()) and not message.strip():
            yield required(child(where, "message"), "message must be specified if rule contains line breaks")
        expression = rule.get("messageExpression") or ""
        if expression and not expression.strip():
            yield required(child(where, "messageExpression"), "messageExpression must be non-empty if specified")
        reason = rule.get("reason")
        if reason is not None and reason not in _REASONS:
            yield not_supported(child(where, "reason"), reason, _REASONS)
        yield from _field_path_causes(schema, rule.get("fieldPath") or "", child(where, "fieldPath"))


def _field_path_causes(schema: Schema, told: str, where: str) -> Iterator[Cause]:
    if not told:
        return
    if not told.strip():
        yield invalid(where, told, "must be non-empty if specified")
    if _has_break(told):
        yield invalid(where, told, "must not contain line breaks")
    try:
        resolve(told, schema)
    except PathError:
        yield invalid(where, told, "must be a valid path")


def _has_break(text: str) -> bool:
    return "\n" in text or "\r" in text
