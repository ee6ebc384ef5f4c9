"""How much the rules of a definition may cost by the estimate, one by one and all together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconcilekit.testing.apiserver.crd.problems import forbidden
from reconcilekit.testing.apiserver.crd.rules.ranges import MOST
from reconcilekit.testing.apiserver.status import Cause

RULE_LIMIT: Final = 10_000_000
SCHEMA_LIMIT: Final = 100_000_000
_NAMED: Final = 4
"""The rules that are told where all together are too much; none that is less than a hundredth of it."""

_ADVICE: Final = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are "
    "declared)"
)


class Budget:
    """Of one schema.

    Args:
        limits_rules: a single rule may cost too much, too; not in a schema that has been taken before.
    """

    def __init__(self, *, limits_rules: bool) -> None:
        self._limits_rules = limits_rules
        self._total = 0
        self._expensive: list[tuple[int, str]] = []

    def spend(self, path: str, cost: int, what: str) -> Iterator[Cause]:
        """Count an expression; what is wrong with its cost."""
        self._total = min(self._total + cost, MOST)
        if cost >= SCHEMA_LIMIT // 100:
            self._expensive.append((cost, path))
        if self._limits_rules and cost > RULE_LIMIT:
            yield forbidden(path, _exceeded(f"estimated {what} cost", cost, RULE_LIMIT))

    def causes(self, path: str) -> Iterator[Cause]:
        """What is wrong with all of it, for the schema at `path`."""
        if self._total <= SCHEMA_LIMIT:
            return
        for _, where in sorted(self._expensive, key=lambda pair: -pair[0])[:_NAMED]:
            yield forbidden(
                where, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            )
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        yield forbidden(path, _exceeded(name, self._total, SCHEMA_LIMIT))


def _exceeded(name: str, cost: int, limit: int) -> str:
    factor = cost / limit
    told = "more than 100x" if factor > 100 else f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return f"{name} exceeds budget by factor of {told} {_ADVICE}"
