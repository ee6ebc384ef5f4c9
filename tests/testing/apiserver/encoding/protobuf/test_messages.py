"""Reading and writing protobuf, beside what Go wrote (tools/record_protobuf.py)."""

from __future__ import annotations

import base64
import functools
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.testing.apiserver.encoding.protobuf import (
    MalformedEnvelopeError,
    MalformedMessageError,
    UnknownKindError,
    decode_protobuf,
    encode_protobuf,
)
from reconcilekit.testing.apiserver.encoding.protobuf.encoding import numbers, tagged
from reconcilekit.testing.apiserver.encoding.protobuf.messages import Field, fields, message_of

DATA = Path(__file__).parents[4] / "data/protobuf.jsonl.xz"
SAMPLES = [json.loads(line) for line in lzma.decompress(DATA.read_bytes()).splitlines()]
KINDS = [("v1", "Pod"), ("v1", "Service"), ("apps/v1", "StatefulSet"), ("batch/v1", "CronJob"), ("v1", "Secret"),
         ("coordination.k8s.io/v1", "Lease"), ("authorization.k8s.io/v1", "SubjectAccessReview"), ("v1", "Status"),
         ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("v1", "DeleteOptions")]  # fmt: skip


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("number", range(0, len(SAMPLES), 20))
def test_what_go_wrote_is_read_and_written_byte_by_byte(number: int) -> None:
    for kind, encoded, obj in SAMPLES[number : number + 20]:
        body = base64.b64decode(encoded)
        assert without_nulls(decode_protobuf(body)) == without_nulls(obj), kind
        assert encode_protobuf(obj) == body, kind


def test_every_kind_that_is_served_has_a_message() -> None:
    from reconcilekit.testing.apiserver.kinds.resources import built_in_types

    served = built_in_types().values()
    assert len(served) > 50
    for kind in served:
        assert message_of(kind.api_version, kind.kind), kind
        if "list" in kind.verbs:
            assert message_of(kind.api_version, f"{kind.kind}List"), kind


@functools.cache
def of_field(field: Field, depth: int) -> st.SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    specials = {
        "Time": st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")),
        "MicroTime": st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")),
        "Duration": st.sampled_from(["0s", "1.5ms", "2h3m0.25s", "-1m0s", "7ns", "12µs"]),
        "Quantity": st.sampled_from(["0", "100m", "1Gi", "1500"]),
        "IntOrString": st.integers(-(2**31), 2**31 - 1) | text,
        "JSONSchemaPropsOrBool": st.booleans() | st.just({"type": "object"}),
        "JSONSchemaPropsOrArray": st.just([{"type": "string"}]) | st.just({"type": "object"}),
        "JSONSchemaPropsOrStringArray": st.just(["a", "b"]) | st.just({"type": "object"}),
    }
    anything = st.dictionaries(
        text, st.integers(-9, 9) | text | st.lists(st.booleans(), max_size=2), min_size=1, max_size=2
    )
    one: st.SearchStrategy[Any] = {
        "s": text,
        "i": st.integers(-(2**63), 2**63 - 1),
        "b": st.booleans(),
        # Not empty: Go writes that to protobuf, but leaves it out of JSON.
        "y": st.binary(min_size=1, max_size=4).map(lambda data: base64.b64encode(data).decode()),
        "f": st.floats(allow_nan=False, allow_infinity=False),
        "@": st.lists(text, min_size=1, max_size=2),
        "!": specials.get(field.of, anything),
        "#": st.deferred(lambda: of_message(field.of, depth - 1)),
    }[field.kind]
    if field.shape == "[]":
        return st.lists(one, min_size=1, max_size=3)
    return st.dictionaries(text, one, min_size=1, max_size=3) if field.shape == "{}" else one


@functools.cache
def of_message(message: str, depth: int = 5) -> st.SearchStrategy[dict[str, Any]]:
    usable = [field for field in fields(message) if depth or field.kind not in "#@!"]

    @st.composite
    def objects(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(usable), unique=True, max_size=4)) if usable else []
        obj: dict[str, Any] = {}
        for field in chosen:
            value = draw(of_field(field, depth))
            obj |= value if field.is_inlined else {field.name: value}
        return obj

    return objects()


