from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from reconcilekit.cache import (
    KindNotSyncedError,
    LabelSelector,
    OutOfScopeError,
    Scope,
    Selection,
    Store,
    UndeclaredKindError,
    View,
    ViewClosedError,
)
from reconcilekit.cache.timeline import Timeline
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from tests.cache.scripted import CONFIG_MAP, SECRET, WIDGET, make_object
from tests.calls import calls_of
from tests.memory import peak_bytes

Content = dict[tuple[Resource, ObjectKey], RawObject]

KINDS = st.sampled_from([CONFIG_MAP, SECRET])
NAMESPACES = st.sampled_from(["n1", "n2"])
OBJECT_NAMES = st.sampled_from(["a", "b", "c"])
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"]), max_size=2)
WORDS = st.sampled_from(["red", "red blue", "blue", ""])
SELECTIONS = st.builds(
    lambda namespace, labels, index, word: Selection(
        namespace=namespace,
        labels=LabelSelector.parse(labels) if labels is not None else None,
        index=index,
        where=(lambda obj: word in obj["data"]) if word else None,
    ),
    st.none() | NAMESPACES,
    st.none() | st.sampled_from(["app=x", "app=x,tier=y", "app!=x", "tier", "!tier", "app in (x,y)", "tier notin (x)"]),
    st.none() | st.sampled_from([("word", "red"), ("word", "blue"), ("owner", "o1")]),
    st.sampled_from(["", "", "blue"]),
)


def words(obj: RawObject) -> list[str]:
    """An index function."""
    return str(obj.decode()["data"]).split()


INDEXES: dict[str, Callable[[RawObject], list[str]]] = {
    "word": words,
    "owner": lambda obj: [reference.uid for reference in obj.meta.owner_references or ()],
}


def select(content: Content, resource: Resource, selection: Selection) -> list[RawObject]:
    """What a selection means, the slow way."""
    found = [obj for (kind, _), obj in content.items() if kind == resource and selection.matches(obj, indexes=INDEXES)]
    return sorted(found, key=lambda obj: obj.key)


class RepeatableReads(RuleBasedStateMachine):
    """Whatever changes, and whichever other views come and go, a view reads as everything stood when it was opened."""

    views: Bundle[tuple[View, Content]] = Bundle("views")

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline()
        self.stores = {
            kind: Store(kind, scope=Scope(), timeline=self.timeline, log=None)  # type: ignore[arg-type]
            for kind in (CONFIG_MAP, SECRET)
        }
        self.content: Content = {}
        self.open: list[tuple[View, Content]] = []
        self.instants: set[int] = set()
        self.version = 1
        for store in self.stores.values():
            store.add_index("word", words)
            store.replace("", {}, "1")

    @rule(kind=KINDS, namespace=NAMESPACES, name=OBJECT_NAMES, labels=LABELS, data=WORDS, owned=st.booleans())
    def put(self, kind: Resource, namespace: str, name: str, labels: dict[str, str], data: str, owned: bool) -> None:
        self.version += 1
        owners = ["o1"] if owned else []
        obj = make_object(name, self.version, namespace=namespace, labels=labels, data=data, owners=owners)
        self.stores[kind].put("", obj)
        self.content[kind, obj.key] = obj

    @rule(kind=KINDS, namespace=NAMESPACES, name=OBJECT_NAMES)
    def delete(self, kind: Resource, namespace: str, name: str) -> None:
        self.version += 1
        key = ObjectKey(namespace, name)
        self.stores[kind].remove("", key, str(self.version))
        self.content.pop((kind, key), None)

    @rule(kind=KINDS, kept=st.sets(OBJECT_NAMES), data=WORDS)
    def relist(self, kind: Resource, kept: set[str], data: str) -> None:
        self.version += 1
        found = {obj.key: obj for name in sorted(kept) for obj in [make_object(name, self.version, data=data)]}
        self.stores[kind].replace("", found, str(self.version))
        self.content = {place: obj for place, obj in self.content.items() if place[0] != kind}
        self.content |= {(kind, key): obj for key, obj in found.items()}

    @rule(target=views)
    def open_view(self) -> tuple[View, Content]:
        opened = (View(self.stores, self.timeline), dict(self.content))
        self.open.append(opened)
        self.instants.add(opened[0].sequence)
        return opened

    @rule(opened=consumes(views))
    def close_view(self, opened: tuple[View, Content]) -> None:
        opened[0].close()
        self.open.remove(opened)

    @rule(opened=views, kind=KINDS, selection=SELECTIONS)
    def select_from_view(self, opened: tuple[View, Content], kind: Resource, selection: Selection) -> None:
        view, content = opened

        assert view.select(kind, selection) == select(content, kind, selection)

    @invariant()
    def every_view_reads_its_instant(self) -> None:
        keys = [ObjectKey(namespace, name) for namespace in ("n1", "n2", "default") for name in "abc"]
        for view, content in self.open:
            for kind in self.stores:
                assert [view.get(kind, key) for key in keys] == [content.get((kind, key)) for key in keys]

    @invariant()
    def only_what_a_view_may_read_is_kept(self) -> None:
        if not self.open:
            assert self.timeline.kept_versions == 0
        # A key's versions are kept once for each instant that was looked at since the oldest view, however often it
        # changes in between; those of a view that closes before an older one go with that.
        oldest = min((view.sequence for view, _ in self.open), default=0)
        instants = sum(sequence >= oldest for sequence in self.instants)
        keys_ever = 2 * 3 * 3
        assert self.timeline.kept_versions <= instants * keys_ever

    def teardown(self) -> None:
        for view, _ in self.open:
            view.close()
        assert self.timeline.kept_versions == 0
        assert self.timeline.open_views == 0


