"""Logs, commands and ports of Pods, whose nodes nobody answers for."""

from __future__ import annotations

from typing import Any

import pytest

PODS = "/api/v1/namespaces/default/pods"
NODES = "/api/v1/nodes"


def pod(name: str, *containers: str, **spec: Any) -> dict[str, Any]:
    told = [{"name": container, "image": "i"} for container in containers]
    return {"metadata": {"name": name}, "spec": {"containers": told, **spec}}


async def with_node(call: Any, *addresses: dict[str, str], **status: Any) -> None:
    await call("POST", PODS, pod("p", "c", nodeName="node-1"))
    await call("POST", PODS, pod("two", "c", "d", nodeName="node-1"))
    await call("POST", NODES, {"metadata": {"name": "node-1"}})
    told = {"status": {"addresses": list(addresses), **status}}
    assert (await call("PATCH", f"{NODES}/node-1/status", told, patch="merge")).status == 200


def address(kind: str, value: str) -> dict[str, str]:
    return {"type": kind, "address": value}


def test_without_its_node_a_pod_isnt_found(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", PODS, pod("p", "c", nodeName="node-1"))
        for what in ("log", "exec", "attach", "portforward"):
            found = await call("GET", f"{PODS}/p/{what}")
            assert (found.status, found.message) == (404, 'pods "node-1" not found')

    on_server(scenario)


def test_a_node_is_called_by_its_best_address(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("ExternalIP", "2.2.2.2"), address("InternalIP", "1.1.1.1"))
        found = await call("GET", f"{PODS}/p/log", tailLines="5", follow="true")
        where = "https://1.1.1.1:10250/containerLogs/default/p/c?follow=true&tailLines=5"
        why = "dial tcp 1.1.1.1:10250: connect: connection refused"
        assert (found.status, found.message) == (500, f'Get "{where}": {why}')

        endpoints = {"kubeletEndpoint": {"Port": 1}}
        named = {"status": {"addresses": [address("Hostname", "node-1")], "daemonEndpoints": endpoints}}
        await call("PATCH", f"{NODES}/node-1/status", named, patch="merge")
        found = await call("GET", f"{PODS}/two/log", container="d")
        why = "dial tcp: lookup node-1: no such host"
        assert found.message == f'Get "https://node-1:1/containerLogs/default/two/d": {why}'

    on_server(scenario)


def test_a_node_without_an_address_isnt_called(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("Other", "x"))
        found = await call("GET", f"{PODS}/p/log")
        assert (found.status, found.message) == (500, "no preferred addresses found; known addresses: [{Other x}]")

    on_server(scenario)


@pytest.mark.parametrize(
    ("path", "query", "code", "message"),
    [
        ("p/exec", {"command": "ls"}, 400, "Upgrade request required"),
        ("p/portforward", {}, 400, "Upgrade request required"),
        ("p/log", {"container": "x"}, 400, "container x is not valid for pod p"),
        ("two/log", {}, 400, "a container name must be specified for pod two, choose one of: [c d]"),
        ("two/attach", {}, 400, "a container name must be specified for pod two, choose one of: [c d]"),
        ("p/proxy", {}, 400, "address not allowed"),
        ("p/proxy/x", {}, 400, "address not allowed"),
        (
            "p/log",
            {"tailLines": "-1"},
            422,
            'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        ),
    ],
)
def test_what_is_wrong_before_the_node_is_called(
    on_server: Any, path: str, query: dict[str, str], code: int, message: str
) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("InternalIP", "1.1.1.1"))
        found = await call("GET", f"{PODS}/{path}", **query)
        assert (found.status, found.message) == (code, message)

    on_server(scenario)


def test_a_pod_that_waits_for_a_node_has_no_logs(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", PODS, pod("q", "c"))
        assert (await call("GET", f"{PODS}/q/log")).status == 204
        found = await call("POST", f"{PODS}/q/exec", command="ls")
        assert (found.status, found.message) == (400, "pod q does not have a host assigned")

    on_server(scenario)


def test_nothing_answers_for_nodes(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", NODES, {"metadata": {"name": "node-1"}})
        for path in ("proxy", "proxy/x"):
            found = await call("GET", f"{NODES}/node-1/{path}")
            assert (found.status, found.message) == (404, 'nodes "node-1" not found')

    on_server(scenario)
