from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterable, Mapping

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconcilekit.cache import Change, LabelSelector, Selection
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.dependencies import ALL, Dependencies, DependencyStatistics, Reads, Woken, bucket_of

SECRET = Resource("v1", "Secret")
CONFIG_MAP = Resource("v1", "ConfigMap")
NODE = Resource("v1", "Node")

KEY = ObjectKey("apps", "one")
OTHER = ObjectKey("apps", "two")


def make_object(
    name: str, *, namespace: str = "shop", labels: Mapping[str, str] | None = None, words: str = "", version: int = 1
) -> RawObject:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version), "labels": dict(labels or {})}
    return parse_object(json.dumps({"metadata": metadata, "words": words}).encode(), field_manager=None)


def words(obj: RawObject) -> list[str]:
    """An index function; it can't read objects whose words are "?"."""
    text = str(obj.decode()["words"])
    if text == "?":
        raise ValueError(text)
    return text.split()


@attrs.define
class CountingMatcher:
    """Evaluates selections as a store does, and counts how often it was asked."""

    asked: int = 0
    indexed: int = 0

    def matches(self, resource: Resource, selection: Selection, obj: RawObject) -> bool:
        self.asked += 1
        return selection.matches(obj, indexes={"word": words})

    def index_values(self, resource: Resource, name: str, obj: RawObject) -> Iterable[str]:
        self.indexed += 1
        return frozenset(words(obj))


def make_dependencies() -> Dependencies:
    return Dependencies(matcher=CountingMatcher())


def change(before: RawObject | None, after: RawObject | None, *, resource: Resource = SECRET) -> Change:
    present = after or before
    assert present is not None
    return Change(resource=resource, key=present.key, before=before, after=after, sequence=1)


def reads_of(*objects: ObjectKey, selections: Iterable[Selection] = (), scopes: Iterable[str] = ()) -> Reads:
    return Reads(
        objects={(SECRET, key): None for key in objects},
        selections={(SECRET, selection) for selection in selections},
        scopes=set(scopes),
    )


def woken(dependencies: Dependencies, cause: Change) -> list[ObjectKey]:
    return [each.key for each in dependencies.woken_by(cause)]


class TestObjects:
    def test_a_key_is_woken_by_the_object_it_read_and_told_why(self) -> None:
        dependencies = make_dependencies()
        tls = make_object("tls")
        dependencies.replace(KEY, reads_of(tls.key))
        assert list(dependencies.woken_by(change(None, tls))) == [Woken(KEY, "Secret shop/tls appeared", True)]
        assert list(dependencies.woken_by(change(tls, tls))) == [Woken(KEY, "Secret shop/tls changed", True)]
        assert list(dependencies.woken_by(change(tls, None))) == [Woken(KEY, "Secret shop/tls vanished", True)]

    def test_a_staged_object_counts_as_read(self) -> None:
        dependencies = make_dependencies()
        child = make_object("child")
        dependencies.replace(KEY, Reads(staged={(SECRET, child.key): None}))
        assert woken(dependencies, change(child, None)) == [KEY]

    def test_an_object_of_that_name_in_another_namespace_or_kind_wakes_nobody(self) -> None:
        dependencies = make_dependencies()
        dependencies.replace(KEY, reads_of(ObjectKey("shop", "tls")))
        assert woken(dependencies, change(None, make_object("tls", namespace="till"))) == []
        assert woken(dependencies, change(None, make_object("tls"), resource=CONFIG_MAP)) == []

    def test_all_who_read_an_object_are_woken_in_the_order_of_their_keys(self) -> None:
        dependencies = make_dependencies()
        tls = make_object("tls")
        keys = [ObjectKey("apps", f"{number:02}") for number in range(20)]
        for key in reversed(keys):
            dependencies.replace(key, reads_of(tls.key))
        assert woken(dependencies, change(tls, None)) == keys

    def test_the_last_of_several_readers_is_still_woken(self) -> None:
        dependencies = make_dependencies()
        tls = make_object("tls")
        for key in (KEY, OTHER):
            dependencies.replace(key, reads_of(tls.key))
        dependencies.forget(KEY)
        assert woken(dependencies, change(tls, None)) == [OTHER]
        dependencies.forget(OTHER)
        assert woken(dependencies, change(tls, None)) == []


