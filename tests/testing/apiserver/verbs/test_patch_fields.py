"""What `fieldValidation` has to say of patches, as a real server was heard to say it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, VirtualClock, custom_kind, run_virtual

MAP, TOY = "/api/v1/namespaces/default/configmaps/a", "/apis/h7.io/v1/namespaces/default/toys/a"
JSON, MERGE, STRATEGIC = "json-patch", "merge-patch", "strategic-merge-patch"
SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}},
}


async def send(server: ApiServer, method: str, path: str, body: bytes, kind: str = "", **query: str) -> Response:
    headers = {"content-type": f"application/{kind}+json" if kind else "application/json"}
    return await server.transport().send(Request(method=method, path=path, body=body, query=query, headers=headers))


async def prepared(clock: VirtualClock) -> ApiServer:
    server = ApiServer(clock=clock)
    definition: dict[str, Any] = custom_kind(Resource("h7.io/v1", "Toy"))
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = SCHEMA
    client = server.client("test")
    await client.create(Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition"), definition)
    toy = b'{"apiVersion":"h7.io/v1","kind":"Toy","metadata":{"name":"a"},"spec":{"a":"1"}}'
    config = b'{"metadata":{"name":"a"},"data":{"a":"b"}}'
    for path, body in ((TOY, toy), (MAP, config)):
        assert (await send(server, "POST", path.removesuffix("/a"), body)).status == 201
    return server


CASES = [
    (MAP, JSON, '[{"op":"add","path":"/data/c","value":"d","foo":1}]', ['json patch unknown field "[0].foo"']),
    (MAP, JSON, '[{"op":"add","path":"/data/c","value":"d","value":"e"}]', ['json patch duplicate field "[0].value"']),
    (
        MAP,
        JSON,
        '[{"op":"test","op":"add","path":"/data","value":{"a":"\\u0022\\u0022\\u0022\\u0022"}}]',
        ['json patch duplicate field "[0].op"'],
    ),
    (
        MAP,
        JSON,
        '[{"op":"add","path":"/data","value":{"a":"1","a":"2"}}]',
        ['json patch duplicate field "[0].value.a"', 'duplicate field "data.a"'],
    ),
    (
        MAP,
        JSON,
        '[{"op":"test","path":"/data/a","value":"b"},{"op":"add","path":"/spec","value":{"a":1,"a":2},"Op":1,"Op":2}]',
        [
            'json patch duplicate field "[1].value.a"',
            'json patch unknown field "[1].Op"',
            'unknown field "spec"',
        ],
    ),
    (
        TOY,
        JSON,
        '[{"op":"add","path":"/spec","value":{"a":"1","a":"2","x":1,"x":2}}]',
        [
            'json patch duplicate field "[0].value.a"',
            'json patch duplicate field "[0].value.x"',
            'duplicate field "spec.a"',
            'duplicate field "spec.x"',
            'unknown field "spec.x"',
        ],
    ),
    (
        MAP,
        MERGE,
        '{"metadata":{"labels":{"a":"1","a":"2"},"bogus":1,"bogus":2}}',
        ['duplicate field "metadata.labels.a"', 'duplicate field "metadata.bogus"', 'unknown field "metadata.bogus"'],
    ),
    (
        MAP,
        STRATEGIC,
        '{"metadata":{"labels":{"a":"1","a":"2"},"bogus":1,"bogus":2}}',
        ['duplicate field "metadata.labels.a"', 'duplicate field "metadata.bogus"', 'unknown field "metadata.bogus"'],
    ),
    (TOY, MERGE, '{"spec":{"a":"1","a":"2"}}', ['duplicate field "spec.a"']),
    (TOY, MERGE, '{"spec":{"a":"1","b":"\\""}}', []),
]


@pytest.mark.parametrize(("path", "kind", "patch", "told"), CASES)
def test_fields_of_patches_are_told_and_refused(path: str, kind: str, patch: str, told: list[str]) -> None:
    async def main(clock: VirtualClock) -> None:
        server = await prepared(clock)
        for validation in ("Ignore", "Warn", "Strict"):
            answer = await send(server, "PATCH", path, patch.encode(), kind, dryRun="All", fieldValidation=validation)
            if validation == "Strict" and told:
                message = msgspec.json.decode(answer.body)["message"]
                assert answer.status == 422
                assert message.rpartition("strict decoding error: ")[2] == ", ".join(told)
            else:
                assert answer.status == 200
                expected = told if validation == "Warn" else []
                escaped = [text.replace('"', '\\"') for text in expected]
                assert answer.headers.get("warning", "") == ", ".join(f'299 - "{text}"' for text in escaped)

    run_virtual(main)
