"""kopf: an operator as `kopf run` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from kubernetes import client, config, watch

from reconcilekit.kube.resource import Resource
from reconcilekit.testing import custom_kind

DEFINITION = custom_kind(Resource("example.com/v1", "KopfExample"))

OPERATOR = """
import asyncio
import kopf

@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_):
    settings.persistence.finalizer = "example.com/kopf"
    settings.peering.standalone = True

@kopf.on.create("kopfexamples")
def created(spec, name, patch, body, **_):
    kopf.info(body, reason="Created", message="seen " + name)
    patch.status["size"] = spec.get("size")
    return {"message": "made"}

@kopf.on.update("kopfexamples", field="spec.size")
def resized(old, new, patch, **_):
    patch.status["resized"] = f"{old}->{new}"

@kopf.on.resume("kopfexamples")
def resumed(patch, **_):
    patch.status["resumed"] = True

@kopf.on.delete("kopfexamples")
def deleted(name, memo, logger, **_):
    print("deleted", name, flush=True)

@kopf.timer("kopfexamples", interval=0.2)
def ticked(patch, status, **_):
    patch.status["ticks"] = min(3, status.get("ticks", 0) + 1)

@kopf.daemon("kopfexamples", cancellation_timeout=2)
async def lived(name, stopped, patch, **_):
    print("daemon", name, flush=True)
    await stopped.wait()
    print("daemon of", name, "stopped", flush=True)
"""

PLURAL = ("example.com", "v1", "kopf", "kopfexamples")


class Running(Protocol):
    def kubeconfig(self, *, token: str = ..., namespace: str = ...) -> Path: ...


class Operator:
    """`kopf run` as a process; what it prints is kept, so that its pipe never fills."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        handlers = folder / "operator.py"
        handlers.write_text(OPERATOR)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", "--namespace", "kopf", "--verbose", str(handlers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(100)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(self._process.stdout)


@pytest.fixture
def api(cluster: Running) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(cluster.kubeconfig())) as api:
        core: Any = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": "kopf"}})
        extensions: Any = client.ApiextensionsV1Api(api)
        extensions.create_custom_resource_definition(DEFINITION)
        await_kind(api)
        yield api


def await_kind(api: client.ApiClient) -> None:
    """A real server serves a new kind a second or two after its definition."""
    custom: Any = client.CustomObjectsApi(api)
    for _ in range(1000):
        try:
            custom.list_namespaced_custom_object(*PLURAL)
        except client.exceptions.NotFoundException:
            time.sleep(0.1)  # noqa: TID251 -- the real server's clock is the machine's
        else:
            return
    pytest.fail("the kind isn't served after a hundred seconds")


def wait_for(api: client.ApiClient, wanted: dict[str, Any], operator: Operator) -> None:
    """Until the object's status has what is wanted."""
    custom: Any = client.CustomObjectsApi(api)
    told: dict[str, Any] = {}
    for event in watch.Watch().stream(custom.list_namespaced_custom_object, *PLURAL, timeout_seconds=100):
        told = event["object"].get("status") or {}
        if wanted.items() <= told.items():
            return
    pytest.fail(f"the status is {told}, not {wanted}; kopf says:\n{''.join(operator.lines)}")


def wait_for_event(api: client.ApiClient, message: str) -> None:
    """Kopf posts events by the way, while its handlers go on."""
    core: Any = client.CoreV1Api(api)
    for event in watch.Watch().stream(core.list_namespaced_event, "kopf", timeout_seconds=100):
        if event["object"].message == message:
            return
    pytest.fail(f"there is no event {message!r}")


def test_an_operator_creates_updates_resumes_and_deletes(
    api: client.ApiClient, cluster: Running, tmp_path: Path
) -> None:
    custom: Any = client.CustomObjectsApi(api)
    kubeconfig = cluster.kubeconfig()
    example = {"apiVersion": "example.com/v1", "kind": "KopfExample", "metadata": {"name": "one"}, "spec": {"size": 1}}
    operator = Operator(tmp_path, kubeconfig)
    try:
        custom.create_namespaced_custom_object(*PLURAL, example)
        wait_for(api, {"size": 1, "created": {"message": "made"}, "ticks": 3}, operator)
        custom.patch_namespaced_custom_object(*PLURAL, "one", {"spec": {"size": 2}})
        wait_for(api, {"resized": "1->2"}, operator)
        assert custom.get_namespaced_custom_object(*PLURAL, "one")["metadata"]["finalizers"] == ["example.com/kopf"]
        wait_for_event(api, "seen one")
    finally:
        operator.stop()
    assert any("daemon of one stopped" in line for line in operator.lines), "".join(operator.lines)
    operator = Operator(tmp_path, kubeconfig)
    try:
        wait_for(api, {"resumed": True}, operator)
        custom.delete_namespaced_custom_object(*PLURAL, "one")
        for event in watch.Watch().stream(custom.list_namespaced_custom_object, *PLURAL, timeout_seconds=100):
            if event["type"] == "DELETED":
                break
        else:
            assert custom.list_namespaced_custom_object(*PLURAL)["items"] == []
    finally:
        operator.stop()
    assert "deleted one\n" in operator.lines
