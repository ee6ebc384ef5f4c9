from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.cache import (
    IndexFunctionError,
    LabelSelector,
    OutOfScopeError,
    Scope,
    Selection,
    Store,
    UnknownIndexError,
    View,
)
from reconcilekit.cache.timeline import Timeline
from reconcilekit.cache.versions import ReachedVersion, is_older
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey
from tests.cache.scripted import CONFIG_MAP, make_object

A = ObjectKey("default", "a")


def make_store(*objects: RawObject, version: str = "10", scope: Scope | None = None) -> Store:
    store = Store(CONFIG_MAP, scope=scope or Scope(), timeline=Timeline())
    for segment in store.scope.segments:
        store.replace(
            segment, {obj.key: obj for obj in objects if obj.key.namespace == segment or not segment}, version
        )
    return store


def view_of(store: Store) -> View:
    return View({CONFIG_MAP: store}, store._timeline)


class TestHasSeen:
    def test_a_version_is_seen_once_the_watch_is_that_far(self) -> None:
        store = make_store(version="10")

        seen = [store.has_seen(A, version) for version in ("9", "10", "11")]
        store.put("", make_object("b", 11))

        assert seen == [True, True, False]
        assert store.has_seen(A, "11")
        assert not store.has_seen(A, "100")

    def test_bookmarks_count(self) -> None:
        store = make_store(version="10")
        store.advance("", "12")

        assert store.has_seen(A, "12")

    def test_nothing_is_seen_before_the_first_list(self) -> None:
        store = Store(CONFIG_MAP, scope=Scope(), timeline=Timeline())
        store.advance("", "12")

        assert not store.has_seen(A, "1")

    def test_each_namespace_has_its_own_watch(self) -> None:
        store = make_store(version="10", scope=Scope(namespaces=("n1", "n2")))
        store.advance("n1", "20")

        assert store.has_seen(ObjectKey("n1", "a"), "20")
        assert not store.has_seen(ObjectKey("n2", "a"), "20")
        with pytest.raises(OutOfScopeError):
            store.has_seen(ObjectKey("n3", "a"), "20")

    def test_opaque_versions_are_seen_if_they_came_by(self) -> None:
        store = make_store(version="v-one")
        for version in ("v-two", "v-three"):
            store.put("", make_object("a", version))

        assert [store.has_seen(A, version) for version in ("v-one", "v-two", "v-three", "v-four")] == [
            True,
            True,
            True,
            False,
        ]

    def test_opaque_versions_are_forgotten_in_the_end(self) -> None:
        reached = ReachedVersion("v")
        for number in range(3_000):
            reached.advance(f"v{number}")

        assert reached.has_seen("v2999")
        assert reached.has_seen("v2500")
        assert not reached.has_seen("v1000")

    def test_an_older_version_does_not_turn_the_watch_back(self) -> None:
        store = make_store(version="10")
        store.remove("", A, "7")
        store.advance("", "")

        assert store.resource_version("") == "10"

    def test_a_list_of_a_restored_server_does(self) -> None:
        store = make_store(version="10")
        store.replace("", {}, "4")

        assert not store.has_seen(A, "10")

    @given(st.integers(0, 10**30), st.integers(0, 10**30))
    def test_versions_compare_as_integers(self, one: int, other: int) -> None:
        assert is_older(str(one), str(other)) is (one < other)

    def test_opaque_versions_do_not_compare(self) -> None:
        assert is_older("a", "b") is None
        assert is_older("a", "1") is None
        assert is_older("a", "a") is False


class TestReplace:
    def test_each_object_that_vanished_changed_or_came_is_one_change(self) -> None:
        a, b, c = make_object("a", 1), make_object("b", 2), make_object("c", 3)
        store = make_store(a, b, c)
        new_b, d = make_object("b", 11), make_object("d", 12)

        changes = store.replace("", {obj.key: obj for obj in (make_object("c", 3), new_b, d)}, "12")

        assert [(change.key.name, change.before, change.after) for change in changes] == [
            ("a", a, None),
            ("b", b, new_b),
            ("d", None, d),
        ]
        assert [change.sequence for change in changes] == [4, 5, 6]
        assert [name for _, name in sorted(store.keys())] == ["b", "c", "d"]

    def test_the_same_version_with_other_content_is_a_change(self) -> None:
        """A restored server gives out the same resourceVersions again."""
        store = make_store(make_object("a", 5, data="before"))

        changes = store.replace("", {A: make_object("a", 5, data="after")}, "5")

        assert len(changes) == 1

    def test_another_namespace_is_left_alone(self) -> None:
        one, two = make_object("a", 1, namespace="n1"), make_object("a", 2, namespace="n2")
        store = make_store(one, two, scope=Scope(namespaces=("n1", "n2")))

        changes = store.replace("n1", {}, "12")

        assert [change.key for change in changes] == [one.key]
        assert list(store.keys()) == [two.key]

    def test_an_undecodable_object_keeps_its_last_good_version(self) -> None:
        a = make_object("a", 1)
        store = make_store(a, make_object("b", 2))

        changes = store.replace("", {}, "12", undecodable={A: "labels: expected str"})

        assert [change.key.name for change in changes] == ["b"]
        assert store.get(A) is a
        assert store.undecodable == {A: "labels: expected str"}

    def test_a_readable_version_ends_its_being_undecodable(self) -> None:
        store = make_store(make_object("a", 1))
        store.skip("", A, "11", "bad")
        named = dict(store.undecodable)
        store.put("", make_object("a", 12))

        assert named == {A: "bad"}
        assert store.undecodable == {}

    def test_an_equal_version_is_no_change_and_is_not_held_twice(self) -> None:
        a = make_object("a", 1)
        store = make_store(a)
        again = make_object("a", 1)

        assert store.current_or(again) is a
        assert store.put("", again) == ()
        assert store.remove("", ObjectKey("default", "nobody"), "11") == ()

    def test_a_kind_is_synced_once_all_namespaces_are_listed(self) -> None:
        store = Store(CONFIG_MAP, scope=Scope(namespaces=("n1", "n2")), timeline=Timeline())
        store.replace("n1", {}, "1")
        half = store.is_synced
        store.replace("n2", {}, "1")

        assert (half, store.is_synced) == (False, True)


