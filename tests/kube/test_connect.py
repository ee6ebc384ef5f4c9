"""From the surroundings to a client: what kubectl would talk to, under the controller's own name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconcilekit._version import __version__
from reconcilekit.clock import SystemClock
from reconcilekit.errors import ConfigError
from reconcilekit.kube.connect import connect
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer
from tests.servers import ServerUnderTest

CONFIG_MAP = Resource("v1", "ConfigMap")
MANIFEST = {"metadata": {"name": "a", "namespace": "default"}, "data": {"k": "v"}}


@pytest.mark.lanes("socket", "real")  # a kubeconfig leads to a socket
async def test_a_client_of_the_kubeconfig_goes_by_the_controllers_name(
    api_server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_server.write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    client = connect(name="cert-controller")
    applied = await client.apply(CONFIG_MAP, MANIFEST)
    await client.aclose()

    assert applied.owned_fields is not None
    path = "/api/v1/namespaces/default/configmaps/a"
    stored = json.loads((await api_server.transport().send(Request(method="GET", path=path))).body)
    assert [entry["manager"] for entry in stored["metadata"]["managedFields"]] == ["cert-controller"]


async def test_its_requests_tell_whose_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer(clock=SystemClock(), tokens={"me": "secret"})
    async with server.serve() as endpoint:
        endpoint.write_kubeconfig(tmp_path / "config", token="secret")
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        client = connect(name="cert-controller")
        await client.apply(CONFIG_MAP, MANIFEST)
        await client.aclose()

    assert {record.user_agent for record in server.requests} == {f"cert-controller reconcilekit/{__version__}"}
    assert {record.user for record in server.requests} == {"me"}


async def test_another_context_is_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [ApiServer(clock=SystemClock()), ApiServer(clock=SystemClock())]
    async with servers[0].serve() as here, servers[1].serve() as there:
        config = here.kubeconfig()
        config["clusters"] = [
            {"name": "reconcilekit", "cluster": {"server": here.url}},
            {"name": "other", "cluster": {"server": there.url}},
        ]
        config["contexts"] = [
            {"name": name, "context": {"cluster": name, "user": "reconcilekit"}} for name in ("reconcilekit", "other")
        ]
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        client = connect(name="cert-controller", context="other")
        await client.create(CONFIG_MAP, MANIFEST)
        await client.aclose()

    assert servers[1].object(CONFIG_MAP, "a", namespace="default") is not None
    assert len(servers[0].requests) == 0


def test_a_config_that_is_not_there_is_somebodys_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="missing doesn't exist"):
        connect(name="cert-controller")
