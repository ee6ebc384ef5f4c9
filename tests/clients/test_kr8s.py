"""kr8s: objects with methods, waiting, scaling, watching."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import kr8s
import kr8s.asyncio
import kr8s.asyncio.objects
import kr8s.objects
import pytest

# It warns of Kubernetes versions that are newer than itself.
pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version:UserWarning")


class Running(Protocol):
    def kubeconfig(self, *, token: str = ..., namespace: str = ...) -> Path: ...


WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "nginx"}]},
        },
    },
}


def test_objects(cluster: Running) -> None:
    api: Any = kr8s.api(kubeconfig=str(cluster.kubeconfig(namespace="kr8s")))
    kr8s.objects.Namespace("kr8s", api=api).create()
    settings = kr8s.objects.ConfigMap({"metadata": {"name": "a"}, "data": {"mode": "slow"}}, api=api)
    settings.create()
    assert settings.exists()
    settings.patch({"data": {"mode": "fast"}})
    settings.label(tier="front")
    settings.annotate(note="x")
    settings.refresh()
    assert (settings.data.mode, settings.labels["tier"], settings.annotations["note"]) == ("fast", "front", "x")
    found = list(api.get("configmaps", label_selector={"tier": "front"}))
    assert [item.name for item in found] == ["a"]
    settings.delete()
    settings.wait("delete", timeout=20)
    assert not settings.exists()
    with pytest.raises(kr8s.NotFoundError):
        kr8s.objects.ConfigMap.get("a", api=api)


def test_workloads(cluster: Running) -> None:
    api: Any = kr8s.api(kubeconfig=str(cluster.kubeconfig(namespace="kr8s-work")))
    kr8s.objects.Namespace("kr8s-work", api=api).create()
    web = kr8s.objects.Deployment(WEB, api=api)
    web.create()
    web.wait("condition=Available", timeout=20)
    web.scale(2)
    assert web.replicas == 2
    web.wait("jsonpath='{.status.readyReplicas}'=2", timeout=20)
    pods = web.pods()
    assert len(pods) == 2
    assert all(pod.ready() for pod in pods)
    assert api.version()["major"] == "1"
    assert any(resource["kind"] == "Deployment" for resource in api.api_resources())


async def test_asyncio_and_watch(cluster: Running) -> None:
    api = await kr8s.asyncio.api(kubeconfig=str(cluster.kubeconfig()))
    settings = await kr8s.asyncio.objects.ConfigMap({"metadata": {"name": "watched"}}, api=api)
    await settings.create()
    async for kind, seen in api.watch("configmaps", field_selector={"metadata.name": "watched"}):
        assert (kind, seen.name) == ("ADDED", "watched")
        break
    await settings.delete()
    assert (await api.whoami()) == "kubernetes-admin"