class TestSelections:
    @pytest.mark.parametrize(
        ("selection", "bucket", "reason"),
        [
            (Selection(), ALL, "all namespaces"),
            (Selection(namespace="shop"), ("namespace", "shop", ""), "namespace shop"),
            (
                Selection(namespace="shop", labels=LabelSelector.parse("app=web")),
                ("label", "app", "web"),
                "labels app=web and namespace shop",
            ),
            (Selection(labels=LabelSelector.parse("app")), ALL, "labels app and all namespaces"),
            (
                Selection(index=("word", "red"), labels=LabelSelector.parse("app=web")),
                ("index", "word", "red"),
                "labels app=web and index word=red and all namespaces",
            ),
            (Selection(where=lambda obj: obj["words"] == "red"), ALL, "a function and all namespaces"),
        ],
    )
    def test_it_is_looked_up_where_it_is_narrowest_and_told_as_it_was_written(
        self, selection: Selection, bucket: tuple[str, str, str], reason: str
    ) -> None:
        dependencies = make_dependencies()
        dependencies.replace(KEY, reads_of(selections=[selection]))
        assert bucket_of(selection) == bucket
        web = make_object("web", labels={"app": "web"}, words="red")
        assert list(dependencies.woken_by(change(None, web))) == [
            Woken(KEY, f"Secret shop/web appeared, which it selected by {reason}", False)
        ]

    @pytest.mark.parametrize(
        "selection",
        [
            Selection(labels=LabelSelector.parse("app=web")),
            Selection(index=("word", "red")),
            Selection(where=lambda obj: obj["words"] == "red"),
        ],
        ids=str,
    )
    def test_an_object_that_comes_into_it_stays_in_it_or_leaves_it_wakes(self, selection: Selection) -> None:
        dependencies = make_dependencies()
        dependencies.replace(KEY, reads_of(selections=[selection]))
        inside = make_object("web", labels={"app": "web"}, words="red")
        outside = make_object("web", labels={"app": "db"}, words="blue")
        for before, after in [(inside, inside), (outside, inside), (inside, outside), (None, inside), (inside, None)]:
            assert woken(dependencies, change(before, after)) == [KEY]
        for before, after in [(outside, outside), (None, outside), (outside, None)]:
            assert woken(dependencies, change(before, after)) == []

    def test_one_selection_is_evaluated_once_however_many_keys_made_it(self) -> None:
        matcher = CountingMatcher()
        dependencies = Dependencies(matcher=matcher)
        selection = Selection(labels=LabelSelector.parse("app=web"))
        for number in range(100):
            dependencies.replace(ObjectKey("apps", str(number)), reads_of(selections=[selection]))
        assert len(woken(dependencies, change(None, make_object("web", labels={"app": "web"})))) == 100
        assert matcher.asked == 1
        assert dependencies.statistics() == DependencyStatistics(
            keys=100, objects=0, selections=1, scanned_selections=0
        )

    def test_only_the_selections_that_may_match_are_evaluated(self) -> None:
        matcher = CountingMatcher()
        dependencies = Dependencies(matcher=matcher)
        for number in range(1000):
            selections = [
                Selection(labels=LabelSelector.from_mapping({"app": f"a{number}"})),
                Selection(index=("word", f"w{number}")),
                Selection(namespace=f"n{number}"),
            ]
            dependencies.replace(ObjectKey("apps", str(number)), reads_of(selections=selections))
        made = make_object("x", namespace="n1", labels={"app": "a2"}, words="w3")
        assert woken(dependencies, change(None, made)) == [ObjectKey("apps", str(number)) for number in (3, 2, 1)]
        assert matcher.asked == 3

    def test_what_has_to_be_held_against_every_change_is_counted_as_scanned(self) -> None:
        dependencies = make_dependencies()
        looked_up = [
            Selection(),
            Selection(namespace="shop"),
            Selection(labels=LabelSelector.parse("app=web,tier"), where=lambda obj: True),
            Selection(index=("word", "red"), where=lambda obj: True),
        ]
        scanned = [
            Selection(where=lambda obj: True),
            Selection(namespace="shop", where=lambda obj: True),
            Selection(labels=LabelSelector.parse("app in (web,db)")),
        ]
        dependencies.replace(KEY, reads_of(selections=[*looked_up, *scanned]))
        assert dependencies.statistics() == DependencyStatistics(keys=1, objects=0, selections=7, scanned_selections=3)

    @pytest.mark.parametrize(
        "selection",
        [Selection(where=lambda obj: bool(obj["spec"])), Selection(index=("word", "red"))],
        ids=["function", "index"],
    )
    def test_a_function_that_raises_for_an_object_wakes_those_who_select_by_it_and_hides_nothing(
        self, selection: Selection
    ) -> None:
        """The run that follows meets the same error and tells of it; a lost wake would be silent."""
        dependencies = make_dependencies()
        everything = Selection()
        dependencies.replace(KEY, reads_of(selections=[selection]))
        dependencies.replace(OTHER, reads_of(selections=[everything]))
        unreadable = make_object("web", words="?")
        assert set(woken(dependencies, change(None, unreadable))) == {KEY, OTHER}
        assert set(woken(dependencies, change(unreadable, None))) == {KEY, OTHER}


