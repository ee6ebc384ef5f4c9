from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.cache import LabelSelector, Selection, SelectorSyntaxError, UnknownIndexError
from reconcilekit.cache.selection import Operator, Requirement
from tests.cache.scripted import make_object

NAMES = st.sampled_from(["app", "tier", "in", "notin", "example.com/a-b_c", "x"])
VALUES = st.sampled_from(["web", "db", "a.b", ""])
REQUIREMENTS = st.one_of(
    st.builds(
        lambda key, operator, values: Requirement(key=key, operator=operator, values=tuple(values)),
        NAMES,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(VALUES, min_size=1, max_size=3),
    ),
    st.builds(
        lambda key, operator: Requirement(key=key, operator=operator),
        NAMES,
        st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST]),
    ),
)
SELECTORS = st.lists(REQUIREMENTS, max_size=4).map(lambda requirements: LabelSelector(tuple(requirements)))


class TestLabelSelector:
    @pytest.mark.parametrize(
        ("text", "labels", "expected"),
        [
            ("", None, True),
            ("  ", {"a": "b"}, True),
            ("a=b", {"a": "b"}, True),
            ("a==b", {"a": "c"}, False),
            ("a=b", None, False),
            ("a!=b", {"a": "b"}, False),
            ("a!=b", {}, True),
            ("a=", {"a": ""}, True),
            ("a in (b, c)", {"a": "c"}, True),
            ("a in (b,c)", {"a": "d"}, False),
            ("a in(b)", {}, False),
            ("a notin (b,c)", {"a": "c"}, False),
            ("a notin (b,c)", {}, True),
            ("a", {"a": ""}, True),
            ("a", {}, False),
            ("!a", {}, True),
            ("!a", {"a": "b"}, False),
            ("example.com/a=b , c in (x,y),!d", {"example.com/a": "b", "c": "y"}, True),
            ("a=b,a=c", {"a": "b"}, False),
            ("in in (in)", {"in": "in"}, True),
        ],
    )
    def test_matches_as_the_server_does(self, text: str, labels: dict[str, str] | None, expected: bool) -> None:
        assert LabelSelector.parse(text).matches(labels) is expected

    @pytest.mark.parametrize(
        "text", [",", "a,", "a=b,,c", "a in b", "a in (b", "=b", "a=b=c", "a (b)", "-a", "a>1", "! "]
    )
    def test_refuses_what_the_server_refuses(self, text: str) -> None:
        with pytest.raises(SelectorSyntaxError):
            LabelSelector.parse(text)

    def test_says_what_it_did_not_understand(self) -> None:
        with pytest.raises(SelectorSyntaxError) as caught:
            LabelSelector.parse("a=b,c>1")

        assert str(caught.value) == (
            "label selector requirement 'c>1': not understood; write one of a=b, a!=b, a in (b,c), a notin (b,c), a, !a"
        )

    @given(SELECTORS)
    def test_its_text_means_the_same(self, selector: LabelSelector) -> None:
        assert LabelSelector.parse(str(selector)) == selector

    def test_reads_the_object_form(self) -> None:
        selector = LabelSelector.from_object(
            {
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"key": "tier", "operator": "NotIn", "values": ["b", "a"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            }
        )

        assert str(selector) == "!old,app=web,tier notin (a,b)"
        assert selector == LabelSelector.parse("tier notin (b,a),app==web,!old")

    @pytest.mark.parametrize(
        "expression",
        [
            {"key": "a", "operator": "Gt", "values": ["1"]},
            {"key": "a", "operator": "In"},
            {"key": "a", "operator": "Exists", "values": ["b"]},
            {"operator": "Exists"},
        ],
    )
    def test_refuses_bad_expressions(self, expression: dict[str, object]) -> None:
        with pytest.raises(SelectorSyntaxError):
            LabelSelector.from_object({"matchExpressions": [expression]})

    def test_knows_what_an_index_can_look_up(self) -> None:
        selector = LabelSelector.parse("a=b,c in (d),e in (f,g),h!=i,j")

        assert selector.equalities == {"a": "b", "c": "d"}

    def test_empty_is_false(self) -> None:
        assert not LabelSelector.from_mapping({})
        assert LabelSelector.from_mapping({"a": "b"})


class TestSelection:
    OBJECT = make_object("one", namespace="here", labels={"app": "web"}, data="x")

    @pytest.mark.parametrize(
        ("selection", "expected"),
        [
            (Selection(), True),
            (Selection(namespace="here"), True),
            (Selection(namespace="there"), False),
            (Selection(labels=LabelSelector.parse("app=web")), True),
            (Selection(labels=LabelSelector.parse("app!=web")), False),
            (Selection(where=lambda obj: obj["data"] == "x"), True),
            (Selection(where=lambda obj: obj["data"] == "y"), False),
            (Selection(index=("data", "x")), True),
            (Selection(index=("data", "y")), False),
            (Selection(namespace="here", index=("data", "x"), where=lambda _obj: False), False),
        ],
    )
    def test_all_that_is_given_must_hold(self, selection: Selection, expected: bool) -> None:
        assert selection.matches(self.OBJECT, indexes={"data": lambda obj: [obj.decode()["data"]]}) is expected

    def test_an_unknown_index_is_named(self) -> None:
        with pytest.raises(UnknownIndexError, match="index 'data': no such index"):
            Selection(index=("data", "x")).matches(self.OBJECT)

    def test_the_server_can_evaluate_namespace_and_labels_alone(self) -> None:
        assert Selection(namespace="a", labels=LabelSelector.parse("b")).is_evaluable_by_server
        assert not Selection(index=("a", "b")).is_evaluable_by_server
        assert not Selection(where=bool).is_evaluable_by_server
