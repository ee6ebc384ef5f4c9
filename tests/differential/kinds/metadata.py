"""Metadata, which every kind has."""

from __future__ import annotations

from tests.differential.kinds.model import Field

_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "11111111-1111-4111-8111-111111111111"}

METADATA = (
    Field(("metadata", "labels", "app"), ("a", "b", ""), (3, "not ok!", None, {"a": "b"})),
    Field(("metadata", "labels", "tier"), ("x", "y")),
    Field(("metadata", "labels"), ({"app": "a"}, {}, None), (["a"], "a", {"bad key!": "x"}, {"/x": "y"})),
    Field(("metadata", "annotations", "note"), ("1", "2"), (1, True)),
    Field(("metadata", "annotations"), ({"note": "1"}, {}, None), ({"bad key!": "x"},)),
    Field(
        ("metadata", "finalizers"),
        (["example.com/f"], ["example.com/f", "example.com/g"], []),
        (["nodomain"], ["bad domain/x"], "x", [3]),
    ),
    Field(
        ("metadata", "ownerReferences"),
        (
            [_OWNER],
            [{**_OWNER, "controller": True, "blockOwnerDeletion": True}],
            [],
        ),
        (
            [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o"}],
            [{"apiVersion": "", "kind": "", "name": "", "uid": ""}],
            [
                {**_OWNER, "controller": True},
                {**_OWNER, "name": "p", "uid": "22222222-2222-4222-8222-222222222222", "controller": True},
            ],
        ),
    ),
    Field(
        ("metadata", "managedFields"),
        ([{}], []),
        ([{"manager": "x"}], [{"manager": "x", "operation": "Update", "apiVersion": "v1"}]),
    ),
    Field(("metadata", "generation"), (7,), ("x",)),
    Field(("metadata", "creationTimestamp"), (None, "2020-01-01T00:00:00Z"), ("yesterday",)),
    Field(("metadata", "deletionTimestamp"), ("2020-01-01T00:00:00Z",)),
    Field(("metadata", "deletionGracePeriodSeconds"), (5,)),
    Field(("metadata", "unknownField"), (), ("x",)),
    Field(("metadata", "selfLink"), ("/x",)),
)
