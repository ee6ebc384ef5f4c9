from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.errors import (
    BugError,
    ConfigError,
    ConflictError,
    Operation,
    ReconcileError,
    RetryScope,
    TransientError,
    walk_leaves,
)

trees = st.recursive(st.builds(ValueError), lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=12)


def planted(tree: object) -> tuple[Exception, list[Exception]]:
    """The group that a tree of errors describes, and its leaves in order."""
    if isinstance(tree, Exception):
        return tree, [tree]
    assert isinstance(tree, list)
    parts = [planted(branch) for branch in tree]
    return ExceptionGroup("group", [error for error, _ in parts]), [leaf for _, leaves in parts for leaf in leaves]


@given(trees)
def test_leaves_come_in_order_however_deep(tree: object) -> None:
    group, leaves = planted(tree)
    assert [id(leaf) for leaf in walk_leaves(group)] == [id(leaf) for leaf in leaves]


def test_groups_deeper_than_the_stack_are_walked() -> None:
    leaf = ValueError("deep")
    error: Exception = leaf
    for _ in range(5_000):
        error = ExceptionGroup("group", [error])

    assert list(walk_leaves(error)) == [leaf]

    while isinstance(error, ExceptionGroup):  # or its deallocation recurses
        error = error.exceptions[0]


def test_orders_to_stop_are_leaves_too() -> None:
    order = asyncio.CancelledError()
    assert next(walk_leaves(BaseExceptionGroup("group", [order, ValueError()]))) is order


def test_a_config_error_reports_itself() -> None:
    error = ConfigError("NoDNSNames", "spec.dnsNames is empty")

    assert error.config_errors == (error,)
    assert str(error) == "NoDNSNames: spec.dnsNames is empty"
    assert str(ConfigError("NoDNSNames")) == "NoDNSNames"


def test_a_transient_error_reports_its_config_leaves_only() -> None:
    config, bug = ConfigError("Forbidden"), BugError("400")
    error = TransientError("503")
    error.leaves = (config, TransientError("503"), bug)

    assert error.config_errors == (config, bug)
    assert TransientError("503").config_errors == ()


def test_a_transient_error_says_whom_its_retry_after_binds() -> None:
    error = TransientError("503", retry_after=2, scope=RetryScope.API_GROUP, api_group="metrics.k8s.io")
    assert (error.retry_after, error.scope, error.api_group) == (2, RetryScope.API_GROUP, "metrics.k8s.io")


@pytest.mark.parametrize("error", [ConflictError(), TransientError(), ConfigError("X"), BugError()])
def test_every_verdict_is_a_reconcile_error_without_a_rule(error: ReconcileError) -> None:
    assert error.rule is None
    assert error.leaves == ()


@pytest.mark.parametrize(
    ("verb", "is_write"), [("get", False), ("list", False), ("watch", False), ("apply", True), ("", True)]
)
def test_an_unknown_verb_may_have_written(verb: str, is_write: bool) -> None:
    assert Operation(verb=verb).is_write is is_write
