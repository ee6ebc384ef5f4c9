from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit.state import StateChange, StateError, StateStore

Connect = Callable[..., Any]
Put = Callable[..., None]


def test_the_first_publication_waits_for_every_expected_owner(store: StateStore, put: Put, connect: Connect) -> None:
    scope = store.scope("x")
    scope.expect(["ns/a", "ns/b"])
    envoy = connect("x")
    put("x", owner="ns/a", one=1)
    scope.report("ns/a")
    assert envoy.offered == []
    assert scope.is_held
    assert scope.waiting_for == {"ns/b"}
    assert store.snapshot()["x"].verdict("one").reason == "the first publication is held for 'ns/b'"
    put("x", owner="ns/b", two=2)
    store.report("ns/b")
    assert envoy.contents() == [{"one": 1, "two": 2}]
    assert not scope.is_held
    with pytest.raises(StateError, match="scope 'x' has been released already"):
        scope.expect(["ns/c"])


def test_an_owner_that_is_gone_is_not_waited_for(store: StateStore, put: Put, connect: Connect) -> None:
    store.scope("x").expect(["ns/a", "ns/b"])
    envoy = connect("x")
    put("x", owner="ns/a", one=1)
    store.report("ns/a")
    store.remove_owner("ns/b")
    assert envoy.contents() == [{"one": 1}]


def test_a_store_wide_hold_reaches_scopes_made_later(store: StateStore, put: Put, connect: Connect) -> None:
    changes: list[StateChange] = []
    store.on_change(changes.append)
    store.hold()
    store.hold()
    assert store.is_held
    assert store.snapshot()["later"].is_held
    store.report("ns/early")
    put("x", owner="ns/a", one=1)
    envoy = connect("x")
    store.expect(["ns/a", "ns/early"])
    assert store.waiting_for == {"ns/a"}
    store.report("ns/a")
    assert store.is_held  # the second holder hasn't said whom it expects
    assert envoy.offered == []
    store.expect([])
    assert (store.is_held, envoy.contents()) == (False, [{"one": 1}])
    assert changes[-1].scopes["x"].is_hold_changed
    with pytest.raises(StateError, match="the store has been released already"):
        store.hold()


def test_a_scope_nobody_staged_is_not_published_as_empty_by_the_store_wide_release(
    store: StateStore, put: Put, connect: Connect
) -> None:
    store.expect(["ns/a"])
    envoy = connect("x")
    store.report("ns/a")
    assert envoy.offered == []
    put("x", one=1)
    assert envoy.contents() == [{"one": 1}]


def test_a_scope_whose_own_owners_have_all_reported_is_published_even_if_empty(
    store: StateStore, connect: Connect
) -> None:
    store.scope("x").expect(["ns/a"])
    envoy = connect("x")
    store.report("ns/a")
    assert envoy.contents() == [{}]


def test_both_holds_count(store: StateStore, put: Put, connect: Connect) -> None:
    store.expect(["ns/a"])
    store.scope("x").expect(["ns/b"])
    put("x", one=1)
    envoy = connect("x")
    store.report("ns/b")
    assert store.scope("x").waiting_for == {"ns/a"}
    assert envoy.offered == []
    store.report("ns/a")
    assert envoy.contents() == [{"one": 1}]


def test_the_end_of_the_store_wide_hold_is_told_even_if_no_scope_exists(store: StateStore) -> None:
    changes: list[StateChange] = []
    store.expect(["ns/a", "ns/b"])
    store.on_change(changes.append)
    store.report("ns/a")
    assert changes == []
    store.report("ns/b")
    assert [(change.is_released, dict(change.scopes)) for change in changes] == [(True, {})]
