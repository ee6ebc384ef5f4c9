"""Rules run on objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from reconcilekit.testing.apiserver.crd.problems import (
    OMITTED,
    child,
    duplicate,
    forbidden,
    invalid,
    required,
)
from reconcilekit.testing.apiserver.crd.rules import engine
from reconcilekit.testing.apiserver.crd.rules.engine import ExpressionError
from reconcilekit.testing.apiserver.crd.rules.paths import normalized_path
from reconcilekit.testing.apiserver.crd.rules.types import Convert, converter, node_of
from reconcilekit.testing.apiserver.crd.values.checking import Correlation
from reconcilekit.testing.apiserver.crd.values.correlation import with_same_keys
from reconcilekit.testing.apiserver.status import Cause

if TYPE_CHECKING:
    from cel_expr_python import cel

MAX_MESSAGE: Final = 5 * 1024
"""Bytes that a messageExpression may come to."""

_OLD_SELF: Final = re.compile(r"\boldSelf\b")


class Rule:
    """One rule, compiled when it first runs."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self._source = told["rule"]
        self.is_optional = told.get("optionalOldSelf") is True
        self.uses_old_self = _OLD_SELF.search(engine.without_strings(self._source)) is not None
        self.field_path = normalized_path(told["fieldPath"]) if told.get("fieldPath") else ""
        self._program: cel.Expression | None = None
        self._message_program: cel.Expression | None = None

    def causes(self, activation: dict[str, Any], value: object, path: str, type_name: str) -> Iterator[Cause]:
        """What a run on a value finds."""
        if self._program is None:
            self._program = engine.parsed(self._wrapped(self._source))
        type_of_outcome, outcome = engine.evaluated(self._program, activation)
        if type_of_outcome == "BOOL":
            if not outcome:
                yield self._broken(activation, value, path, type_name)
            return
        failure = engine.failure_message(str(outcome))
        if failure.startswith("no such overload"):
            what = "call arguments did not match a supported operator, function or macro signature for rule"
            yield invalid(path, type_name, f"'{failure}': {what}: {self._words()}")
        else:
            yield invalid(path, type_name, f"{failure} evaluating rule: {self._words()}")

    def _wrapped(self, source: str) -> str:
        if not self.is_optional:
            return source
        old = "(oldSelfGiven ? optional.of(oldSelf) : optional.none())"
        return f"cel.bind(oldSelf, {old},\n{source}\n)"

    def _words(self) -> str:
        return str(self._told.get("message") or self._source).strip()

    def _broken(self, activation: dict[str, Any], value: object, path: str, type_name: str) -> Cause:
        detail = self._evaluated_message(activation)
        if not detail:
            detail = (self._told.get("message") or "").strip() or f"failed rule: {self._words()}"
        where = child(path, self.field_path) if self.field_path else path
        shown = OMITTED if type_name in ("object", "array") else value
        match self._told.get("reason"):
            case "FieldValueForbidden":
                return forbidden(where, detail)
            case "FieldValueRequired":
                return required(where, detail)
            case "FieldValueDuplicate":
                return duplicate(where, shown)
            case _:
                return invalid(where, shown, detail)

    def _evaluated_message(self, activation: dict[str, Any]) -> str:
        source = self._told.get("messageExpression") or ""
        if not source.strip():
            return ""
        if self._message_program is None:
            try:
                self._message_program = engine.parsed(self._wrapped(source))
            except ExpressionError:
                return ""
        type_of_outcome, outcome = engine.evaluated(self._message_program, activation)
        message = str(outcome).strip() if type_of_outcome == "STRING" else ""
        return "" if len(message.encode()) > MAX_MESSAGE or "\n" in message else message


