"""Each lane's server offers the same to a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.errors import ApiError
from reconcilekit.kube.client import Client
from reconcilekit.kube.config import load_kubeconfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.resource import Resource
from reconcilekit.testing import ApiServer, custom_kind
from reconcilekit.testing.controlplane import NAMESPACED, NOBODY
from tests.servers import ServerUnderTest

CONFIG_MAP = Resource("v1", "ConfigMap")
WIDGET = Resource("example.com/v1", "Widget")

pytestmark = pytest.mark.lanes("embedded", "socket", "real")


def named(namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": namespace}}


async def test_a_user_may_do_what_was_granted_and_no_more(api_server: ServerUnderTest) -> None:
    theirs, other = await api_server.new_namespace(), await api_server.new_namespace()
    await api_server.grant(theirs)

    await api_server.client("m", user=NAMESPACED).create(CONFIG_MAP, named(theirs))
    for user, namespace in ((NAMESPACED, other), (NOBODY, theirs)):
        with pytest.raises(ApiError) as refused:
            await api_server.client("m", user=user).create(CONFIG_MAP, named(namespace))
        assert (refused.value.status, refused.value.reason) == (403, "Forbidden")


async def test_an_installed_kind_can_be_used_at_once(api_server: ServerUnderTest) -> None:
    await api_server.install(custom_kind(WIDGET))
    client = api_server.client("m")
    await client.create(WIDGET, named("default"))
    assert len((await client.list_page(WIDGET)).items) == 1


async def test_a_kubeconfig_leads_other_clients_there(api_server: ServerUnderTest, tmp_path: Path) -> None:
    api_server.write_kubeconfig(tmp_path / "config", user=NOBODY, namespace="there")
    config = load_kubeconfig(tmp_path / "config")
    assert (config.server, config.namespace) == (api_server.url, "there")
    transport = HttpTransport(config, user_agent="test")
    with pytest.raises(ApiError) as refused:
        await Client(transport, clock=SystemClock(), field_manager="m").create(CONFIG_MAP, named("default"))
    await transport.aclose()
    assert refused.value.status == 403


async def test_both_say_their_version(api_server: ServerUnderTest) -> None:
    assert (await api_server.version()).startswith("v1.")


def test_what_needs_the_embedded_server_has_no_real_lane(
    api_server: ServerUnderTest, embedded_server: ApiServer
) -> None:
    assert api_server.lane in ("embedded", "socket")
    assert embedded_server.requests is not None