def lost(sent: Any, got: Any, path: str = "") -> str:
    """Where something that was sent isn't there any more; zeros that JSON leaves out don't count."""
    if isinstance(sent, dict) and isinstance(got, dict):
        return next((found for name in sent if (found := lost(sent[name], got.get(name), f"{path}.{name}"))), "")
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        pairs = enumerate(zip(sent, got, strict=True))
        return next((found for index, (a, b) in pairs if (found := lost(a, b, f"{path}[{index}]"))), "")
    is_left_out = got is None and sent in ("", 0, False)
    return "" if sent == got or is_left_out else f"{path}: {sent!r} became {got!r}"


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
@given(data=st.data())
def test_objects_come_back_as_they_were(api_version: str, kind: str, data: st.DataObject) -> None:
    sent = data.draw(of_message(message_of(api_version, kind) or ""))
    body = encode_protobuf(sent, api_version=api_version, kind=kind)
    assert body is not None
    got = decode_protobuf(body)
    assert not lost(sent, got)
    assert encode_protobuf(got) == body


@given(body=st.binary(max_size=60), cut=st.integers(0, 3000), flip=st.integers(0, 3000))
def test_garbage_is_refused_by_name(body: bytes, cut: int, flip: int) -> None:
    whole = bytearray(base64.b64decode(SAMPLES[cut % len(SAMPLES)][1]))
    whole[flip % len(whole)] ^= 1 + cut % 255
    for damaged in (b"k8s\0" + body, body, bytes(whole), bytes(whole[:cut])):
        try:
            decoded = decode_protobuf(damaged, api_version="v1", kind="Pod")
        except (MalformedEnvelopeError, MalformedMessageError, UnknownKindError):
            continue
        assert decoded["kind"]


def envelope(message: bytes, *, api_version: str = "v1", kind: str = "ConfigMap") -> bytes:
    meta = tagged(1, api_version.encode()) + tagged(2, kind.encode())
    return b"k8s\0" + tagged(1, meta) + tagged(2, message)


def test_unknown_fields_are_passed_over_and_repeated_ones_merged() -> None:
    name, labels = tagged(1, tagged(1, b"a")), tagged(1, tagged(11, tagged(1, b"k") + tagged(2, b"v")))
    future = tagged(99, b"new") + b"\xa1\x06" + bytes(8) + b"\xa5\x06" + bytes(4) + b"\xa0\x06\x01"
    read = decode_protobuf(envelope(name + future + labels))
    assert read == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a", "labels": {"k": "v"}}}


def test_an_empty_struct_is_there_where_an_empty_text_is_not() -> None:
    port = tagged(1, b"") + tagged(4, b"")
    read = decode_protobuf(envelope(tagged(2, tagged(1, port)), kind="Service"))
    assert read["spec"] == {"ports": [{"targetPort": 0}]}


def test_broken_text_is_replaced_as_go_does() -> None:
    data = tagged(2, tagged(1, b"k") + tagged(2, b"\xff"))
    assert decode_protobuf(envelope(data))["data"] == {"k": "\ufffd"}


def test_numbers_of_a_list_may_come_in_one_piece() -> None:
    groups = tagged(2, tagged(14, tagged(4, b"\x01\x80\x01")))
    assert decode_protobuf(envelope(groups, kind="Pod"))["spec"]["securityContext"]["supplementalGroups"] == [1, 128]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x12\x09a", "unexpected EOF"),
        (b"\x08\x01", "proto: wrong wireType = 0 for field ObjectMeta"),
        (b"\x0f\x01", "proto: illegal wireType 7"),
        (b"\x00\x01", "proto: illegal tag 0 (wire type 0)"),
        (b"\x08" + b"\xff" * 11, "proto: integer overflow"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(message: bytes, said: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_protobuf(envelope(message))
    assert str(caught.value) == said


def test_nesting_without_end_is_refused() -> None:
    schemas = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
    negation = next(field.number for field in fields(schemas) if field.name == "not")
    inner = b""
    for _ in range(3_000):
        inner = tagged(negation, inner)
    schema = tagged(2, tagged(7, tagged(4, tagged(1, inner))))
    with pytest.raises(MalformedMessageError, match="max depth"):
        decode_protobuf(envelope(schema, api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"))


def test_the_envelope_is_as_go_has_it() -> None:
    body = encode_protobuf({"metadata": {"name": "a"}}, api_version="v1", kind="ConfigMap")
    assert body is not None
    assert [number for number, _ in numbers(body[4:])] == [1, 2, 3, 4]
    assert encode_protobuf({"kind": "Widget", "apiVersion": "example.com/v1"}) is None
