"""What messages make of characters that nobody writes; the expected ones are a real kube-apiserver's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CORE = "/api/v1/namespaces/default"
POD = {"containers": [{"name": "c", "image": "i"}]}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            f"{CORE}/configmaps",
            {"metadata": {"name": "x"}, "data": {"a\x01<b>\xa0": "x"}},
            r'Invalid value: "a\x01<b>\u00a0": a valid config key must',
        ),
        (
            f"{CORE}/configmaps",
            {"metadata": {"name": 'A\a"\\<'}},
            r'ConfigMap "A\a\"\\<" is invalid: metadata.name: In',
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            {
                "metadata": {"name": "d"},
                "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"z": "y", "b": "<c>\u2028&"}}, "spec": POD},
                },
            },
            r'Invalid value: {"b":"\u003cc\u003e\u2028\u0026","z":"y"}: `selector` does not match',
        ),
        (
            f"{CORE}/services",
            {"metadata": {"name": "s"}, "spec": {"clusterIP": "x\x01<", "ports": [{"port": 1}]}},
            r'spec.clusterIPs[0]: Invalid value: "x\x01<": must be',
        ),
        (
            f"{CORE}/pods",
            {"metadata": {"name": "p"}, "spec": {**POD, "restartPolicy": "<\x01"}},
            r'spec.restartPolicy: Unsupported value: "\u003c\u0001": supported',
        ),
        (
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {"user": "u", "nonResourceAttributes": {"path": "<\x01"}, "resourceAttributes": {"verb": "get"}}},
            r'spec: Invalid value: {"Path":"\u003c\u0001","Verb":""}: exactly one of',
        ),
    ],
)
def test_they_are_escaped(on_server: Callable[..., Any], path: str, body: dict[str, Any], said: str) -> None:
    async def scenario(call: Any) -> None:
        answer = await call("POST", path, body)
        assert answer.status == 422
        assert said in answer.message

    on_server(scenario)


def test_they_are_escaped_in_options_too(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        answer = await call("POST", f"{CORE}/configmaps", {"metadata": {"name": "x"}}, dryRun="\x01<")
        assert r'dryRun: Unsupported value: ["\u0001\u003c"]: supported values: "All"' in answer.message

    on_server(scenario)


def test_they_are_escaped_in_names_that_are_not_there(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("GET", f"{CORE}/configmaps/a\x01")).message == r'configmaps "a\x01" not found'

    on_server(scenario)
