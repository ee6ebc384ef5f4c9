from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.cache import Change
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.own_writes import OwnWrites

SECRET = Resource("v1", "Secret")
WIDGET = Resource("example.com/v1", "Widget")
KEY, OTHER = ObjectKey("shop", "one"), ObjectKey("shop", "two")
CHILD, SIBLING = ObjectKey("shop", "child"), ObjectKey("shop", "sibling")
EMPTY = "<OwnWrites unseen=0 uncertain=0 parked=0>"


def version(key: ObjectKey, resource_version: str, *, uid: str = "uid", deleted: bool = False) -> RawObject:
    metadata = {"name": key.name, "namespace": key.namespace, "uid": uid, "resourceVersion": resource_version}
    if deleted:
        metadata["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    return parse_object(json.dumps({"metadata": metadata}).encode(), field_manager=None)


@attrs.define
class FakeCache:
    """How far watches have come, as a test says; each namespace has a watch of its own."""

    reached: dict[tuple[Resource, str], int] = attrs.field(factory=dict)
    opaque: set[str] = attrs.field(factory=set)
    objects: dict[tuple[Resource, ObjectKey], RawObject] = attrs.field(factory=dict)
    caught_up: list[ObjectKey] = attrs.field(factory=list)
    writes: OwnWrites = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.writes = OwnWrites(progress=self, on_caught_up=self.caught_up.append)

    def has_seen(self, resource: Resource, key: ObjectKey, resource_version: str) -> bool:
        if not resource_version.isdecimal():
            return resource_version in self.opaque
        return self.reached.get((resource, key.namespace), 0) >= int(resource_version)

    def current(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        return self.objects.get((resource, key))

    def reach(self, resource_version: int, *, resource: Resource = SECRET, namespace: str = "shop") -> None:
        self.reached[resource, namespace] = resource_version
        self.writes.progressed(resource)

    def see(self, *versions: str) -> None:
        self.opaque.update(versions)
        self.writes.progressed(SECRET)

    def change(self, key: ObjectKey, after: RawObject | None) -> Change:
        before = self.objects.pop((SECRET, key), None)
        if after is not None:
            self.objects[SECRET, key] = after
        change = Change(resource=SECRET, key=key, before=before, after=after, sequence=1)
        self.writes.changed(change)
        return change

    def write(
        self, version: str, *, key: ObjectKey = KEY, child: ObjectKey = CHILD, resource: Resource = SECRET
    ) -> None:
        self.writes.wrote(key, resource, child, version, is_quiet=True)


@pytest.fixture
def cache() -> FakeCache:
    return FakeCache()


class TestWrites:
    def test_a_key_is_behind_until_its_write_is_seen(self, cache: FakeCache) -> None:
        cache.write("5")
        assert cache.writes.is_behind(KEY)
        assert not cache.writes.is_behind(OTHER)
        assert cache.writes.unseen(KEY) == [(SECRET, CHILD)]
        cache.reach(4)
        assert cache.writes.is_behind(KEY)
        cache.reach(5)
        assert not cache.writes.is_behind(KEY)
        assert repr(cache.writes) == EMPTY

    def test_a_later_version_will_do(self, cache: FakeCache) -> None:
        cache.write("5")
        cache.reach(700)
        assert not cache.writes.is_behind(KEY)

    def test_versions_compare_as_integers(self, cache: FakeCache) -> None:
        cache.write("10", key=KEY)
        cache.write("9", key=OTHER)
        cache.reach(9)
        assert cache.writes.is_behind(KEY)
        assert not cache.writes.is_behind(OTHER)

    def test_what_has_been_seen_already_is_not_waited_for(self, cache: FakeCache) -> None:
        cache.reach(5)
        cache.write("5")
        assert not cache.writes.is_behind(KEY)
        assert not cache.writes.await_version(KEY, SECRET, CHILD, "4")
        assert cache.writes.await_version(KEY, SECRET, CHILD, "6")

    def test_all_of_several_writes_are_waited_for(self, cache: FakeCache) -> None:
        cache.write("5")
        cache.write("6", child=SIBLING)
        cache.write("3", resource=WIDGET)
        cache.writes.park(KEY)
        cache.reach(6)
        assert cache.writes.unseen(KEY) == [(WIDGET, CHILD)]
        assert cache.caught_up == []
        cache.reach(3, resource=WIDGET)
        assert cache.caught_up == [KEY]

    def test_a_kind_and_a_namespace_have_each_its_own_progress(self, cache: FakeCache) -> None:
        cache.write("5", child=ObjectKey("till", "child"))
        cache.reach(100, namespace="shop")
        cache.reach(100, resource=WIDGET, namespace="till")
        assert cache.writes.is_behind(KEY)
        cache.reach(5, namespace="till")
        assert not cache.writes.is_behind(KEY)

    def test_only_a_parked_key_is_called_and_only_once(self, cache: FakeCache) -> None:
        cache.write("5", key=KEY)
        cache.write("5", key=KEY)
        cache.write("5", key=OTHER)
        cache.writes.park(KEY)
        cache.reach(5)
        cache.reach(6)
        assert cache.caught_up == [KEY]
        assert repr(cache.writes) == EMPTY

    def test_keys_catch_up_in_the_order_of_their_versions(self, cache: FakeCache) -> None:
        for name, written in [("c", "30"), ("a", "4"), ("b", "20")]:
            key = ObjectKey("shop", name)
            cache.write(written, key=key)
            cache.writes.park(key)
        cache.reach(30)
        assert [key.name for key in cache.caught_up] == ["a", "b", "c"]


class TestVersionsThatDoNotCompare:
    def test_each_is_waited_for_by_itself(self, cache: FakeCache) -> None:
        cache.write("x1", key=KEY)
        cache.write("x2", key=OTHER)
        cache.see("x2")
        assert cache.writes.is_behind(KEY)
        assert not cache.writes.is_behind(OTHER)
        cache.see("x1")
        assert repr(cache.writes) == EMPTY

    def test_one_that_is_never_seen_holds_up_nobody_else(self, cache: FakeCache) -> None:
        """A relist shows the latest version alone."""
        cache.write("lost", key=KEY)
        cache.writes.forget(KEY)
        cache.write("x2", key=OTHER)
        cache.write("7", key=OTHER)
        cache.writes.park(OTHER)
        cache.reach(7)
        cache.see("x2")
        assert cache.caught_up == [OTHER]


class TestDeletes:
    @pytest.mark.parametrize(
        "after",
        [None, version(CHILD, "6", deleted=True), version(CHILD, "6", uid="another")],
        ids=["gone", "terminating", "made anew"],
    )
    def test_a_delete_is_seen_when_that_object_is_no_more(self, cache: FakeCache, after: RawObject | None) -> None:
        cache.change(CHILD, version(CHILD, "4"))
        cache.writes.await_gone(KEY, SECRET, CHILD, "uid")
        cache.writes.park(KEY)
        cache.change(CHILD, version(CHILD, "5"))
        cache.reach(100)
        assert cache.caught_up == []
        assert cache.writes.unseen(KEY) == [(SECRET, CHILD)]
        cache.change(CHILD, after)
        assert cache.caught_up == [KEY]
        assert repr(cache.writes) == EMPTY

    def test_one_that_is_seen_already_is_not_waited_for(self, cache: FakeCache) -> None:
        cache.writes.await_gone(KEY, SECRET, CHILD, "uid")
        assert not cache.writes.is_behind(KEY)


class TestDoubts:
    def test_each_lasts_until_it_is_resolved_and_their_order_is_fixed(self, cache: FakeCache) -> None:
        for resource, child in [(WIDGET, CHILD), (SECRET, SIBLING), (SECRET, CHILD), (SECRET, CHILD)]:
            cache.writes.doubt(KEY, resource, child)
        assert cache.writes.has_doubts(KEY)
        assert not cache.writes.has_doubts(OTHER)
        assert cache.writes.doubts(KEY) == [(SECRET, CHILD), (SECRET, SIBLING), (WIDGET, CHILD)]
        cache.writes.resolve(KEY, SECRET, SIBLING)
        assert cache.writes.doubts(KEY) == [(SECRET, CHILD), (WIDGET, CHILD)]
        for resource, child in [(SECRET, CHILD), (WIDGET, CHILD), (WIDGET, CHILD)]:
            cache.writes.resolve(KEY, resource, child)
        assert not cache.writes.has_doubts(KEY)
        assert cache.writes.doubts(KEY) == []


class TestEchoes:
    def echo(self, cache: FakeCache, resource_version: str, *, key: ObjectKey = KEY) -> bool:
        return cache.writes.is_echo(cache.change(CHILD, version(CHILD, resource_version)), key)

    def test_it_is_the_very_version_that_the_key_wrote(self, cache: FakeCache) -> None:
        cache.write("5")
        assert not self.echo(cache, "4")
        assert not self.echo(cache, "6")
        assert not self.echo(cache, "5", key=OTHER)
        assert self.echo(cache, "5")

    def test_each_of_several_writes_to_one_object_has_its_own(self, cache: FakeCache) -> None:
        """A finalizer and a status in one commit."""
        cache.write("5")
        cache.write("6")
        assert self.echo(cache, "5")
        assert self.echo(cache, "6")

    def test_a_deletion_is_none(self, cache: FakeCache) -> None:
        cache.write("5")
        assert not cache.writes.is_echo(cache.change(CHILD, None), KEY)

    def test_a_write_to_what_the_run_read_has_none(self, cache: FakeCache) -> None:
        cache.writes.wrote(KEY, SECRET, CHILD, "5", is_quiet=False)
        assert not self.echo(cache, "5")

    def test_it_is_forgotten_once_the_watch_has_passed_it(self, cache: FakeCache) -> None:
        cache.write("5")
        cache.reach(5)
        assert not self.echo(cache, "5")


def test_nothing_of_a_forgotten_key_is_left(cache: FakeCache) -> None:
    cache.change(SIBLING, version(SIBLING, "4"))
    cache.write("5")
    cache.write("x")
    cache.writes.await_gone(KEY, SECRET, SIBLING, "uid")
    cache.writes.doubt(KEY, SECRET, CHILD)
    cache.writes.park(KEY)
    assert repr(cache.writes) == "<OwnWrites unseen=3 uncertain=1 parked=1>"
    cache.writes.forget(KEY)
    assert (len(cache.writes), repr(cache.writes)) == (0, EMPTY)
    echo = cache.change(CHILD, version(CHILD, "5"))
    cache.change(SIBLING, None)
    cache.reach(5)
    cache.see("x")
    assert cache.caught_up == []
    assert not cache.writes.is_echo(echo, KEY)


def test_a_forgotten_write_that_no_watch_will_ever_reach_is_dropped(cache: FakeCache) -> None:
    """A server that was restored counts from an older version on."""
    cache.write("1000")
    cache.writes.forget(KEY)
    cache.reach(5)
    assert not any(value for value in vars(cache.writes).values() if isinstance(value, dict | set))


def test_ten_thousand_writes_that_were_seen_or_forgotten_leave_nothing_behind(cache: FakeCache) -> None:
    for number in range(10_000):
        key = ObjectKey("shop", str(number))
        cache.write(str(number + 1), key=key)
        cache.write(f"x{number}", key=key)
        if number % 2:
            cache.writes.forget(key)
        else:
            cache.see(f"x{number}")
    cache.reach(10_000)
    left = {name: value for name, value in vars(cache.writes).items() if isinstance(value, dict | set) and value}
    assert left == {}


@given(
    writes=st.lists(st.tuples(st.sampled_from([KEY, OTHER]), st.integers(1, 12), st.sampled_from(["shop", "till"]))),
    reached=st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["shop", "till"])), max_size=12),
)
def test_a_key_is_behind_exactly_while_one_of_its_writes_is_unseen(
    writes: list[tuple[ObjectKey, int, str]], reached: list[tuple[int, str]]
) -> None:
    cache = FakeCache()
    for key, written, namespace in writes:
        cache.write(str(written), key=key, child=ObjectKey(namespace, "child"))
    for key in (KEY, OTHER):
        cache.writes.park(key)
    progress = {"shop": 0, "till": 0}
    for to, namespace in reached:
        progress[namespace] = max(progress[namespace], to)
        cache.reach(progress[namespace], namespace=namespace)
        for key in (KEY, OTHER):
            is_behind = any(of == key and written > progress[place] for of, written, place in writes)
            assert cache.writes.is_behind(key) is is_behind
            assert (key in cache.caught_up) is (not is_behind and any(of == key for of, _, _ in writes))