class TestIndexes:
    def test_owners_are_found_by_uid(self) -> None:
        owned = make_object("a", 1, owners=["u1", "u2"])
        store = make_store(owned, make_object("b", 2))
        with view_of(store) as view:
            assert view.select(CONFIG_MAP, Selection(index=("owner", "u2"))) == [owned]
            assert view.select(CONFIG_MAP, Selection(index=("owner", "u3"))) == []

    def test_an_index_follows_changes(self) -> None:
        store = make_store(make_object("a", 1, data="x"))
        store.add_index("data", lambda obj: [obj.decode()["data"]])
        by_y = Selection(index=("data", "y"))
        with view_of(store) as before:
            empty = before.select(CONFIG_MAP, by_y)
            changed = make_object("a", 11, data="y")
            store.put("", changed)
            with view_of(store) as after:
                assert (empty, before.select(CONFIG_MAP, by_y), after.select(CONFIG_MAP, by_y)) == ([], [], [changed])

    def test_an_unknown_index_is_named_with_those_there_are(self) -> None:
        store = make_store()
        with view_of(store) as view, pytest.raises(UnknownIndexError) as caught:
            view.select(CONFIG_MAP, Selection(index=("hostname", "x")))

        assert str(caught.value) == (
            "index 'hostname' of ConfigMap.v1: no such index; there are ['owner']. "
            "Add it with add_index before it is selected by."
        )

    def test_a_name_stands_for_one_function(self) -> None:
        store = make_store()
        function = str.split

        def by_data(obj: RawObject) -> list[str]:
            return function(str(obj.decode()["data"]))

        store.add_index("data", by_data)
        store.add_index("data", by_data)

        with pytest.raises(ValueError, match=r"index 'data' of ConfigMap\.v1: already added with another function"):
            store.add_index("data", lambda _obj: [])

    def test_a_function_that_raises_spoils_the_selections_that_might_miss_an_object(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        good = make_object("good", 1, data="x", namespace="n1")
        bad = make_object("bad", 2, namespace="n2")
        store = make_store(good, bad)

        def by_data(obj: RawObject) -> list[str]:
            return [{"x": "found"}[obj.decode()["data"]]]

        store.add_index("data", by_data)
        with view_of(store) as view:
            with pytest.raises(IndexFunctionError, match="index 'data': its function raised for n2/bad") as caught:
                view.select(CONFIG_MAP, Selection(index=("data", "found")))
            assert isinstance(caught.value.__cause__, KeyError)
            assert view.select(CONFIG_MAP, Selection(index=("data", "found"), namespace="n1")) == [good]
            store.put("", make_object("bad", 11, data="x", namespace="n2"))
            with pytest.raises(IndexFunctionError):
                view.select(CONFIG_MAP, Selection(index=("data", "found")))
            with view_of(store) as later:
                assert len(later.select(CONFIG_MAP, Selection(index=("data", "found")))) == 2
        assert [record.levelno for record in caplog.records] == [logging.ERROR]

    def test_the_index_in_use_is_built_once_and_only_when_used(self) -> None:
        store = make_store(make_object("a", 1, labels={"app": "x"}))
        built = [store.statistics().indexes]
        with view_of(store) as view:
            for _ in range(2):
                view.select(CONFIG_MAP, Selection(labels=LabelSelector.parse("app=x")))
                built.append(store.statistics().indexes)

        assert built == [0, 1, 1]


class TestOrder:
    @pytest.mark.parametrize("labels", [None, LabelSelector.parse("app=x")])
    def test_predicates_are_asked_in_the_order_of_keys(self, labels: LabelSelector | None) -> None:
        names = [f"o{number:02}" for number in range(30)]
        store = make_store(*(make_object(name, 1, labels={"app": "x"}) for name in reversed(names)))
        asked: list[str] = []

        def where(obj: dict[str, Any]) -> bool:
            asked.append(obj["metadata"]["name"])
            return True

        with view_of(store) as view:
            found = view.select(CONFIG_MAP, Selection(labels=labels, where=where))

        assert asked == [obj.key.name for obj in found] == names


class TestScope:
    def test_a_string_is_not_a_sequence_of_namespaces(self) -> None:
        with pytest.raises(TypeError, match=r"write \('default',\)"):
            Scope(namespaces="default")

    def test_says_what_it_holds(self) -> None:
        assert str(Scope()) == "everything"
        assert str(Scope(namespaces=("b", "a"), label_selector="x=y", field_selector="z=1")) == (
            "namespaces a, b, labels x=y, fields z=1"
        )
        assert Scope(label_selector="x").has_selectors
        assert not Scope(namespaces=("a",)).has_selectors
