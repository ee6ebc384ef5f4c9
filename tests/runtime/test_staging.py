from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.staging import RunClosedError, Stage, StagedApply, StagingError, owner_reference
from reconcilekit.runtime.statuses import StagedCondition
from reconcilekit.state import StateStore

SECRET = Resource("v1", "Secret")
KEY = ObjectKey("shop", "tls")


def apply(data: str, *, key: ObjectKey = KEY) -> StagedApply:
    desired: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": key.name}, "data": data}
    return StagedApply(resource=SECRET, key=key, desired=desired, is_owned=True)


def condition(reason: str, *, message: str = "") -> StagedCondition:
    return StagedCondition(type="Ready", status=True, reason=reason, message=message)


class TestObjects:
    def test_they_are_kept_in_the_order_in_which_they_were_staged(self) -> None:
        stage = Stage()
        for name in "cab":
            stage.stage_apply(apply("x", key=ObjectKey("shop", name)))
        for name in "zxy":
            stage.stage_delete(SECRET, ObjectKey("shop", name))
        assert [key.name for _, key in stage.applies] == ["c", "a", "b"]
        assert [key.name for _, key in stage.deletes] == ["z", "x", "y"]

    def test_the_same_may_be_said_twice(self) -> None:
        stage = Stage()
        stage.stage_apply(apply("x"))
        stage.stage_apply(apply("x"))
        stage.stage_delete(SECRET, ObjectKey("shop", "old"))
        stage.stage_delete(SECRET, ObjectKey("shop", "old"))
        assert (list(stage.applies), list(stage.deletes)) == ([(SECRET, KEY)], [(SECRET, ObjectKey("shop", "old"))])

    def test_different_content_is_refused_and_the_first_stands(self) -> None:
        stage = Stage()
        stage.stage_apply(apply("x"))
        with pytest.raises(StagingError) as caught:
            stage.stage_apply(apply("y"))
        assert str(caught.value) == "Secret shop/tls was staged twice with different content; stage it once"
        assert stage.applies[SECRET, KEY].desired["data"] == "x"

    def test_delete_after_apply_is_refused(self) -> None:
        stage = Stage()
        stage.stage_apply(apply("x"))
        with pytest.raises(StagingError) as caught:
            stage.stage_delete(SECRET, KEY)
        assert str(caught.value) == "Secret shop/tls was staged to be applied and to be deleted; choose one"
        assert stage.deletes == {}

    def test_apply_after_delete_is_refused(self) -> None:
        stage = Stage()
        stage.stage_delete(SECRET, KEY)
        with pytest.raises(StagingError) as caught:
            stage.stage_apply(apply("x"))
        assert str(caught.value) == "Secret shop/tls was staged to be deleted and to be applied; choose one"
        assert stage.applies == {}


class TestConditions:
    @pytest.mark.parametrize("reason", ["Issued", "a", "HTTP_404", "Reason:Detail,More_", "A" * 1024])
    def test_a_reason_that_the_api_accepts_passes(self, reason: str) -> None:
        stage = Stage()
        stage.stage_condition(condition(reason))
        assert stage.conditions["Ready"].reason == reason

    @pytest.mark.parametrize("reason", ["", "not issued", "404", "Übel", "Trailing:", "_x", "A" * 1025, "Line\n"])
    def test_any_other_is_refused(self, reason: str) -> None:
        stage = Stage()
        with pytest.raises(StagingError) as caught:
            stage.stage_condition(condition(reason))
        assert str(caught.value) == f"condition Ready has reason {reason!r}; write a CamelCase word"
        assert stage.conditions == {}

    def test_the_last_word_on_a_type_counts(self) -> None:
        stage = Stage()
        stage.stage_condition(condition("Issuing"))
        stage.stage_condition(condition("Issued"))
        assert list(stage.conditions.values()) == [condition("Issued")]


class TestState:
    def test_a_controller_that_does_not_say_so_publishes_nothing(self) -> None:
        with pytest.raises(StagingError) as caught:
            Stage().state_entries("routes", controller="GatewayReconciler")
        assert str(caught.value) == (
            "GatewayReconciler stages state in scope 'routes' but doesn't say so; add to its class: publishes = True"
        )

    def test_entries_are_staged_in_their_scope(self) -> None:
        stage = Stage(state=StateStore().stage(owner="shop/tls"))
        entries = stage.state_entries("routes", controller="GatewayReconciler")
        entries["a"] = 1
        assert dict(stage.state_entries("routes", controller="GatewayReconciler")) == {"a": 1}


class TestClosed:
    def test_nothing_more_can_be_staged(self) -> None:
        stage = Stage()
        stage.stage_apply(apply("x"))
        stage.close()
        for act in (
            stage.check_open,
            lambda: stage.stage_apply(apply("x")),
            lambda: stage.stage_delete(SECRET, ObjectKey("shop", "old")),
            lambda: stage.stage_condition(condition("Issued")),
            lambda: stage.state_entries("routes", controller="GatewayReconciler"),
        ):
            with pytest.raises(RunClosedError) as caught:
                act()
            assert str(caught.value) == ("this run was abandoned: it overran its time limit, or its controller stops")
        assert (stage.deletes, stage.conditions) == ({}, {})

    def test_entries_that_were_handed_out_before_take_nothing_more(self) -> None:
        stage = Stage(state=StateStore().stage(owner="shop/tls"))
        entries = stage.state_entries("routes", controller="GatewayReconciler")
        stage.close()
        with pytest.raises(Exception, match="closed"):
            entries["a"] = 1


def test_an_owner_reference_is_that_of_a_controller() -> None:
    primary = {
        "apiVersion": "example.com/v1",
        "kind": "Certificate",
        "metadata": {"name": "site", "namespace": "shop", "uid": "123"},
    }
    assert owner_reference(primary) == {
        "apiVersion": "example.com/v1",
        "kind": "Certificate",
        "name": "site",
        "uid": "123",
        "controller": True,
        "blockOwnerDeletion": True,
    }
