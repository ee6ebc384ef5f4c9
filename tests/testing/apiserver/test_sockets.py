"""The same server on a real loopback socket, with real clients."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.resource import Resource
from reconcilekit.testing import ApiServer, Fault

MAPS = "/api/v1/namespaces/default/configmaps"
CONFIG_MAP = Resource("v1", "ConfigMap")

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="no kubectl on PATH")


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(clock=SystemClock())


@pytest.fixture
async def url(server: ApiServer) -> AsyncIterator[str]:
    async with server.serve() as endpoint:
        yield endpoint.url


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=100)) as session:
        yield session


async def test_writes_reads_and_a_watch(http: aiohttp.ClientSession) -> None:
    body = {"metadata": {"name": "a"}, "data": {"umlaut": "ü", "a": "1"}}
    query = {"watch": "1", "resourceVersion": "0", "allowWatchBookmarks": "true"}
    async with http.get("/api/v1/configmaps", params=query) as watch:
        async with http.post(MAPS, json=body, headers={"user-agent": "me/1"}) as answer:
            assert answer.status == 201
            created = await answer.json()
        assert created["metadata"]["managedFields"][0]["manager"] == "me"
        async with http.get(MAPS, params={"labelSelector": "a in (b,c),!d"}) as answer:
            assert (await answer.json())["items"] == []
        async with http.patch(f"{MAPS}/a", data=b'{"data":{"a":null}}') as answer:
            assert answer.status == 415
        lines = [msgspec.json.decode(await watch.content.readline()) for _ in range(2)]
    assert [line["type"] for line in lines] == ["BOOKMARK", "ADDED"]
    assert lines[1]["object"] == created
    # One that has begun has its time, and then ends as a body does.
    now = {"watch": "1", "resourceVersion": created["metadata"]["resourceVersion"], "timeoutSeconds": "1"}
    async with http.get("/api/v1/configmaps", params=now) as watch:
        assert await watch.read() == b""


async def test_a_body_over_three_megabytes_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.post(MAPS, data=io.BytesIO(b"x" * 3_200_000)) as answer:
        assert answer.status == 413
        assert (await answer.json())["reason"] == "RequestEntityTooLarge"


async def test_connections_really_break(server: ApiServer, http: aiohttp.ClientSession) -> None:
    body = {"metadata": {"name": "a"}, "data": {"a": "1" * 10_000}}
    server.faults.add(Fault(method="POST", action="drop", when="after"))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await http.post(MAPS, json=body)
    server.faults.add(Fault(action="truncate"))
    async with http.get(f"{MAPS}/a") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    server.faults.add(Fault(query={"watch": "1"}, action="half_line"))
    async with http.get(MAPS, params={"watch": "1"}) as watch:
        with pytest.raises(aiohttp.ClientPayloadError):
            await watch.read()
    server.faults.add(Fault(action="half_body"))
    async with http.get(f"{MAPS}/a") as answer:
        assert len(await answer.read()) == int(answer.headers["content-length"])
    assert len(server.faults.log) == 4


async def test_answers_have_numbers_and_are_kept_by_no_cache(server: ApiServer, http: aiohttp.ClientSession) -> None:
    seen = set()
    for path, query in (
        (MAPS, {}),
        (f"{MAPS}/none", {}),
        ("/readyz", {}),
        (MAPS, {"watch": "1", "timeoutSeconds": "1"}),
    ):
        async with http.get(path, params=query) as answer:
            assert answer.headers["Cache-Control"] == "no-cache, private"
            seen.add(uuid.UUID(answer.headers["Audit-Id"]))
    assert len(seen) == 4
    async with http.get(MAPS, headers={"Audit-Id": "mine"}) as answer:
        assert answer.headers["Audit-Id"] == "mine"


async def test_a_client_that_hangs_up_ends_its_watch(server: ApiServer, http: aiohttp.ClientSession) -> None:
    async with http.get(MAPS, params={"watch": "1"}) as watch:
        assert watch.status == 200
        assert len(server.watches) == 1
        watch.close()
    async with asyncio.timeout(100):
        while server.watches:
            # Each request gives the loop a turn to notice the hang-up; a socket knows no virtual time.
            await http.get("/healthz")


async def test_stopping_ends_watches_properly_and_at_once(server: ApiServer) -> None:
    async with asyncio.timeout(40):  # aiohttp by itself waits for a minute
        async with aiohttp.ClientSession() as session:
            async with server.serve() as endpoint:
                watch = await session.get(endpoint.url + MAPS, params={"watch": "1"})
            assert await watch.read() == b""
    assert server.watches == []


async def test_a_handshake_that_ends_after_the_server_comes_to_nothing(server: ApiServer) -> None:
    async with server.serve(tls=True) as endpoint:
        url = urlsplit(endpoint.url)
        connected = socket.create_connection((url.hostname, url.port))
        connected.setblocking(False)
        before = len(server.requests)
        # The server takes it, and waits for the client's hello.
        await asyncio.sleep(0.1)  # noqa: TID251 -- a socket knows no virtual time
    async with asyncio.timeout(100):
        with contextlib.suppress(OSError):
            trusting = ssl._create_unverified_context()
            reader, writer = await asyncio.open_connection(sock=connected, ssl=trusting, server_hostname="")
            writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
    assert len(server.requests) == before


@pytest.fixture
async def kubectl(server: ApiServer, tmp_path: Path) -> AsyncIterator[Any]:
    """Runs kubectl against the server: (exit status, standard output, standard error)."""

    async def run(*arguments: str, stdin: str = "") -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            KUBECTL or "kubectl",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        )
        out, err = await process.communicate(stdin.encode())
        return process.returncode, out.decode(), err.decode()

    async with server.serve() as endpoint:
        endpoint.write_kubeconfig(tmp_path / "config")
        yield run


WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {a: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec: {containers: [{name: c, image: nginx}]}
"""


