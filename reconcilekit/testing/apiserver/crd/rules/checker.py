"""Rules checked where they are defined: syntax, types and results, each mistake in the real server's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver.crd.rules import engine
from reconcilekit.testing.apiserver.crd.rules.engine import ExpressionError
from reconcilekit.testing.apiserver.crd.rules.types import Node, TypePool, node_of

_OLD_SELF = "oldSelf"


@attrs.frozen(kw_only=True)
class Checked:
    """What became of a rule.

    Attributes:
        problem: what is wrong with it, "" if nothing is.
        message_problem: what is wrong with its messageExpression.
        uses_old_self: it is a rule about changes.
    """

    problem: str = ""
    message_problem: str = ""
    uses_old_self: bool = False


class RuleChecker:
    """Checks the rules of one schema; its environment is made once for all of them.

    Args:
        schema: an `openAPIV3Schema`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        engine.load()
        self._nodes: dict[int, int] = {}
        pool = TypePool()
        types = {}
        for i, (sub, node) in enumerate(_rule_nodes(schema)):
            self._nodes[id(sub)] = i
            types[f"self{i}"] = types[f"oldSelf{i}"] = pool.type_of(node)
        self._environment = engine.checker(pool.pool(), types)

    def check(self, schema: Mapping[str, Any], rule: Mapping[str, Any]) -> Checked:
        """Check one rule of the schema's node `schema`."""
        i = self._nodes.get(id(schema))
        source = rule.get("rule") or ""
        if i is None:
            return Checked(problem="failed to convert to declType for CEL validation rules")
        uses_old_self, is_optional = False, rule.get("optionalOldSelf") is True
        try:
            uses_old_self, result = self._type_of(source, i, is_optional=is_optional)
        except ExpressionError as error:
            return Checked(problem=f"compilation failed: {error}")
        if result != "BOOL":
            return Checked(problem="cel expression must evaluate to a bool")
        message = rule.get("messageExpression") or ""
        return Checked(
            uses_old_self=uses_old_self,
            message_problem=self._message_problem(message, i, is_optional=is_optional) if message.strip() else "",
        )

    def _message_problem(self, source: str, i: int, *, is_optional: bool) -> str:
        try:
            _, result = self._type_of(source, i, is_optional=is_optional)
        except ExpressionError as error:
            return f"messageExpression compilation failed: {error}"
        return "" if result == "STRING" else "messageExpression must evaluate to a string"

    def _type_of(self, source: str, i: int, *, is_optional: bool) -> tuple[bool, str]:
        engine.parsed(source)
        source = engine.with_optionals(source)
        self_only = f"cel.bind(self, self{i},\n{source}\n)"
        try:
            return False, self._compiled(self_only, lines_before=1)
        except ExpressionError as error:
            if f"undeclared reference to '{_OLD_SELF}" not in str(error):
                raise
        old = f"optional.of(oldSelf{i})" if is_optional else f"oldSelf{i}"
        return True, self._compiled(
            f"cel.bind({_OLD_SELF}, {old}, cel.bind(self, self{i},\n{source}\n))", lines_before=1
        )

    def _compiled(self, source: str, *, lines_before: int) -> str:
        try:
            return str(self._environment.compile(source).return_type().name())
        except RuntimeError as error:
            raise ExpressionError(engine.compile_message(str(error), lines_before=lines_before)) from error


def _rule_nodes(schema: Mapping[str, Any], *, is_root: bool = True) -> list[tuple[Mapping[str, Any], Node]]:
    """The nodes of a schema that have rules, as the rules see them."""
    found = []
    if schema.get("x-kubernetes-validations"):
        node = node_of(schema, is_root=is_root)
        if node is not None:
            found.append((schema, node))
    for sub in below(schema):
        found += _rule_nodes(sub, is_root=False)
    return found


def below(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas of what is directly below: items, fields and values."""
    candidates = [schema.get("items"), schema.get("additionalProperties"), *(schema.get("properties") or {}).values()]
    return [sub for sub in candidates if isinstance(sub, Mapping)]
