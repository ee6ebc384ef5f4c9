"""Keys that a document has twice in one map; what stands here, the real server answered."""

from __future__ import annotations

import msgspec
import pytest

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.encoding.bodies import repetitive_paths
from reconcilekit.testing.apiserver.encoding.yaml_twins import twin_keys

MAPS = "/api/v1/namespaces/default/configmaps"
TWICE = b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dup}\ndata:\n  a: "1"\n  a: "2"\n'
TOLD = 'line 6: key "a" already set in map'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('data:\n  a: "1"\n  a:\n    "2"\n', ['line 4: key "a" already set in map']),
        ("a: 1\na: 2\na: 3\n", ['line 2: key "a" already set in map', 'line 3: key "a" already set in map']),
        (
            "m:\n  a: {b: c, b: d}\nm: {}\n",
            ['line 2: key "b" already set in map', 'line 3: key "m" already set in map'],
        ),
        ("list:\n- {a: 1, a: 2}\n- 3\n", ['line 2: key "a" already set in map']),
        ('{"a": {"b": 1,\n"b": 2}}', ['line 2: key "b" already set in map']),
        ('{"a": "b", "b": "a"}', []),
        (r'{"q": "\u0022\u0022\u0022\u0022", "b": "1", "b": "2"}', ['line 1: key "b" already set in map']),
        ('1: a\n0x1: b\n"1": c\n', ["line 2: key 1 already set in map"]),
        ("true: a\nyes: b\n", ["line 2: key true already set in map"]),
        ("a: &a {b: 1, b: 2}\nc: *a\n", ['line 1: key "b" already set in map'] * 2),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n", ['line 4: key "a" already set in map']),
        ("x: &x {a: 1}\ny:\n  a: 2\n  <<: *x\n", ['line 1: key "a" already set in map']),
        ("y:\n  <<: [{a: 1}, {a: 2}]\n", ['line 2: key "a" already set in map']),
        ('y:\n  "<<": 1\n  "<<": 2\n', ['line 3: key "<<" already set in map']),
        ("a: 1\n---\nb: 1\nb: 2\n", []),
        ("a: [", []),
        ("*a : 1", []),
    ],
)
def test_a_key_is_told_each_time_that_it_is_there_already(text: str, told: list[str]) -> None:
    assert twin_keys(text.encode()) == told


async def sent(clock: VirtualClock, method: str, body: bytes, media_type: str, validation: str) -> Response:
    query = {"fieldValidation": validation} | ({"fieldManager": "me"} if method == "PATCH" else {})
    path = MAPS if method == "POST" else f"{MAPS}/dup"
    server = ApiServer(clock=clock)
    transport = server.transport()
    headers = {"content-type": media_type}
    if method == "PUT":
        await transport.send(Request(method="POST", path=MAPS, body=b"metadata: {name: dup}", headers=headers))
    return await transport.send(Request(method=method, path=path, query=query, headers=headers, body=body))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("validation", ["Strict", "Warn", "Ignore"])
def test_a_body_with_one_is_refused_warned_about_or_taken(method: str, validation: str) -> None:
    media_type = "application/apply-patch+yaml" if method == "PATCH" else "application/yaml"
    answer = run_virtual(lambda clock: sent(clock, method, TWICE, media_type, validation))
    if validation == "Strict":
        assert answer.status == 400
        why = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error:'
        if method == "PATCH":
            why = "error strict decoding patch: error converting YAML to JSON:"
        assert msgspec.json.decode(answer.body)["message"] == f"{why} yaml: unmarshal errors:\n  {TOLD}"
        return
    assert msgspec.json.decode(answer.body)["data"] == {"a": "2"}
    shown = TOLD.replace('"', r"\"")
    assert answer.headers.get("warning", "") == ("" if validation == "Ignore" else f'299 - "{shown}"')


@pytest.mark.parametrize(
    ("media_type", "told"),
    [
        ("application/json", 'duplicate field "data.b"'),
        ("application/yaml", 'yaml: unmarshal errors:\n  line 1: key "b" already set in map'),
    ],
)
def test_escaped_quotation_marks_hide_none(media_type: str, told: str) -> None:
    body = rb'{"metadata":{"name":"dup"},"data":{"q":"\u0022\u0022\u0022\u0022","b":"1","b":"2"}}'
    answer = run_virtual(lambda clock: sent(clock, "POST", body, media_type, "Strict"))
    why = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error:'
    assert msgspec.json.decode(answer.body)["message"] == f"{why} {told}"


def levels(count: int) -> bytes:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: x}\nl0: &l0 {k: x}\n"
    for level in range(1, count + 1):
        text += f"l{level}: &l{level} {{<<: [{', '.join([f'*l{level - 1}'] * 10)}]}}\n"
    return text.encode()


def test_merges_of_merges_are_told_of_as_long_as_they_are_followed() -> None:
    told = twin_keys(levels(3))
    assert len(told) == 9 + 99 + 999
    # However many there are, what is told of a key is kept once.
    assert len(set(map(id, told))) == 1
    assert twin_keys(levels(8)) == []


def test_fields_are_no_twins_for_an_escaped_quotation_mark() -> None:
    assert repetitive_paths(rb'{"q": "\u0022", "a.b": [{"c": 1}], "a": {"b": [{"c": 1}]}}', {}) == []


def test_so_many_are_warned_about_as_fit() -> None:
    keys = "".join(f'  k{number}: "1"\n  k{number}: "2"\n' for number in range(130))
    body = f"metadata: {{name: dup}}\ndata:\n{keys}".encode()
    answer = run_virtual(lambda clock: sent(clock, "POST", body, "application/yaml", "Warn"))
    assert answer.headers["warning"].count("299 - ") == 110
    assert answer.headers["warning"].endswith(r'299 - "line 222: key \"k109\" already set in map"')
