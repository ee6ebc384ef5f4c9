"""A value is accepted where nothing is found wrong with it: two ways of looking that have to agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.testing.apiserver.crd.values.checking import Check
from reconcilekit.testing.apiserver.crd.values.defaulting import defaulted
from reconcilekit.testing.apiserver.crd.values.pruning import Pruning
from reconcilekit.testing.apiserver.crd.values.structure import structure_of

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, 0.5, 1.0, 2.5]),
    st.sampled_from(["", "a", "ab", "2024-01-01", "abcdef"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "nullable": st.booleans(),
        "minimum": st.integers(-3, 3),
        "maximum": st.sampled_from([-1, 0.5, 2]),
        "exclusiveMinimum": st.booleans(),
        "multipleOf": st.sampled_from([0.5, 1, 2]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(1, 3),
        "pattern": st.sampled_from(["^a", "b$"]),
        "format": st.sampled_from(["date", "int32", "float", "made-up"]),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(1, 2),
        "required": st.lists(NAMES, max_size=2),
        "minProperties": st.integers(0, 2),
    },
)
TYPES = st.sampled_from(
    [{"type": name} for name in ("string", "integer", "number", "boolean", "array", "object")]
    + [{}, {"x-kubernetes-int-or-string": True}]
)


def _schemas(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    below = st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "additionalProperties": inner | st.booleans(),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "default": VALUES,
        },
    )
    return st.builds(lambda kind, limits, more: {**limits, **kind, **more}, TYPES, LIMITS, below)


SCHEMAS = st.recursive(st.builds(lambda kind, limits: {**limits, **kind}, TYPES, LIMITS), _schemas, max_leaves=6)


@given(SCHEMAS, VALUES)
def test_what_is_accepted_has_no_causes_and_the_other_way_round(schema: dict[str, Any], value: Any) -> None:
    check = Check(schema)
    accepted = check.accepts is None or bool(check.accepts(value))

    assert accepted == (not check.findings(value, "", None).failures)


@given(SCHEMAS, VALUES)
def test_pruning_and_defaulting_change_nothing_in_place_and_nothing_twice(schema: dict[str, Any], value: Any) -> None:
    node, before = structure_of(schema), repr(value)

    pruned = Pruning().pruned_value(value, node)
    filled = defaulted(pruned, node)

    assert repr(value) == before
    assert Pruning().pruned_value(pruned, node) == pruned
    assert Pruning().pruned_value(pruned, node) is pruned
    assert defaulted(filled, node) == filled


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [
        ({"maximum": 99.5}, 1, ["Maximum boundary value must be of type integer (default format) in a"]),
        (
            {"maximum": 99.5},
            100,
            [
                "Maximum boundary value must be of type integer (default format) in a",
                "a in body should be less than or equal to 99.5",
            ],
        ),
        ({"minimum": 0.5}, 1, ["Minimum boundary value must be of type integer (default format) in a"]),
        ({"multipleOf": 0.5}, 2, ["MultipleOf value must be of type integer (default format) in a"]),
    ],
)
def test_a_limit_that_the_type_cant_hold_refuses_all(limit: dict[str, Any], value: int, told: list[str]) -> None:
    check = Check({"type": "object", "properties": {"a": {"type": "integer", **limit}}})
    assert check.accepts is not None
    assert not check.accepts({"a": value})
    causes = check.causes({"a": value})
    assert [cause.message.partition(": ")[2].partition(": ")[2] for cause in causes] == told
