"""Reading metadata out of raw objects, and what happens to those that can't be read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.kube.objects import (
    RawObject,
    UndecodableObject,
    UndecodableObjectError,
    parse_object,
    try_parse_object,
)
from reconcilekit.kube.resource import ObjectKey, Resource

SECRET = Resource("v1", "Secret")


def entry(manager: str, fields: dict[str, Any], *, operation: str = "Apply", subresource: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields}
    return found | ({"subresource": subresource} if subresource else {})


def secret(**meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "ns"} | meta,
        "data": {"a": "YQ=="},
    }


def test_everything_but_managed_fields_stays() -> None:
    whole = secret(
        resourceVersion="7", annotations={"a": '{"managedFields":[1]}'}, managedFields=[entry("m", {"f:data": {}})]
    )

    parsed = parse_object(json.dumps(whole).encode(), field_manager=None)

    del whole["metadata"]["managedFields"]
    assert parsed.decode() == whole
    assert parsed.key == ObjectKey("ns", "s")
    assert parsed.meta.resource_version == "7"
    assert parsed.owned_fields is None


def test_a_nested_member_of_the_same_name_is_left_alone() -> None:
    whole = secret(managedFields=[entry("m", {})])
    whole["spec"] = {"metadata": whole["metadata"], "managedFields": [1]}

    parsed = parse_object(json.dumps(whole).encode(), field_manager="m")

    assert parsed.decode()["spec"]["metadata"]["managedFields"] == [entry("m", {})]
    assert parsed.decode()["spec"]["managedFields"] == [1]


def test_owned_fields_are_our_apply_of_the_main_resource_only() -> None:
    whole = secret(
        managedFields=[
            entry("other", {"f:other": {}}),
            entry("mine", {"f:update": {}}, operation="Update"),
            entry("mine", {"f:status": {}}, subresource="status"),
            entry("mine", {"f:data": {"f:a": {}}}),
        ]
    )

    parsed = parse_object(json.dumps(whole).encode(), field_manager="mine")

    assert parsed.owned_fields is not None
    assert json.loads(parsed.owned_fields) == {"f:data": {"f:a": {}}}


def test_null_managed_fields_and_timestamps_are_as_good_as_none() -> None:
    whole = secret(managedFields=None, creationTimestamp=None, labels=None)

    parsed = parse_object(json.dumps(whole).encode(), field_manager="mine")

    assert parsed.owned_fields is None
    assert parsed.meta.creation_timestamp is None
    assert "managedFields" not in parsed.decode()["metadata"]


def test_a_list_item_without_type_gets_its_resource_s() -> None:
    whole = secret()
    del whole["apiVersion"], whole["kind"]

    parsed = parse_object(json.dumps(whole).encode(), field_manager=None, resource=SECRET)

    assert list(parsed.decode()) == ["apiVersion", "kind", "metadata", "data"]
    assert parsed.decode() == secret()


def test_each_decode_is_a_fresh_dict() -> None:
    parsed = parse_object(json.dumps(secret()).encode(), field_manager=None)
    parsed.decode()["data"]["a"] = "changed"
    assert parsed.decode() == secret()


def test_the_result_shares_no_memory_with_a_list_s_body() -> None:
    items = msgspec.json.decode(
        b"[" + json.dumps(secret(managedFields=[entry("m", {})])).encode() + b"]", type=list[msgspec.Raw]
    )

    parsed = parse_object(items[0], field_manager="m")

    assert type(parsed.raw) is bytes
    assert type(parsed.owned_fields) is bytes


@pytest.mark.parametrize(
    ("raw", "message", "key"),
    [
        (
            b'{"metadata":{"namespace":"ns"}}',
            "An object without a readable name can't be decoded: metadata.name is missing",
            None,
        ),
        (b'{"kind":"Secret"}', "An object without a readable name can't be decoded: metadata is missing", None),
        (
            b'{"metadata":{"name":"s","namespace":"ns","labels":{"a":1},"resourceVersion":"3"}}',
            "ns/s can't be decoded: Expected `str`, got `int` - at `$.labels[...]`",
            ObjectKey("ns", "s"),
        ),
        (
            b'{"metadata":{"name":"s"',
            "An object without a readable name can't be decoded: Input data was truncated",
            None,
        ),
        (
            b'{"metadata":{"name":"s","managedFields":[{"manager":1}]}}',
            "s can't be decoded: Expected `str`, got `int` - at `$[0].manager`",
            ObjectKey("", "s"),
        ),
        (b"[]", "An object without a readable name can't be decoded: Expected `object`, got `array`", None),
    ],
)
def test_what_cannot_be_decoded_says_so(raw: bytes, message: str, key: ObjectKey | None) -> None:
    with pytest.raises(UndecodableObjectError) as caught:
        parse_object(raw, field_manager="m")

    assert str(caught.value) == message
    assert caught.value.undecodable.key == key
    assert caught.value.undecodable.raw == raw


def test_try_parse_object_hands_back_what_it_could_read() -> None:
    raw = b'{"metadata":{"name":"s","generation":"x","resourceVersion":"3"}}'

    found = try_parse_object(raw, field_manager=None)

    assert isinstance(found, UndecodableObject)
    assert found.resource_version == "3"


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"metadata":{"name":"s","x":' + b"[" * 100_000, b'{"metadata":{"name":"\xff"}}']
)
def test_hostile_bytes_are_undecodable_too(raw: bytes) -> None:
    assert isinstance(try_parse_object(raw, field_manager=None), UndecodableObject)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    rest=st.dictionaries(st.text(), json_values, max_size=4),
    meta=st.dictionaries(st.sampled_from(["annotations", "managedField", "x"]), json_values, max_size=3),
    managed=st.lists(st.builds(entry, st.sampled_from(["mine", "other"]), st.just({"f:a": {}})), max_size=3),
    indent=st.sampled_from([None, 1]),
)
def test_any_object_survives_but_for_its_managed_fields(
    rest: dict[str, Any], meta: dict[str, Any], managed: list[dict[str, Any]], indent: int | None
) -> None:
    whole = rest | {"apiVersion": "v1", "kind": "Secret", "metadata": meta | {"name": "s", "managedFields": managed}}

    parsed = parse_object(json.dumps(whole, indent=indent).encode(), field_manager="mine", resource=SECRET)

    del whole["metadata"]["managedFields"]
    assert isinstance(parsed, RawObject)
    assert parsed.decode() == whole
    assert (parsed.owned_fields is not None) == any(each["manager"] == "mine" for each in managed)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'"status":{"a":[1]}', {"a": [1]}), (b'"status":null', {}), (b'"spec":{"status":1}', {})],
)
def test_the_status_is_decoded_alone(body: bytes, status: dict[str, object]) -> None:
    raw = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","uid":"u","resourceVersion":"1"},' + body + b"}"

    assert parse_object(raw, field_manager=None).decode_status() == status
