"""lightkube: typed resources, generic ones, apply, watch, wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from lightkube import ApiError, AsyncClient, Client, KubeConfig, codecs
from lightkube.generic_resource import create_namespaced_resource, load_in_cluster_generic_resources
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.types import PatchType

from reconcilekit.kube.resource import Resource
from reconcilekit.testing import custom_kind


class Running(Protocol):
    def kubeconfig(self, *, token: str = ..., namespace: str = ...) -> Path: ...


@pytest.fixture
def client(cluster: Running, own_name: str) -> Iterator[Client]:
    name = f"lightkube-{own_name}"
    settings = KubeConfig.from_file(cluster.kubeconfig(namespace=name))
    client = Client(config=settings, field_manager="lightkube-test")
    client.create(Namespace(metadata=ObjectMeta(name=name)))
    yield client
    client.close()


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, labels={"app": "test"}), data=data)


def test_typed_resources(client: Client) -> None:
    made = client.create(config_map("a", mode="slow"))
    assert made.metadata is not None
    assert made.metadata.resourceVersion
    made.data = {"mode": "fast"}
    assert client.replace(made).data == {"mode": "fast"}
    with pytest.raises(ApiError) as stale:
        client.replace(made)
    assert (stale.value.status.code, stale.value.status.reason) == (409, "Conflict")
    patched = client.patch(ConfigMap, "a", {"data": {"mode": None, "size": "3"}}, patch_type=PatchType.MERGE)
    assert patched.data == {"size": "3"}
    applied = client.apply(config_map("a", size="4"), force=True)
    assert applied.data == {"size": "4"}
    assert [found.metadata.name for found in client.list(ConfigMap, labels={"app": "test"}) if found.metadata] == ["a"]
    client.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as missing:
        client.get(ConfigMap, "a")
    assert missing.value.status.code == 404


def test_lists_in_chunks(client: Client) -> None:
    for number in range(7):
        client.create(config_map(f"m-{number}"))
    found = client.list(ConfigMap, labels={"app": "test"}, chunk_size=3)
    assert len(list(found)) == 7


def test_watch_and_wait(client: Client) -> None:
    client.create(config_map("a"))
    events = client.watch(ConfigMap, labels={"app": "test"}, server_timeout=20)
    kind, seen = next(iter(events))
    assert (kind, seen.metadata and seen.metadata.name) == ("ADDED", "a")
    manifest = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec: {containers: [{name: main, image: nginx}]}
    """
    (deployment,) = codecs.load_all_yaml(manifest)
    client.apply(deployment)
    ready = client.wait(Deployment, "web", for_conditions=["Available"])
    assert ready.status is not None
    client.patch(Deployment.Scale, "web", {"spec": {"replicas": 1}})
    scale: Any = client.get(Deployment.Scale, "web")
    assert scale.spec.replicas == 1
    assert len(list(client.list(Pod, labels={"app": "web"}))) >= 1


@pytest.mark.lanes("socket")  # a real server takes a moment to serve a new kind, and lightkube does not wait
def test_custom_kinds(client: Client) -> None:
    (crd,) = codecs.load_all_yaml(json.dumps(custom_kind(Resource("example.com/v1", "Gadget"))))
    client.create(crd)
    load_in_cluster_generic_resources(client)
    gadget = create_namespaced_resource("example.com", "v1", "Gadget", "gadgets")
    client.create(gadget(metadata=ObjectMeta(name="g"), spec={"size": 3}))
    found: Any = client.get(gadget, "g")
    assert found.spec == {"size": 3}
    client.patch(gadget.Status, "g", {"status": {"ready": True}}, patch_type=PatchType.MERGE)
    found = client.get(gadget, "g")
    assert found.status == {"ready": True}


async def test_client_for_asyncio(cluster: Running) -> None:
    client: Any = AsyncClient(config=KubeConfig.from_file(cluster.kubeconfig()))
    await client.create(config_map("from-asyncio", x="y"), namespace="default")
    async for kind, seen in client.watch(ConfigMap, namespace="default", labels={"app": "test"}):
        assert (kind, seen.metadata and seen.metadata.name) == ("ADDED", "from-asyncio")
        break
    await client.delete(ConfigMap, "from-asyncio", namespace="default")
    await client.close()
