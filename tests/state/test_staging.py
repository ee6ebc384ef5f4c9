from __future__ import annotations

import logging

import pytest

from reconcilekit.errors import ConfigError, TransientError
from reconcilekit.state import (
    Candidate,
    Entry,
    EntryOwnedError,
    ScopeOptions,
    StageBusyError,
    StageClosedError,
    StateChange,
    StateError,
    StateStore,
    Veto,
    VetoError,
)


def at_most_two(candidate: Candidate) -> list[Veto]:
    surplus = sorted(candidate.values)[2:]
    return [Veto(entry=name, message="only two fit") for name in surplus]


LIMITED = ScopeOptions(validators=(at_most_two,))


def test_a_stage_becomes_visible_whole_across_scopes(store: StateStore) -> None:
    stage = store.stage(owner="ns/a")
    stage["x"]["one"] = {"port": 80}
    stage["y"]["two"] = {"port": 81}
    before = store.snapshot()
    prepared = stage.prepare()
    assert store.snapshot() is before  # preparing is not visible
    after = prepared.commit()
    assert after is store.snapshot()
    assert dict(after["x"]) == {"one": {"port": 80}}
    assert dict(after["y"]) == {"two": {"port": 81}}
    assert (after["x"].version, after["y"].version, after.sequence) == (1, 1, before.sequence + 1)
    assert dict(before["x"]) == {}
    assert before["x"].version == 0


def test_a_stage_whose_block_raises_leaves_no_trace(store: StateStore) -> None:
    before = store.snapshot()
    with pytest.raises(ValueError, match="half way"), store.stage(owner="ns/a") as stage:  # noqa: PT012 -- the point
        stage["x"]["one"] = 1
        raise ValueError("half way")
    assert store.snapshot() is before
    with pytest.raises(StageClosedError):
        stage["x"]["two"] = 2


def test_unchanged_content_is_not_a_new_version(store: StateStore) -> None:
    changes: list[StateChange] = []
    store.on_change(changes.append)
    for _ in range(3):
        with store.stage(owner="ns/a") as stage:
            stage["x"]["one"] = {"b": [1, 2], "a": 1}
    assert store.snapshot()["x"].version == 1
    assert len(changes) == 1
    assert len(store.scope("x").history()) == 1


def test_what_a_caller_changes_later_never_reaches_a_snapshot(store: StateStore) -> None:
    value = {"hosts": ["a"], "tls": {"name": "cert"}}
    with store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = value
        value["hosts"].append("b")  # type: ignore[attr-defined]  # a list
    value["tls"]["name"] = "other"  # type: ignore[index]  # a dict
    assert store.snapshot()["x"]["one"] == {"hosts": ["a"], "tls": {"name": "cert"}}


def test_replacing_by_difference_touches_only_what_differs(store: StateStore) -> None:
    with store.stage(owner="ns/a") as stage:
        stage.replace_owned("x", {"one": 1, "two": 2, "three": 3})
    first = store.snapshot()["x"]
    with store.stage(owner="ns/a") as stage:
        stage.replace_owned("x", {"one": 1, "two": 22, "four": 4})
    second = store.snapshot()["x"]
    assert second.entries["one"] is first.entries["one"]
    difference = second.diff(first)
    assert (set(difference.added), set(difference.changed), set(difference.removed)) == ({"four"}, {"two"}, {"three"})
    assert store.scope("x").diff(1).names == {"two", "three", "four"}
    assert second.entries["two"].version == 2


def test_a_stage_that_replaces_lets_go_of_every_scope(store: StateStore) -> None:
    for owner in ("ns/a", "ns/b"):
        with store.stage(owner=owner) as stage:
            stage["x"][f"{owner}-x"] = 1
            stage["y"][f"{owner}-y"] = 1
    with store.stage(owner="ns/a", replace=True) as stage:
        stage["y"]["other"] = 2
    snapshot = store.snapshot()
    assert set(snapshot["x"]) == {"ns/b-x"}
    assert set(snapshot["y"]) == {"ns/b-y", "other"}
    store.remove_owner("ns/b")
    assert set(store.snapshot()["x"]) == set()
    assert set(store.snapshot()["y"]) == {"other"}


def test_what_an_owner_got_while_its_replacement_was_prepared_goes_too(store: StateStore) -> None:
    replacement = store.stage(owner="ns/a", replace=True).prepare()
    with store.stage(owner="ns/a") as stage:
        stage["y"]["late"] = 1
    assert dict(replacement.commit()["y"]) == {}