@needs_kubectl
async def test_kubectl_gets_creates_and_deletes(kubectl: Any, server: ApiServer) -> None:
    status, out, err = await kubectl("create", "-f", "-", stdin=OBJECTS)
    assert (status, out) == (0, "configmap/cm created\ndeployment.apps/d created\n"), err
    status, out, err = await kubectl("get", "cm,deploy", "-A")
    assert status == 0, err
    assert [line.split()[:2] for line in out.splitlines() if "/" in line] == [
        ["default", "configmap/cm"],
        ["default", "deployment.apps/d"],
    ]
    assert (await kubectl("get", "cm", "cm", "-o", "jsonpath={.data.a}"))[1] == "1"
    assert (await kubectl("apply", "--server-side", "-f", "-", stdin=OBJECTS))[0] == 0
    assert (await kubectl("delete", "-f", "-", stdin=OBJECTS))[0] == 0
    assert server.objects(CONFIG_MAP) == []
    status, _, err = await kubectl("get", "cm", "cm")
    assert (status, err) == (1, 'Error from server (NotFound): configmaps "cm" not found\n')


@needs_kubectl
async def test_kubectl_knows_custom_kinds_at_once(kubectl: Any) -> None:
    assert (await kubectl("create", "-f", "-", stdin=WIDGETS))[0] == 0
    wait = ("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=5s")
    assert (await kubectl(*wait))[0] == 0
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n"
    status, _, err = await kubectl("create", "-f", "-", stdin=widget)
    assert status == 0, err
    status, out, _ = await kubectl("get", "wd")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "w"]
    assert (await kubectl("delete", "wd", "w"))[0] == 0


@needs_kubectl
async def test_kubectl_creates_without_a_manifest(kubectl: Any, server: ApiServer) -> None:
    status, out, err = await kubectl("create", "configmap", "cm", "--from-literal=a=1")
    assert (status, out) == (0, "configmap/cm created\n"), err
    assert (await kubectl("create", "namespace", "n"))[0] == 0
    assert (await kubectl("create", "secret", "generic", "s", "--from-literal=k=v"))[0] == 0
    assert (await kubectl("create", "deployment", "d", "--image=nginx:1", "--port=80", "--replicas=3"))[0] == 0
    assert (await kubectl("create", "service", "clusterip", "s", "--tcp=80:8080"))[0] == 0
    [created] = server.objects(CONFIG_MAP)
    assert created["data"] == {"a": "1"}
    assert server.object(Resource("v1", "Secret"), "s", namespace="default")["data"] == {"k": "dg=="}  # type: ignore[index]
    [deployment] = server.objects(Resource("apps/v1", "Deployment"))
    assert deployment["spec"]["replicas"] == 3
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["ports"]) == ("nginx:1", [{"containerPort": 80, "protocol": "TCP"}])
    [service] = server.objects(Resource("v1", "Service"))
    assert service["spec"]["ports"][0]["targetPort"] == 8080
    assert (await kubectl("delete", "namespace", "n"))[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_by_itself_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    config = tmp_path / "config"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reconcilekit.testing.apiserver", "--kubeconfig", str(config),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(100):
        ready = (await process.stdout.readline()).decode()
        assert ready.startswith("ready: http://127.0.0.1:")
        url = msgspec.json.decode(config.read_bytes())["clusters"][0]["cluster"]["server"]
        async with aiohttp.ClientSession() as session, session.get(url + "/readyz") as answer:
            assert await answer.text() == "ok"
        process.send_signal(number)
        rest, err = await process.communicate()
    assert (process.returncode, rest, err) == (0, b"", b"")
