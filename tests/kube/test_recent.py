"""Objects that come twice, as an answer and as its echo, are read once."""

from __future__ import annotations

import json

import msgspec
import pytest

from reconcilekit.kube.objects import UndecodableObjectError
from reconcilekit.kube.recent import CAPACITY, MAX_SIZE, RecentObjects
from reconcilekit.kube.resource import Resource

CONFIG_MAP = Resource("v1", "ConfigMap")
SECRET = Resource("v1", "Secret")


def encoded(name: str, *, version: str = "1", data: str = "") -> bytes:
    entry = {"manager": "me", "operation": "Apply", "fieldsV1": {"f:data": {}}}
    metadata = {"name": name, "resourceVersion": version, "managedFields": [entry]}
    return json.dumps({"metadata": metadata, "data": {"key": data}}).encode()


def test_the_echo_of_an_answer_is_the_same_object() -> None:
    recent = RecentObjects(field_manager="me")
    answer = recent.parse(encoded("a") + b"\n", CONFIG_MAP)
    echo = recent.parse(msgspec.Raw(encoded("a")), CONFIG_MAP)
    assert echo is answer
    assert echo.meta.labels is None
    assert echo.owned_fields == b'{"f:data": {}}'


def test_what_a_caller_changes_in_one_does_not_reach_the_other() -> None:
    raw = json.dumps({"metadata": {"name": "a", "labels": {"app": "web"}}}).encode()
    recent = RecentObjects(field_manager="me")
    answer = recent.parse(raw, CONFIG_MAP)
    assert answer.meta.labels is not None
    answer.meta.labels["app"] = "changed"
    echo = recent.parse(raw, CONFIG_MAP)
    answer.meta.labels.clear()
    assert echo.meta.labels == {"app": "web"}


def test_another_version_is_read_anew() -> None:
    recent = RecentObjects(field_manager="me")
    recent.parse(encoded("a"), CONFIG_MAP)
    assert recent.parse(encoded("a", version="2"), CONFIG_MAP).meta.resource_version == "2"


def test_bytes_without_a_kind_may_be_those_of_two_kinds() -> None:
    recent = RecentObjects(field_manager="me")
    recent.parse(encoded("a"), CONFIG_MAP)
    assert recent.parse(encoded("a"), SECRET).decode()["kind"] == "Secret"


def test_it_keeps_the_latest_only() -> None:
    recent = RecentObjects(field_manager=None)
    first = recent.parse(encoded("first"), CONFIG_MAP)
    for number in range(CAPACITY):
        recent.parse(encoded(f"other-{number}"), CONFIG_MAP)
    assert recent.parse(encoded("first"), CONFIG_MAP) is not first
    assert repr(recent) == f"<RecentObjects objects={CAPACITY}>"


def test_it_keeps_nothing_large() -> None:
    recent = RecentObjects(field_manager=None)
    large = encoded("large", data="x" * MAX_SIZE)
    assert recent.parse(large, CONFIG_MAP) is not recent.parse(large, CONFIG_MAP)
    assert repr(recent) == "<RecentObjects objects=0>"


def test_what_cannot_be_read_is_refused_each_time() -> None:
    recent = RecentObjects(field_manager=None)
    for _ in range(2):
        with pytest.raises(UndecodableObjectError, match=r"metadata\.name is missing"):
            recent.parse(b'{"metadata":{}}', CONFIG_MAP)