def test_staged_entries_are_a_mapping_of_what_the_owner_will_have(store: StateStore) -> None:
    with store.stage(owner="ns/b") as stage:
        stage["x"]["foreign"] = 0
    with store.stage(owner="ns/a") as stage:
        stage["x"].update(one=1, two=2)
    stage = store.stage(owner="ns/a")
    entries = stage["x"]
    entries["three"] = 3
    del entries["one"]
    assert dict(entries) == {"three": 3, "two": 2}
    assert len(entries) == 2
    with pytest.raises(KeyError):
        del entries["foreign"]
    stage.prepare().commit()
    assert set(store.snapshot()["x"]) == {"two", "three", "foreign"}


def test_a_veto_names_scope_and_entry_and_leaves_no_trace(store: StateStore) -> None:
    store.scope("x", options=LIMITED)
    with store.stage(owner="ns/a") as stage:
        stage["x"].update(one=1, three=3)
    before = store.snapshot()
    stage = store.stage(owner="ns/b")
    stage["w"]["innocent"] = 0
    stage["x"]["two"] = 2
    with pytest.raises(VetoError) as caught:
        stage.prepare()
    assert str(caught.value) == "Vetoed: entry 'two' of scope 'x': only two fit"
    assert (caught.value.scope, caught.value.entry) == ("x", "two")
    assert isinstance(caught.value, ConfigError)
    assert store.snapshot() is before
    with store.stage(owner="ns/c") as stage:  # what it had reserved before the veto is free again
        stage["w"]["innocent"] = "mine"


def test_a_validator_that_raises_is_no_yes(store: StateStore) -> None:
    def broken(_: Candidate) -> list[Veto]:
        raise ZeroDivisionError

    store.scope("x", options=ScopeOptions(validators=(broken,)))
    before = store.snapshot()
    stage = store.stage()
    stage["x"]["one"] = 1
    with pytest.raises(ZeroDivisionError):
        stage.prepare()
    assert store.snapshot() is before


def test_two_owners_of_one_entry_with_different_content_are_both_named(store: StateStore) -> None:
    with store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = 1
    stage = store.stage(owner="ns/b")
    stage["x"]["one"] = 2
    with pytest.raises(EntryOwnedError) as caught:
        stage.prepare()
    assert caught.value.owners == ("ns/a", "ns/b")
    assert str(caught.value) == (
        "EntryOwned: entry 'one' of scope 'x' is owned by 'ns/a' with other content than 'ns/b' stages: "
        "name it differently or let one of them own it"
    )


def test_owners_of_the_same_content_share_the_entry_until_the_last_lets_go(store: StateStore) -> None:
    for owner in ("ns/b", "ns/a"):
        with store.stage(owner=owner) as stage:
            stage["x"]["one"] = 1
    shared = store.snapshot()["x"]
    assert shared.entries["one"].owners == ("ns/a", "ns/b")
    assert shared.version == 1  # a second owner is no new content
    assert set(shared.owned_by("ns/b")) == {"one"}
    store.remove_owner("ns/b")
    assert store.snapshot()["x"].entries["one"].owners == ("ns/a",)
    store.remove_owner("ns/a")
    assert dict(store.snapshot()["x"]) == {}


def test_prepared_stages_that_collide_are_told_to_try_again(store: StateStore) -> None:
    first, second = store.stage(owner="ns/a"), store.stage(owner="ns/b")
    first["x"]["one"] = 1
    second["x"]["one"] = 2
    prepared = first.prepare()
    with pytest.raises(StageBusyError, match="'one' is being staged by 'ns/a'") as caught:
        second.prepare()
    assert isinstance(caught.value, TransientError)
    prepared.abandon()
    prepared.abandon()
    with store.stage(owner="ns/b") as again:
        again["x"]["one"] = 2
    assert store.snapshot()["x"]["one"] == 2


def test_an_entry_about_to_be_let_go_is_busy_and_then_free(store: StateStore) -> None:
    with store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = 1
    leaving = store.stage(owner="ns/a", replace=True).prepare()
    early = store.stage(owner="ns/b")
    early["x"]["one"] = 2
    with pytest.raises(StageBusyError, match="about to let it go"):
        early.prepare()

    leaving.commit()
    late = store.stage(owner="ns/b")
    late["x"]["one"] = 2
    late.prepare().commit()
    assert store.snapshot()["x"].entries["one"].owners == ("ns/b",)


def test_prepared_stages_that_validate_only_apart_are_found_before_either_commits(store: StateStore) -> None:
    store.scope("x", options=LIMITED)
    first, second = store.stage(owner="ns/a"), store.stage(owner="ns/b")
    first["x"].update(one=1)
    second["x"].update(two=2, three=3)
    prepared = first.prepare()
    with pytest.raises(StageBusyError, match="together with what 'ns/a' prepared"):
        second.prepare()
    prepared.commit()
    assert set(store.snapshot()["x"]) == {"one"}


