"""A list that is written a few items at a time is what it is when it's written at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconcilekit.testing.apiserver.encoding.lists import JsonList, ListWriter, YamlList
from reconcilekit.testing.apiserver.encoding.protobuf import ProtobufList, as_protobuf
from reconcilekit.testing.apiserver.encoding.rendering import as_yaml

LIST: dict[str, Any] = {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}}
TABLE: dict[str, Any] = {
    "kind": "Table",
    "apiVersion": "meta.k8s.io/v1",
    "metadata": {"resourceVersion": "7"},
    "columnDefinitions": [
        {"name": "Name", "type": "string", "format": "name", "description": "x: y\nz", "priority": 0},
        {"name": "Age", "type": "string", "format": "", "description": "", "priority": 1},
    ],
}
OBJECTS: list[dict[str, Any]] = [
    {"metadata": {"name": name, "labels": {"app": "- no: list"}}, "data": {"b": "two\nlines\n", "a": ""}}
    for name in ("one", "two", "three", "null", "five")
]
ROWS = [{"cells": [obj["metadata"]["name"], "1m"], "object": None} for obj in OBJECTS]
CASES: dict[str, tuple[dict[str, Any], str, list[dict[str, Any]]]] = {
    "a list": (LIST, "items", OBJECTS),
    "a Table": (TABLE, "rows", ROWS),
}


def written(writer: ListWriter, items: list[dict[str, Any]]) -> bytes:
    for start in range(0, len(items), 2):
        writer.add(map(msgspec.json.encode, items[start : start + 2]))
    return writer.body()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("is_null_if_empty", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_pieces_make_the_whole(case: str, is_null_if_empty: bool, count: int) -> None:
    around, name, every = CASES[case]
    items = every[:count]
    whole = msgspec.json.encode({**around, name: None if is_null_if_empty and not items else items})

    assert written(JsonList(around, name, is_null_if_empty=is_null_if_empty), items) == whole
    assert written(YamlList(around, name, is_null_if_empty=is_null_if_empty), items) == as_yaml(whole)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_pieces_make_the_whole_in_protobuf(count: int) -> None:
    writer = ProtobufList.of(LIST, "items")
    assert writer is not None

    assert written(writer, OBJECTS[:count]) == as_protobuf(msgspec.json.encode({**LIST, "items": OBJECTS[:count]}))


def test_a_kind_without_a_message_has_no_list_in_protobuf() -> None:
    assert ProtobufList.of({**LIST, "kind": "WidgetList", "apiVersion": "example.com/v1"}, "items") is None