TestRepeatableReads = RepeatableReads.TestCase


def make_store(
    count: int = 0, *, resource: Resource = CONFIG_MAP, scope: Scope | None = None
) -> tuple[Store, Timeline]:
    timeline = Timeline()
    store = Store(resource, scope=scope or Scope(), timeline=timeline)
    objects = {obj.key: obj for obj in (make_object(f"o{n}", n + 1, labels={"app": "x"}) for n in range(count))}
    for segment in store.scope.segments:
        store.replace(segment, objects, str(count + 1))
    return store, timeline


class TestCosts:
    """What a view costs depends on what changed, never on how much is cached."""

    @staticmethod
    def open_read_close(store: Store, timeline: Timeline) -> Callable[[], None]:
        stores = {store.resource: store}
        key = ObjectKey("default", "o1")

        def action() -> None:
            with View(stores, timeline) as view:
                view.get(store.resource, key)

        return action

    def test_opening_reading_and_closing_take_the_same_for_ten_objects_and_ten_thousand(self) -> None:
        few, many = (self.open_read_close(*make_store(count)) for count in (10, 10_000))

        assert calls_of(few) == calls_of(many)
        assert peak_bytes(many) < 4_000

    def test_a_change_under_an_open_view_takes_the_same_for_ten_objects_and_ten_thousand(self) -> None:
        counts = []
        for size in (10, 10_000):
            store, timeline = make_store(size)
            with View({store.resource: store}, timeline):
                changed = make_object("o1", 20_000)
                counts.append(calls_of(partial(store.put, "", changed)))

        assert counts[0] == counts[1]

    def test_an_indexed_selection_looks_at_what_it_finds_and_at_what_changed(self) -> None:
        counts = []
        for size in (10, 10_000):
            store, timeline = make_store(size)
            store.put("", make_object("special", 20_000, labels={"app": "y"}))
            selection = Selection(labels=LabelSelector.parse("app=y"))
            with View({store.resource: store}, timeline) as view:
                view.select(store.resource, selection)
                store.put("", make_object("o1", 20_001))
                counts.append(calls_of(partial(view.select, CONFIG_MAP, selection)))

        assert counts[0] == counts[1]

    def test_nothing_is_kept_without_a_view(self) -> None:
        store, timeline = make_store(10)

        store.put("", make_object("o1", 100))

        assert timeline.kept_versions == 0

    def test_a_busy_key_is_kept_once_for_each_view(self) -> None:
        store, timeline = make_store(10)
        with View({store.resource: store}, timeline):
            for version in range(100, 1_100):
                store.put("", make_object("o1", version))

            assert timeline.kept_versions == 1

    def test_what_only_older_views_needed_goes_with_the_oldest(self) -> None:
        store, timeline = make_store(10)
        stores = {store.resource: store}
        first = View(stores, timeline)
        store.put("", make_object("o1", 100))
        second = View(stores, timeline)
        store.put("", make_object("o1", 101))
        store.put("", make_object("o2", 102))
        kept = [timeline.kept_versions]
        for view in (first, second):
            view.close()
            kept.append(timeline.kept_versions)

        assert kept == [3, 2, 0]


class TestMisuse:
    def test_a_closed_view_is_not_read(self) -> None:
        store, timeline = make_store(1)
        view = View({store.resource: store}, timeline)
        view.close()
        view.close()

        with pytest.raises(ViewClosedError, match="view at 1: closed"):
            view.get(CONFIG_MAP, ObjectKey("default", "o0"))
        with pytest.raises(ViewClosedError):
            view.select(CONFIG_MAP, Selection())
        assert view.is_closed

    def test_an_undeclared_kind_is_named(self) -> None:
        store, timeline = make_store(1)
        with View({store.resource: store}, timeline) as view, pytest.raises(UndeclaredKindError) as caught:
            view.get(WIDGET, ObjectKey("default", "a"))

        assert caught.value.resource == WIDGET
        assert "Widget.example.com/v1: not declared" in str(caught.value)

    def test_a_view_from_before_the_kind_was_whole_is_not_answered(self) -> None:
        timeline = Timeline()
        store = Store(CONFIG_MAP, scope=Scope(), timeline=timeline)
        with View({CONFIG_MAP: store}, timeline) as early:
            with pytest.raises(KindNotSyncedError):
                early.get(CONFIG_MAP, ObjectKey("default", "a"))
            obj = make_object("a")
            store.replace("", {obj.key: obj}, "5")
            with pytest.raises(KindNotSyncedError):
                early.select(CONFIG_MAP, Selection())

        with View({CONFIG_MAP: store}, timeline) as late:
            assert late.get(CONFIG_MAP, obj.key) is obj

    def test_reading_outside_the_scope_is_refused(self) -> None:
        store, timeline = make_store(scope=Scope(namespaces=("n1", "n2")))
        with View({CONFIG_MAP: store}, timeline) as view:
            assert view.get(CONFIG_MAP, ObjectKey("n1", "a")) is None
            assert view.select(CONFIG_MAP, Selection()) == []
            with pytest.raises(OutOfScopeError, match="in namespace 'n3': outside the cached scope"):
                view.get(CONFIG_MAP, ObjectKey("n3", "a"))
            with pytest.raises(OutOfScopeError):
                view.select(CONFIG_MAP, Selection(namespace="n3"))