class TestLifeOfAKey:
    def test_a_run_that_succeeded_replaces_what_wakes_it(self) -> None:
        dependencies = make_dependencies()
        old, new = make_object("old"), make_object("new")
        labelled = Selection(labels=LabelSelector.parse("app=web"))
        dependencies.replace(KEY, reads_of(old.key, selections=[labelled], scopes=["routes"]))
        dependencies.replace(KEY, reads_of(new.key))
        assert woken(dependencies, change(old, None)) == []
        assert woken(dependencies, change(make_object("x", labels={"app": "web"}), None)) == []
        assert dependencies.readers_of_scope("routes") == ()
        assert woken(dependencies, change(new, None)) == [KEY]
        assert dependencies.statistics() == DependencyStatistics(keys=1, objects=1, selections=0, scanned_selections=0)

    def test_a_run_that_failed_adds_to_what_wakes_it(self) -> None:
        dependencies = make_dependencies()
        old, new = make_object("old"), make_object("new")
        dependencies.replace(KEY, reads_of(old.key, selections=[Selection(namespace="shop")], scopes=["routes"]))
        dependencies.extend(KEY, reads_of(new.key, scopes=["clusters"]))
        assert woken(dependencies, change(old, None)) == [KEY, KEY]
        assert woken(dependencies, change(new, None)) == [KEY, KEY]
        assert dependencies.readers_of_scope("routes") == (KEY,)
        assert dependencies.readers_of_scope("clusters") == (KEY,)

    def test_a_forgotten_key_leaves_nothing_behind(self) -> None:
        dependencies = make_dependencies()
        selections = [Selection(), Selection(index=("word", "red")), Selection(labels=LabelSelector.parse("app=web"))]
        dependencies.replace(KEY, reads_of(OTHER, selections=selections, scopes=["routes"]))
        dependencies.forget(KEY)
        dependencies.forget(KEY)
        assert repr(dependencies) == "<Dependencies keys=0 objects=0 selections=0>"
        assert woken(dependencies, change(None, make_object("web", labels={"app": "web"}, words="red"))) == []
        assert dependencies.readers_of_scope("routes") == ()

    def test_an_index_that_nobody_selects_by_any_more_is_not_evaluated(self) -> None:
        matcher = CountingMatcher()
        dependencies = Dependencies(matcher=matcher)
        for key in (KEY, OTHER):
            dependencies.replace(key, reads_of(selections=[Selection(index=("word", key.name)), Selection()]))
        list(dependencies.woken_by(change(None, make_object("web"))))
        assert matcher.indexed == 1
        for key in (KEY, OTHER):
            dependencies.replace(key, reads_of(selections=[Selection()]))
        list(dependencies.woken_by(change(None, make_object("web"))))
        assert matcher.indexed == 1

    def test_those_who_read_a_scope_are_known(self) -> None:
        dependencies = make_dependencies()
        dependencies.replace(OTHER, reads_of(scopes=["routes"]))
        dependencies.replace(KEY, reads_of(scopes=["routes", "clusters"]))
        assert dependencies.readers_of_scope("routes") == (KEY, OTHER)
        assert dependencies.readers_of_scope("clusters") == (KEY,)
        assert dependencies.readers_of_scope("listeners") == ()