@attrs.frozen(kw_only=True)
class RuleNode:
    """The rules at one node of a schema, and the nodes below it that have some.

    Attributes:
        type: of the schema.
        convert: what makes the rules' `self` of a JSON value, None where they are the same.
        list_keys: what tells a map-list's items apart; () for other lists, whose items have no old value.
        is_atomic_map: its fields have no old values.
    """

    type: str
    rules: tuple[Rule, ...]
    convert: Convert | None
    items: RuleNode | None
    additional: RuleNode | None
    properties: Mapping[str, RuleNode]
    list_keys: tuple[str, ...]
    is_atomic_map: bool

    def causes(self, value: Any, old: Any, path: str, review: Review) -> Iterator[Cause]:
        """What the rules find wrong with a value.

        Args:
            value: the new one.
            old: the one it takes the place of; None where there is none.
            path: of the value.
            review: what was wrong before, and where it's told.
        """
        if value is None:
            return
        if self.rules:
            yield from self._own_causes(value, old, path, review)
        if isinstance(value, list) and self.items is not None:
            for i, item in enumerate(value):
                before = with_same_keys(item, old, self.list_keys) if self.list_keys and isinstance(old, list) else None
                yield from self.items.causes(item, before, f"{path}[{i}]", review.item(i))
        elif isinstance(value, dict) and (self.properties or self.additional):
            yield from self._causes_below(value, old, path, review)

    def _own_causes(self, value: Any, old: Any, path: str, review: Review) -> Iterator[Cause]:
        convert = self.convert
        activation = {"self": value if convert is None else convert(value), "oldSelfGiven": old is not None}
        has_old_rules = any(rule.uses_old_self for rule in self.rules)
        if old is not None and has_old_rules:
            activation["oldSelf"] = old if convert is None else convert(old)
        for rule in self.rules:
            if rule.uses_old_self and old is None and not rule.is_optional:
                continue
            found = rule.causes(activation, value, path, self.type)
            if not rule.uses_old_self and review.was_so_before():
                review.warnings.extend(f"{cause.field}: {cause.message}" for cause in found)
            else:
                yield from found

    def _causes_below(self, value: dict[str, Any], old: Any, path: str, review: Review) -> Iterator[Cause]:
        olds = old if isinstance(old, dict) and not self.is_atomic_map else {}
        for name, item in value.items():
            known = self.properties.get(name)
            if known is not None:
                yield from known.causes(item, olds.get(name), child(path, name), review.field(name))
            elif self.additional is not None:
                yield from self.additional.causes(item, olds.get(name), f"{path}[{name}]", review.field(name))


class _Ancestor:
    """Stands for the pair of a part that has no old value: it's as changed as what it's part of."""

    def __init__(self, pair: Correlation) -> None:
        self._pair = pair

    def key(self, name: str) -> Correlation | None:
        return self

    def index(self, i: int) -> Correlation | None:
        return self

    def is_same(self) -> bool:
        return self._pair.is_same()


@attrs.frozen
class Review:
    """What a part of an object was before, for what was wrong already and may stay so (KEP-4008).

    Attributes:
        pair: the part's new and old value; None where nothing may stay wrong.
        warnings: what is wrong and stays so is told here.
    """

    pair: Correlation | None
    warnings: list[str]

    def was_so_before(self) -> bool:
        """Nothing has changed here."""
        return self.pair is not None and self.pair.is_same()

    def field(self, name: str) -> Review:
        """The same of a field."""
        return self if self.pair is None else Review(self.pair.key(name) or _Ancestor(self.pair), self.warnings)

    def item(self, i: int) -> Review:
        """The same of an item."""
        return self if self.pair is None else Review(self.pair.index(i) or _Ancestor(self.pair), self.warnings)


def rule_node(schema: Mapping[str, Any], *, is_root: bool = True) -> RuleNode | None:
    """The rules of a schema, None where there are none."""
    told = [rule for rule in schema.get("x-kubernetes-validations") or () if (rule.get("rule") or "").strip()]
    items, additional = schema.get("items"), schema.get("additionalProperties")
    items_node = rule_node(items, is_root=False) if isinstance(items, Mapping) else None
    additional_node = rule_node(additional, is_root=False) if isinstance(additional, Mapping) else None
    properties = {
        name: node
        for name, sub in (schema.get("properties") or {}).items()
        if (node := rule_node(sub, is_root=False)) is not None
    }
    if not told and items_node is None and additional_node is None and not properties:
        return None
    seen = node_of(schema, is_root=is_root) if told else None
    is_map_list = schema.get("x-kubernetes-list-type") == "map"
    return RuleNode(
        type=schema.get("type") or "",
        rules=tuple(Rule(rule) for rule in told) if seen is not None else (),
        convert=converter(seen) if seen is not None else None,
        items=items_node,
        additional=additional_node,
        properties=properties,
        list_keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()) if is_map_list else (),
        is_atomic_map=schema.get("x-kubernetes-map-type") == "atomic",
    )
