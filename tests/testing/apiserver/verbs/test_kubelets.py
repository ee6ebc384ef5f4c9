"""Logs, commands and ports of Pods, whose nodes nobody answers for."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer

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


@pytest.mark.parametrize(
    ("where", "code", "message"),
    [
        ("1.1.1.1", 503, "error trying to reach service: dial tcp 1.1.1.1:10250: connect: connection refused"),
        ("fd00::1", 503, "error trying to reach service: dial tcp [fd00::1]:10250: connect: connection refused"),
        ("127.0.0.1", 400, "address not allowed"),
        ("169.254.1.1", 400, "address not allowed"),
        ("::1", 400, "address not allowed"),
        ("nowhere.invalid", 400, "lookup nowhere.invalid: no such host"),
    ],
)
def test_nothing_answers_for_nodes(on_server: Any, where: str, code: int, message: str) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("InternalIP", where))
        for path in ("node-1/proxy/", "node-1/proxy/x/y", "https:node-1:10250/proxy/", "node-1:/proxy/x"):
            found = await call("GET", f"{NODES}/{path}")
            assert (found.status, found.message) == (code, message)

    on_server(scenario)


def test_what_is_no_node_is_not_proxied_to(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call)
        for name, code, message in (
            ("node-1", 500, "no preferred addresses found; known addresses: []"),
            ("node-2", 404, 'nodes "node-2" not found'),
            ("a:b:c:d", 400, 'invalid node request "a:b:c:d"'),
            ("ftp:node-1:1", 400, 'invalid node request "ftp:node-1:1"'),
        ):
            found = await call("GET", f"{NODES}/{name}/proxy/")
            assert (found.status, found.message) == (code, message)

    on_server(scenario)


def test_whoever_asks_for_no_path_is_sent_to_the_root(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("InternalIP", "1.1.1.1"))
        found = await call("GET", f"{NODES}/node-1/proxy")
        assert (found.status, found.headers["location"]) == (301, f"{NODES}/node-1/proxy/")

    on_server(scenario)


SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s:web", "error trying to reach service: dial tcp 10.1.1.1:8080: connect: connection refused"),
        ("https:s:80", "error trying to reach service: dial tcp 10.1.1.1:8080: connect: connection refused"),
        ("s", 'no endpoints available for service "s"'),
        ("s:other", 'no endpoints available for service "s"'),
        ("s:81", 'no service port 81 found for service "s"'),
        ("t", 'no endpoints available for service "t"'),
        ("strange:web", 'no endpoints available for service "strange"'),
    ],
)
def test_a_service_leads_to_its_pods(on_server: Any, name: str, message: str) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", PODS, pod("p", "c"))
        told = {"status": {"podIP": "10.1.1.1", "podIPs": [{"ip": "10.1.1.1"}]}}
        await call("PATCH", f"{PODS}/p/status", told, patch="merge")
        target = {"kind": "Pod", "namespace": "default", "name": "p"}
        for service, ip in (("s", "10.1.1.1"), ("strange", "10.1.1.2")):
            ports = [{"name": "web", "port": 80, "targetPort": 8080}]
            await call("POST", SERVICES, {"metadata": {"name": service}, "spec": {"ports": ports}})
            made = {
                "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [ip], "targetRef": target}],
                "ports": [{"name": "web", "port": 8080}],
            }
            assert (await call("POST", SLICES, made)).status == 201
        found = await call("GET", f"{SERVICES}/{name}/proxy/x")
        assert (found.status, found.body["reason"], found.message) == (503, "ServiceUnavailable", message)

    on_server(scenario)


WEB_SOCKET = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "v5.channel.k8s.io",
}


async def test_over_websocket_the_error_comes_on_its_own_stream() -> None:
    server = ApiServer(clock=SystemClock())
    async with server.serve() as endpoint, aiohttp.ClientSession(endpoint.url) as session:
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
        made: dict[str, Any] = {"metadata": {"name": "node-1"}, "status": {"addresses": addresses}}
        for path, body in ((NODES, made), (PODS, pod("p", "c", nodeName="node-1"))):
            async with session.post(path, json=body) as answer:
                assert answer.status == 201
        command = f"{PODS}/p/exec?command=ls&command=-l+x&stdout=true&stderr=true"
        async with session.ws_connect(command, protocols=["v4.channel.k8s.io", "v5.channel.k8s.io"]) as socket:
            assert socket.protocol == "v5.channel.k8s.io"
            assert await socket.receive_bytes() == b"\x01"
            told = await socket.receive_bytes()
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        target = "https://127.0.0.1:10250/exec/default/p/c?command=ls&command=-l+x&error=1&output=1"
        why = f'error sending request: Post "{target}": dial tcp 127.0.0.1:10250: connect: connection refused'
        assert told[0] == 3
        assert json.loads(told[1:]) == {
            "metadata": {},
            "status": "Failure",
            "message": f"Internal error occurred: {why}",
            "reason": "InternalError",
            "details": {"causes": [{"message": why}]},
            "code": 500,
        }


@pytest.mark.parametrize(
    "headers",
    [
        {**WEB_SOCKET, "sec-websocket-protocol": "v4.channel.k8s.io"},
        {"connection": "Upgrade", "upgrade": "SPDY/3.1"},
    ],
)
def test_in_older_protocols_nothing_is_taken(on_server: Any, headers: dict[str, str]) -> None:
    async def scenario(call: Any) -> None:
        await with_node(call, address("InternalIP", "1.1.1.1"))
        request = Request(method="GET", path=f"{PODS}/p/exec", query={"command": "ls"}, headers=headers)
        answer = await call.server.transport("t").send(request)
        why = "error dialing backend: dial tcp 1.1.1.1:10250: connect: connection refused"
        assert (answer.status, json.loads(answer.body)["message"]) == (500, why)

    on_server(scenario)