def test_reads_know_the_kinds_they_touch() -> None:
    reads = Reads(objects={(SECRET, KEY): None}, staged={(CONFIG_MAP, KEY): None}, selections={(NODE, Selection())})
    assert reads.resources == {SECRET, CONFIG_MAP, NODE}


KEYS = st.sampled_from([ObjectKey("apps", name) for name in "abcd"])
KINDS = st.sampled_from([SECRET, CONFIG_MAP])
OBJECT_KEYS = st.builds(ObjectKey, st.sampled_from(["n1", "n2", ""]), st.sampled_from(["x", "y"]))
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["v", "w", ""]), max_size=2)
WORDS = st.sampled_from(["", "red", "blue", "red blue"])
SELECTIONS = st.builds(
    Selection,
    namespace=st.sampled_from([None, None, "n1", "n2", ""]),
    labels=st.sampled_from(
        [
            None,
            None,
            *map(LabelSelector.parse, ["", "app=v", "app=v,tier=w", "app!=v", "app", "!app", "tier in (v,w)", "app="]),
        ]
    ),
    index=st.sampled_from([None, None, ("word", "red"), ("word", "blue")]),
    where=st.sampled_from([None, None, lambda obj: "red" in obj["words"], lambda obj: not obj["words"]]),
)  # fmt: skip
VERSIONS = st.tuples(LABELS, WORDS)
READS = st.builds(
    Reads,
    objects=st.dictionaries(st.tuples(KINDS, OBJECT_KEYS), st.none(), max_size=3),
    staged=st.dictionaries(st.tuples(KINDS, OBJECT_KEYS), st.none(), max_size=2),
    selections=st.sets(st.tuples(KINDS, SELECTIONS), max_size=3),
    scopes=st.sets(st.sampled_from(["routes", "clusters"])),
)


def reads_anything(reads: Reads) -> bool:
    return bool(reads.objects or reads.staged or reads.selections or reads.scopes)


