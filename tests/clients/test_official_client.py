"""The official Python package: the client that blocks, the one for asyncio, the dynamic one, informer, election."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from kubernetes import aio, client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

PATIENCE = 100.0
"""Seconds that any one step may take."""


class Running(Protocol):
    def kubeconfig(self, *, token: str = ..., namespace: str = ...) -> Path: ...


@pytest.fixture
def api(cluster: Running) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(cluster.kubeconfig())) as api:
        yield api


@pytest.fixture
def namespace(api: client.ApiClient, own_name: str) -> str:
    client.CoreV1Api(api).create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=own_name)))
    return own_name


def config_map(name: str, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"app": "test"}), data=data)


def test_objects_of_its_models(api: client.ApiClient, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    made = core.create_namespaced_config_map(namespace, config_map("a", mode="slow"))
    assert made.metadata.creation_timestamp.tzinfo is not None
    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"mode": "fast"}})
    assert patched.data == {"mode": "fast"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("a", namespace, made)
    assert (stale.value.status, stale.value.reason) == (409, "Conflict")
    listed = core.list_namespaced_config_map(namespace, label_selector="app=test", limit=10)
    assert [item.metadata.name for item in listed.items] == ["a"]
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("a", namespace)
    assert missing.value.status == 404


def test_workloads_from_a_manifest(api: client.ApiClient, namespace: str) -> None:
    container = {"name": "main", "image": "nginx", "ports": [{"containerPort": 80}]}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
    }
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    utils.create_from_dict(api, manifest, namespace=namespace)
    apps: Any = client.AppsV1Api(api)
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}})
    assert apps.read_namespaced_deployment_scale("web", namespace).spec.replicas == 2
    for event in watch.Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=100):
        if event["object"].status.ready_replicas == 2:
            break
    else:
        pytest.fail("two replicas were never ready")
    pods = client.CoreV1Api(api).list_namespaced_pod(namespace, field_selector="status.phase=Running")
    assert len(pods.items) == 2


def test_watch(api: client.ApiClient, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, config_map("a"))
    begin = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("b"))
    core.delete_namespaced_config_map("a", namespace)
    watcher = watch.Watch()
    seen = []
    for event in watcher.stream(
        core.list_namespaced_config_map, namespace, resource_version=begin, label_selector="app", timeout_seconds=100
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            watcher.stop()
    assert seen == [("ADDED", "b"), ("DELETED", "a")]


def test_dynamic_client(api: client.ApiClient, namespace: str) -> None:
    dynamic_client = dynamic.DynamicClient(api)
    maps = dynamic_client.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"mode": "slow"}}
    assert maps.create(body=body, namespace=namespace).data.mode == "slow"
    applied = maps.server_side_apply(
        body=body | {"data": {"mode": "fast"}}, namespace=namespace, field_manager="tester", force_conflicts=True
    )
    assert applied.data.mode == "fast"
    assert maps.get(namespace=namespace, field_selector="metadata.name=a").items[0].data.mode == "fast"
    event = next(iter(maps.watch(namespace=namespace, name="a", timeout=100)))
    assert (event["type"], event["object"].metadata.name) == ("ADDED", "a")
    maps.delete(name="a", namespace=namespace)
    deployments = dynamic_client.resources.get(api_version="apps/v1", kind="Deployment")
    assert "status" in deployments.subresources
    assert dynamic_client.version["kubernetes"]["major"] == "1"


def test_informer(api: client.ApiClient, namespace: str) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, config_map("a"))
    events: queue.Queue[tuple[str, str]] = queue.Queue()
    informer = SharedInformer(core.list_namespaced_config_map, namespace=namespace, label_selector="app=test")
    for kind in (ADDED, MODIFIED, DELETED):
        informer.add_event_handler(kind, lambda obj, kind=kind: events.put((kind, obj.metadata.name)))
    informer.start()
    try:
        assert events.get(timeout=PATIENCE) == (ADDED, "a")
        core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
        assert events.get(timeout=PATIENCE) == (MODIFIED, "a")
        core.delete_namespaced_config_map("a", namespace)
        assert events.get(timeout=PATIENCE) == (DELETED, "a")
        assert informer.cache.list() == []
        # The informer's end waits for its watch to tell something.
        core.create_namespaced_config_map(namespace, config_map("b"))
        assert events.get(timeout=PATIENCE) == (ADDED, "b")
    finally:
        informer._stop_event.set()
        core.create_namespaced_config_map(namespace, config_map("c"))
        informer.stop()


CANDIDATE = """
import sys, threading
from kubernetes import config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
name, kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(config_file=kubeconfig)
def lead():
    print(name, "leads", flush=True)
lock = LeaseLock("election", namespace, name)
election = electionconfig.Config(lock, lease_duration=3, renew_deadline=2, retry_period=1,
                                 onstarted_leading=lead, onstopped_leading=None)
leaderelection.LeaderElection(election).run()
"""


def test_leader_election(cluster: Running, api: client.ApiClient, namespace: str) -> None:
    kubeconfig = str(cluster.kubeconfig())

    def candidate(name: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", CANDIDATE, name, kubeconfig, namespace]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    leases: Any = client.CoordinationV1Api(api)
    first, second = candidate("first"), None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "first leads\n"
        lease = leases.read_namespaced_lease("election", namespace)
        assert lease.spec.holder_identity == "first"
        first.kill()
        second = candidate("second")
        assert second.stdout is not None
        assert second.stdout.readline() == "second leads\n"
        lease = leases.read_namespaced_lease("election", namespace)
        assert lease.spec.holder_identity == "second"
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.communicate()


async def test_client_for_asyncio(cluster: Running, namespace: str) -> None:
    settings = aio.client.Configuration()
    await aio.config.load_kube_config(config_file=str(cluster.kubeconfig()), client_configuration=settings)
    async with aio.client.ApiClient(settings) as api:
        core: Any = aio.client.CoreV1Api(api)
        await core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}, "data": {"x": "y"}})
        found = await core.read_namespaced_config_map("a", namespace)
        assert found.data == {"x": "y"}
        watcher = aio.watch.Watch()
        async for event in watcher.stream(
            core.list_namespaced_config_map, namespace, field_selector="metadata.name=a", timeout_seconds=100
        ):
            assert (event["type"], event["object"].metadata.name) == ("ADDED", "a")
            break
        await watcher.close()
        with pytest.raises(aio.client.ApiException) as taken:
            await core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}})
        assert taken.value.status == 409
