from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import Any

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
from reconcilekit.runtime.staging import Stage
from reconcilekit.runtime.statuses import StagedCondition

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


@pytest.mark.parametrize("after", [90, 90.0, timedelta(seconds=90)])
def test_times_are_seconds_or_timedeltas(after: timedelta | float) -> None:
    assert ConfigError("X", recheck_after=after).recheck_after == 90.0
    assert TransientError(retry_after=after).retry_after == 90.0
    assert (ConfigError("X").recheck_after, TransientError().retry_after) == (None, None)
    assert TransientError(retry_after=0).retry_after == 0


@pytest.mark.parametrize("after", [0, -1.5, timedelta(0), timedelta(seconds=-1), math.nan, math.inf, 10**400])
def test_a_recheck_that_is_no_positive_time_is_refused(after: timedelta | float) -> None:
    with pytest.raises(ValueError) as caught:
        ConfigError("X", recheck_after=after)
    assert str(caught.value) == (
        f"recheck_after={after!r} isn't a positive time; leave it out for the controller's own"
    )


@pytest.mark.parametrize("after", [-1.5, timedelta(seconds=-1), math.nan, math.inf])
def test_a_retry_in_the_past_or_never_is_refused(after: timedelta | float) -> None:
    with pytest.raises(ValueError) as caught:
        TransientError(retry_after=after)
    assert str(caught.value) == f"retry_after={after!r} is negative or not finite; leave it out where nobody said"


def test_a_time_that_is_neither_is_refused() -> None:
    untyped: Any = "60"
    with pytest.raises(TypeError) as caught:
        ConfigError("X", recheck_after=untyped)
    assert str(caught.value) == "recheck_after='60' is neither a timedelta nor a number of seconds"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("NoDNSNames", "NoDNSNames"),
        ("no names", "no_names"),
        (" Padded\n", "Padded"),
        ("", "ConfigError"),
        ("404", "ConfigError_404"),
        ("Names:", "Names_"),
        ("Gr\u00f6\u00dfe", "Gr__e"),
        ("x" * 2000, "x" * 1024),
    ],
)
def test_a_reason_that_the_api_refuses_is_made_to_fit_rather_than_hide_the_error(said: str, reason: str) -> None:
    assert ConfigError(said, "message").reason == reason
    assert str(ConfigError(said, "message")) == f"{reason}: message"


@pytest.mark.parametrize("said", ["spec.host is empty", " spec.host is empty\n", "spec.host\tis empty"])
def test_a_sentence_alone_is_the_message(said: str) -> None:
    error = ConfigError(said)
    assert (error.reason, error.message) == ("Invalid", said.strip())
    assert str(error) == f"Invalid: {said.strip()}"


@given(said=st.text())
def test_any_reason_can_be_a_conditions(said: str) -> None:
    stage = Stage()
    stage.stage_condition(StagedCondition(type="Ready", status=False, reason=ConfigError(said).reason, message=""))
    assert stage.conditions


@pytest.mark.parametrize("error", [ConflictError(), TransientError(), ConfigError("X"), BugError()])
def test_every_verdict_is_a_reconcile_error_without_a_rule(error: ReconcileError) -> None:
    assert error.rule is None
    assert error.leaves == ()


@pytest.mark.parametrize(
    ("verb", "is_write"), [("get", False), ("list", False), ("watch", False), ("apply", True), ("", True)]
)
def test_an_unknown_verb_may_have_written(verb: str, is_write: bool) -> None:
    assert Operation(verb=verb).is_write is is_write