class AgainstEveryRead(RuleBasedStateMachine):
    """The index wakes exactly the keys that reading everything anew, before and after a change, would tell apart."""

    def __init__(self) -> None:
        super().__init__()
        self.dependencies = make_dependencies()
        self.reads: dict[ObjectKey, list[Reads]] = {}
        self.succeeded: dict[ObjectKey, list[Reads]] = {}
        self.content: dict[tuple[Resource, ObjectKey], RawObject] = {}
        self.version = 0

    @rule(key=KEYS, reads=READS)
    def succeed(self, key: ObjectKey, reads: Reads) -> None:
        self.dependencies.replace(key, self.as_seen(reads))
        self.reads[key] = [reads]
        self.succeeded.pop(key, None)

    @rule(key=KEYS, reads=READS)
    def fail(self, key: ObjectKey, reads: Reads) -> None:
        self.dependencies.extend(key, self.as_seen(reads))
        # Of the last success, and of the last failure; a failure before any success rests on nothing.
        if key not in self.succeeded:
            self.succeeded[key] = self.reads.get(key, [])
        self.reads[key] = [*self.succeeded[key], reads]

    @rule(key=KEYS)
    def forget(self, key: ObjectKey) -> None:
        self.dependencies.forget(key)
        self.reads.pop(key, None)
        self.succeeded.pop(key, None)

    @rule(kind=KINDS, object_key=OBJECT_KEYS, after=st.none() | VERSIONS)
    def change(self, kind: Resource, object_key: ObjectKey, after: tuple[dict[str, str], str] | None) -> None:
        before = self.content.get((kind, object_key))
        if before is None and after is None:
            return
        self.version += 1
        present = None
        if after is not None:
            present = make_object(
                object_key.name, namespace=object_key.namespace, labels=after[0], words=after[1], version=self.version
            )
        cause = Change(resource=kind, key=object_key, before=before, after=present, sequence=self.version)
        woken_keys = set(woken(self.dependencies, cause))
        answers = {key: self.answers(key) for key in self.reads}
        if present is None:
            del self.content[kind, object_key]
        else:
            self.content[kind, object_key] = present
        assert woken_keys == {key for key, earlier in answers.items() if self.answers(key) != earlier}

    @invariant()
    def scopes_have_their_readers(self) -> None:
        for scope in ("routes", "clusters"):
            readers = [key for key, runs in self.reads.items() if any(scope in reads.scopes for reads in runs)]
            assert self.dependencies.readers_of_scope(scope) == tuple(sorted(readers))

    @invariant()
    def counts_are_those_of_what_is_read(self) -> None:
        runs = [reads for each in self.reads.values() for reads in each]
        counts = self.dependencies.statistics()
        assert counts.keys == sum(any(map(reads_anything, runs)) for runs in self.reads.values())
        assert counts.objects == len({target for reads in runs for target in (*reads.objects, *reads.staged)})
        assert counts.selections == len({selection for reads in runs for selection in reads.selections})

    def as_seen(self, reads: Reads) -> Reads:
        """The same, with the versions that the run saw."""
        return attrs.evolve(
            reads,
            objects={target: self.content.get(target) for target in reads.objects},
            staged={target: self.content.get(target) for target in reads.staged},
        )

    def answers(self, key: ObjectKey) -> list[object]:
        """All that this key's reads give now, by the version of each object."""
        found: list[object] = []
        for reads in self.reads[key]:
            found += [self.content.get(target) for target in (*reads.objects, *reads.staged)]
            for kind, selection in reads.selections:
                found.append(
                    {
                        obj.meta.resource_version
                        for (of, _), obj in self.content.items()
                        if of == kind and selection.matches(obj, indexes={"word": words})
                    }
                )
        return found


TestAgainstEveryRead = AgainstEveryRead.TestCase
TestAgainstEveryRead.settings = settings(stateful_step_count=30)


@given(runs=st.lists(READS, max_size=5))
def test_repeating_a_run_changes_nothing(runs: list[Reads]) -> None:
    dependencies = make_dependencies()
    for reads in runs:
        dependencies.replace(KEY, reads)
        once = dependencies.statistics()
        dependencies.replace(KEY, attrs.evolve(reads, objects=dict(reversed(reads.objects.items()))))
        dependencies.extend(KEY, reads)
        assert dependencies.statistics() == once


def test_equal_selections_of_many_keys_are_kept_once() -> None:
    """A selection by labels takes ten times the bytes of a key."""
    dependencies = make_dependencies()
    dependencies.replace(KEY, reads_of(selections=[Selection(labels=LabelSelector.parse("app=web"))]))
    equal = Selection(labels=LabelSelector.parse("app=web"))
    kept = weakref.ref(equal)
    dependencies.replace(OTHER, reads_of(selections=[equal]))
    del equal
    assert kept() is None


def test_the_key_of_a_read_object_is_the_one_that_the_cache_holds() -> None:
    """A reader makes a key of its own from the names that it read elsewhere, at each run."""
    dependencies = make_dependencies()
    tls = make_object("tls")
    held = len(gc.get_referrers(tls.key))
    dependencies.replace(KEY, Reads(objects={(SECRET, ObjectKey("shop", "tls")): tls}))
    assert len(gc.get_referrers(tls.key)) == held + 2
