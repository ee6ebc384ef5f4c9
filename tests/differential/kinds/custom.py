"""The custom kinds; their definitions are in `definitions`."""

from __future__ import annotations

from tests.differential.kinds.model import Field, Kind

GROUP = "differential.example.com"

WIDGET = Kind(
    kind="Widget",
    plural="widgets",
    api_version=f"{GROUP}/v1",
    root=f"/apis/{GROUP}/v1/namespaces/${{ns}}/widgets",
    base={"spec": {"size": 1}},
    fields=(
        Field(("spec", "size"), (1, 5, 10), (0, 11, "x", 1.5, None)),
        Field(("spec", "color"), ("red", "blue"), ("purple", 3, None)),
        Field(("spec", "name"), ("abc", "x-1"), ("ABC", "a" * 20, "")),
        Field(("spec", "min"), (0, 3), (20, -5)),
        Field(("spec", "max"), (10, 20), (-1,)),
        Field(
            ("spec", "parts"),
            (
                [{"id": "p", "value": "1"}],
                [{"id": "q", "value": "2"}, {"id": "p", "value": "1"}],
                [{"id": "p", "kind": "k", "value": "3"}],
                [],
            ),
            ([{"id": "p"}, {"id": "p"}], [{"value": "1"}], ["x"], None, [{"id": "p", "unknown": 1}]),
        ),
        Field(("spec", "tags"), (["a"], ["b", "a"], []), (["a", "a"], [3], "a", [None])),
        Field(("spec", "steps"), (["a", "b"], ["b"], []), ([1],)),
        Field(("spec", "options"), ({"x": "1"}, {"y": "2"}, {}), ({"x": 1},)),
        Field(("spec", "options", "x"), ("3",)),
        Field(("spec", "atomicOptions"), ({"x": "1"}, {"y": "2"}), ("x",)),
        Field(("spec", "free"), ({"any": {"thing": [1, "x", None, True]}}, {"n": 1.0}, {"l": [{"a": 1}]}, {}), ("x",)),
        Field(("spec", "free", "any"), (1, {"deep": {"er": "x"}}, None)),
        Field(("spec", "port"), (80, "http"), (True, 1.5)),
        Field(("spec", "when"), ("2024-01-01T00:00:00Z",), ("soon",)),
        Field(("spec", "immutable"), ("x",), ("y",)),
        Field(("spec", "nullable"), ("x", None), (3,)),
        Field(("spec", "nested"), ({}, {"a": "1"}), ("x", {"b": "1"})),
        Field(("spec", "nested", "a"), ("2",)),
        Field(("spec", "unknown"), (), (1, {"a": 1}, None)),
        Field(("unknown",), (), (1,)),
        Field(("spec", "replicas"), (1, 2), (-1,)),
        Field(
            ("spec", "template"),
            (
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}},
                {"apiVersion": "a/v1", "kind": "Any", "spec": {"n": 1}, "metadata": {"labels": {"a": "b"}}},
            ),
            (
                {},
                {"apiVersion": "a/b/c", "kind": "no kind"},
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"unknown": 1, "name": "a/b"}},
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": 1}}},
            ),
        ),
        Field(("spec", "template", "metadata", "labels"), ({"x": "y"}, {}), ({"bad key!": "x"}, None)),
        Field(("spec", "limits"), ({"cpu": 1, "memory": "5m"}, {}), ({"cpu": "x"}, {"cpu": 1.5})),
        Field(("spec", "limits", "cpu"), (2, "2m", None)),
        Field(("spec", "ratio"), (1, 2.5, 0.5, 3.0), (99.5, 0.3, "1", None)),
        Field(("spec", "maybe"), ({}, {"x": "1"}, None, {"y": None}, {"x": None}), ("x", {"z": 1})),
        Field(("spec", "maybe", "x"), ("2", None)),
        Field(("spec", "rows"), ([[1, 2], []], [], [[None]], [[3]]), ([1], [["x"]], [None], [[]] * 5)),
        Field(("spec", "anything"), (1, "x", {"a": [None]}, [1, {"b": 2.0}], True, None)),
        Field(("spec", "partly"), ({"known": {"a": True}, "more": [1]}, {}), ({"known": {"b": 1}}, {"known": None})),
        Field(("spec", "partly", "known", "a"), (False, True), (1, None)),
        Field(("spec", "choice"), ({"a": 1}, {"b": "x"}), ({}, {"a": 1, "b": "x"}, {"a": 1, "c": "x"}, {"b": 1})),
        Field(("spec", "history"), (["a"], ["a", "b"], ["b"], []), (["toolong"], ["a"] * 6, None)),
        Field(
            ("spec", "members"),
            ([{"port": 1}], [{"port": 1, "weight": 5}, {"port": 2}], [{"port": 2, "weight": 2}], []),
            ([{"port": 1}, {"port": 1}], [{"weight": 1}], [{"port": None}], [{"port": 1, "weight": None}]),
        ),
        Field(("spec", "since"), ("x", "y"), ("toolong",)),
        Field(("spec",), ({},), (None, "x", [])),
    ),
    status_fields=(
        Field(("status", "phase"), ("Up", "Down"), (3, "Sideways")),
        Field(("status", "replicas"), (1, 2)),
        Field(("status", "selector"), ("app=a",)),
        Field(
            ("status", "conditions"),
            (
                [{"type": "Ready", "status": "True"}],
                [{"type": "Ready", "status": "False"}, {"type": "Other", "status": "True"}],
            ),
            ([{"status": "True"}], [{"type": "A", "status": "T"}, {"type": "A", "status": "F"}]),
        ),
    ),
    is_custom=True,
    has_status=True,
    has_scale=True,
    selectors=("spec.color=red", "metadata.name=a", "spec.size=1", "spec.color!=red"),
)

GADGET = Kind(
    kind="Gadget",
    plural="gadgets",
    api_version=f"{GROUP}/v1",
    root=f"/apis/{GROUP}/v1/namespaces/${{ns}}/gadgets",
    base={},
    fields=(
        Field(("a",), (1, "x", [1, 2], {"b": 1}, None, True, 1.5)),
        Field(("a", "b"), (2, {"c": []})),
        Field(("spec",), ({}, {"l": []}, {"m": {}, "n": None})),
        Field(("spec", "l"), ([], [{"name": "x"}], [1, 1])),
        Field(("status",), ({"x": 1}, None)),
        Field(("metadata", "labels", "app"), ("a",)),
    ),
    is_custom=True,
    selectors=("metadata.name=a", "spec.x=1"),
)
