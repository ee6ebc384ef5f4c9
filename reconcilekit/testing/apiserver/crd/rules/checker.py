"""Rules checked where they are defined: syntax, types and results, each mistake in the real server's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.testing.apiserver.crd.rules import engine, missing
from reconcilekit.testing.apiserver.crd.rules.costs import most_cost
from reconcilekit.testing.apiserver.crd.rules.engine import ExpressionError
from reconcilekit.testing.apiserver.crd.rules.expressions import CheckedTree, checked_tree
from reconcilekit.testing.apiserver.crd.rules.literals import instantiation_problem, mistakes
from reconcilekit.testing.apiserver.crd.rules.sizes import MAX_REQUEST, Bounds, bounds_of
from reconcilekit.testing.apiserver.crd.rules.types import Node, TypePool, node_of

if TYPE_CHECKING:
    from cel_expr_python import cel

_OLD_SELF = "oldSelf"


@attrs.frozen(kw_only=True)
class Checked:
    """What became of a rule.

    Attributes:
        problem: what is wrong with it, "" if nothing is.
        message_problem: what is wrong with its messageExpression.
        uses_old_self: it is a rule about changes.
        cost: the most that a run of it costs, by the estimate.
        message_cost: likewise, of its messageExpression.
        most_runs: as often as what it is about fits in a request.
    """

    problem: str = ""
    message_problem: str = ""
    uses_old_self: bool = False
    cost: int = 0
    message_cost: int = 0
    most_runs: int = 1


@attrs.frozen(kw_only=True)
class _Compiled:
    tree: CheckedTree
    result: str
    uses_old_self: bool = False


class RuleChecker:
    """Checks the rules of one schema; its environment is made once for all of them.

    Args:
        schema: an `openAPIV3Schema`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        engine.load()
        self._nodes: dict[int, int] = {}
        self._bounds: list[Bounds | None] = []
        pool = TypePool()
        types = {}
        for i, (sub, node, is_root) in enumerate(_rule_nodes(schema)):
            self._nodes[id(sub)] = i
            self._bounds.append(bounds_of(sub, is_root=is_root))
            types[f"self{i}"] = types[f"oldSelf{i}"] = pool.type_of(node)
        self._environment = engine.checker(pool.pool(), types)

    def check(self, schema: Mapping[str, Any], rule: Mapping[str, Any]) -> Checked:
        """Check one rule of the schema's node `schema`."""
        i = self._nodes.get(id(schema))
        source = rule.get("rule") or ""
        if i is None:
            return Checked(problem="failed to convert to declType for CEL validation rules")
        is_optional, bounds = rule.get("optionalOldSelf") is True, self._bounds[i]
        try:
            compiled = self._compiled_at(source, i, is_optional=is_optional)
        except ExpressionError as error:
            return Checked(problem=f"compilation failed: {error}")
        if compiled.result != "BOOL":
            return Checked(problem="cel expression must evaluate to a bool")
        if found := instantiation_problem(compiled.tree):
            return Checked(problem=f"program instantiation failed: {found}", uses_old_self=compiled.uses_old_self)
        message = rule.get("messageExpression") or ""
        problem, message_cost = self._message(message, i, is_optional=is_optional) if message.strip() else ("", 0)
        return Checked(
            uses_old_self=compiled.uses_old_self,
            message_problem=problem,
            cost=most_cost(compiled.tree, bounds),
            message_cost=message_cost,
            most_runs=1 if bounds is None else MAX_REQUEST // (bounds.least_bytes + 1),
        )

    def _message(self, source: str, i: int, *, is_optional: bool) -> tuple[str, int]:
        try:
            compiled = self._compiled_at(source, i, is_optional=is_optional)
        except ExpressionError as error:
            return f"messageExpression compilation failed: {error}", 0
        if compiled.result != "STRING":
            return "messageExpression must evaluate to a string", 0
        if found := instantiation_problem(compiled.tree):
            return f"messageExpression instantiation failed: {found}", 0
        return "", most_cost(compiled.tree, self._bounds[i])

    def _compiled_at(self, source: str, i: int, *, is_optional: bool) -> _Compiled:
        engine.parsed(source)
        if engine.binds(source):
            # What is bound here is this server's own affair, and the real one's rules have no such macro.
            self._compile(engine.plain_checker(), source, lines_before=0)
        source = engine.with_optionals(source)
        binding = f"cel.bind(self, self{i},\n"
        try:
            return self._compiled(source, binding, ")")
        except ExpressionError as error:
            if f"undeclared reference to '{_OLD_SELF}" not in str(error):
                raise
        old = f"optional.of(oldSelf{i})" if is_optional else f"oldSelf{i}"
        found = self._compiled(source, f"cel.bind({_OLD_SELF}, {old}, {binding}", "))")
        return attrs.evolve(found, uses_old_self=True)

    def _compiled(self, source: str, before: str, after: str) -> _Compiled:
        try:
            compiled = self._compile(self._environment, f"{before}{source}\n{after}", lines_before=1)
        except ExpressionError as error:
            renamed = missing.with_alias(source, str(error))
            if renamed is None:
                raise ExpressionError(missing.without_aliases(str(error))) from error
            return self._compiled(renamed, before, after)
        tree = checked_tree(compiled.serialize())
        if found := mistakes(tree):
            places = sorted((tree.places.get(number, 0) - len(before), told) for number, told in found)
            raise ExpressionError("\n".join(engine.error_at(source, place, told) for place, told in places))
        return _Compiled(tree=tree, result=str(compiled.return_type().name()))

    def _compile(self, environment: cel.Env, source: str, *, lines_before: int) -> cel.Expression:
        try:
            return environment.compile(source)
        except RuntimeError as error:
            raise ExpressionError(engine.compile_message(str(error), lines_before=lines_before)) from error


def _rule_nodes(schema: Mapping[str, Any], *, is_root: bool = True) -> list[tuple[Mapping[str, Any], Node, bool]]:
    """The nodes of a schema that have rules, as the rules see them; whether each is the root."""
    found = []
    if schema.get("x-kubernetes-validations"):
        node = node_of(schema, is_root=is_root)
        if node is not None:
            found.append((schema, node, is_root))
    for sub in below(schema):
        found += _rule_nodes(sub, is_root=False)
    return found


def below(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas of what is directly below: items, fields and values."""
    candidates = [schema.get("items"), schema.get("additionalProperties"), *(schema.get("properties") or {}).values()]
    return [sub for sub in candidates if isinstance(sub, Mapping)]