def test_a_commit_validates_again_if_others_were_faster(store: StateStore) -> None:
    def needs_base(candidate: Candidate) -> list[Veto]:
        return (
            []
            if "base" in candidate.values or "top" not in candidate.values
            else [Veto(entry="top", message="no base")]
        )

    store.scope("x", options=ScopeOptions(validators=(needs_base,)))
    with store.stage(owner="ns/base") as stage:
        stage["x"]["base"] = 1
    with store.stage(owner="ns/top") as stage:
        stage["x"]["other"] = 1
    top = store.stage(owner="ns/top")
    top["x"]["top"] = 1
    top["y"]["elsewhere"] = 1
    # The same owner's prepared stages aren't judged together: the later commit counts.
    removal = store.stage(owner="ns/top")
    removal["x"]["other"] = 2
    prepared, other = top.prepare(), removal.prepare()
    other.commit()
    assert prepared.commit()["x"]["top"] == 1  # valid still, after a second look

    again = store.stage(owner="ns/base")
    del again["x"]["base"]
    with pytest.raises(VetoError):
        again.prepare()


def test_a_commit_that_no_longer_validates_changes_nothing(store: StateStore) -> None:
    store.scope("x", options=LIMITED)
    first, second = store.stage(owner="ns/a"), store.stage(owner="ns/a")
    first["x"].update(one=1, two=2)
    second["x"].update(three=3)
    second["y"]["elsewhere"] = 1
    late, early = second.prepare(), first.prepare()
    before = early.commit()
    with pytest.raises(StageBusyError, match="what others committed since"):
        late.commit()
    assert store.snapshot() is before
    with pytest.raises(StageClosedError):
        late.commit()


def test_versions_of_a_removed_scope_are_never_used_again(store: StateStore) -> None:
    for value in range(3):
        with store.stage(owner="ns/a") as stage:
            stage["x"]["one"] = value
    with pytest.raises(StateError, match="in use"):
        store.remove_scope("x")
    store.remove_owner("ns/a")
    store.remove_scope("x")
    assert "x" not in store.snapshot().scopes
    with store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = 1
    assert store.snapshot()["x"].version == 5


def test_history_is_bounded() -> None:
    store = StateStore(history=3)
    for value in range(8):
        with store.stage() as stage:
            stage["x"]["one"] = value
    assert [version.version for version in store.scope("x").history()] == [6, 7, 8]
    with pytest.raises(StateError, match="has no version 5: it keeps 6 to 8"):
        store.scope("x").diff(5)


def test_listeners_hear_of_one_step_at_once_and_in_order(store: StateStore, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[int, dict[str, set[str]]]] = []

    def chain(change: StateChange) -> None:
        heard.append((change.snapshot.sequence, {name: set(scope.entries) for name, scope in change.scopes.items()}))
        if len(heard) == 1:  # a listener may use the store
            with store.stage(owner="ns/b") as stage:
                stage["z"]["three"] = 3
        if len(heard) == 2:
            raise RuntimeError("broken listener")

    stop = store.on_change(chain)
    with store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = 1
        stage["y"]["two"] = 2
    with caplog.at_level(logging.ERROR), store.stage(owner="ns/a") as stage:
        stage["x"]["one"] = 2
    assert heard == [(1, {"x": {"one"}, "y": {"two"}}), (2, {"z": {"three"}}), (3, {"x": {"one"}})]
    assert "a listener or subscriber of a StateStore raised" in caplog.text
    stop()
    store.remove_owner("ns/a")
    assert len(heard) == 3


def test_a_validator_that_calls_the_store_is_told_so(store: StateStore) -> None:
    def reenter(_: Candidate) -> list[Veto]:
        store.remove_owner("ns/b")
        return []

    store.scope("x", options=ScopeOptions(validators=(reenter,)))
    stage = store.stage(owner="ns/a")
    stage["x"]["one"] = 1
    with pytest.raises(RuntimeError, match="a validator or an option of a scope called its StateStore"):
        stage.prepare()


def test_options_are_given_once(store: StateStore) -> None:
    store.scope("x", options=LIMITED)
    assert store.scope("x").name == "x"
    with pytest.raises(StateError, match="exists with other options"):
        store.scope("x", options=ScopeOptions())


def test_a_unit_that_cannot_be_named_fails_the_stage_not_the_store(store: StateStore) -> None:
    def fussy(entry: Entry) -> str:
        if entry.name == "bad":
            raise LookupError(entry.name)
        return entry.name

    store.scope("x", options=ScopeOptions(unit=fussy))
    stage = store.stage()
    stage["x"]["bad"] = 1
    with pytest.raises(LookupError):
        stage.prepare()
    assert store.snapshot()["x"].version == 0
