"""TLS, and users who show certificates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from OpenSSL import SSL

from reconcilekit.clock import SystemClock
from reconcilekit.kube.config import load_kubeconfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer
from reconcilekit.testing.apiserver.access.credentials import encoded
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.wire.endpoint import TokenOverHttpWarning

WHOAMI = Request(method="POST", path="/apis/authentication.k8s.io/v1/selfsubjectreviews", body=b"{}")


async def told(kubeconfig: Path) -> Any:
    transport = HttpTransport(load_kubeconfig(kubeconfig), user_agent="tester")
    try:
        answer = await transport.send(WHOAMI)
    finally:
        await transport.aclose()
    body = msgspec.json.decode(answer.body)
    return body["status"]["userInfo"] if answer.status == 201 else (answer.status, body["message"])


async def test_a_certificate_names_its_user_and_groups(tmp_path: Path) -> None:
    server = ApiServer(clock=SystemClock(), authorization="RBAC")
    async with server.serve(tls=True) as endpoint:
        assert endpoint.url.startswith("https://127.0.0.1:")
        path = tmp_path / "kubeconfig"
        endpoint.write_kubeconfig(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert await told(path) == {
            "username": "kubernetes-admin",
            "groups": ["system:masters", "system:authenticated"],
        }
        endpoint.write_kubeconfig(path, user=User("jane", groups=["dev", "ops"]))
        assert await told(path) == {"username": "jane", "groups": ["dev", "ops", "system:authenticated"]}
        endpoint.write_kubeconfig(path, token="nonsense")
        assert await told(path) == (401, "Unauthorized")


async def test_tokens_do_it_without_tls(tmp_path: Path) -> None:
    server = ApiServer(clock=SystemClock(), tokens={"me": "secret"})
    async with server.serve() as endpoint:
        path = tmp_path / "kubeconfig"
        with pytest.warns(TokenOverHttpWarning):
            endpoint.write_kubeconfig(path, user=User("jane", groups=["dev"]))
        assert await told(path) == {"username": "jane", "groups": ["dev", "system:authenticated"]}
        endpoint.write_kubeconfig(path, token="secret")
        assert (await told(path))["username"] == "me"


async def test_another_authoritys_certificate_proves_nothing(tmp_path: Path) -> None:
    # Anybody may do anything there, and yet a certificate that isn't right is told.
    first, second = (ApiServer(clock=SystemClock(), tokens={"me": "secret"}, anonymous=True) for _ in range(2))
    async with first.serve(tls=True) as endpoint, second.serve(tls=True) as other:
        kubeconfig: dict[str, Any] = other.kubeconfig()
        kubeconfig["clusters"] = endpoint.kubeconfig()["clusters"]
        path = tmp_path / "kubeconfig"
        path.write_bytes(msgspec.json.encode(kubeconfig))
        assert await told(path) == (401, "Unauthorized")
        kubeconfig["users"][0]["user"]["token"] = "secret"
        path.write_bytes(msgspec.json.encode(kubeconfig))
        assert (await told(path))["username"] == "me"
        del kubeconfig["users"][0]["user"]["client-certificate-data"], kubeconfig["users"][0]["user"]["token"]
        path.write_bytes(msgspec.json.encode({**kubeconfig, "users": [{"name": "reconcilekit", "user": {}}]}))
        assert (await told(path))["username"] == "system:anonymous"


async def test_a_certificate_for_servers_names_no_user(tmp_path: Path) -> None:
    server = ApiServer(clock=SystemClock())
    async with server.serve(tls=True) as endpoint:
        pair = server.access.keys.authority.for_server("127.0.0.1")
        user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
        kubeconfig = {**endpoint.kubeconfig(), "users": [{"name": "reconcilekit", "user": user}]}
        path = tmp_path / "kubeconfig"
        path.write_bytes(msgspec.json.encode(kubeconfig))
        assert await told(path) == (401, "Unauthorized")


def known_authorities(port: int) -> list[str]:
    """The authorities that a server names to its clients."""
    with socket.create_connection(("127.0.0.1", port)) as connected:
        connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), connected)
        connection.set_connect_state()
        connection.do_handshake()
        return [str(name.CN) for name in connection.get_client_ca_list()]


async def test_it_says_whose_certificates_it_knows() -> None:
    """Go's clients show none but of these authorities."""
    async with ApiServer(clock=SystemClock()).serve(tls=True) as endpoint:
        port = int(endpoint.url.rpartition(":")[2])
        assert await asyncio.to_thread(known_authorities, port) == ["reconcilekit"]


async def test_much_passes_in_one_answer() -> None:
    server = ApiServer(clock=SystemClock())
    client = server.client("test")
    for name in "abcd":
        body = {"metadata": {"name": name, "namespace": "default"}, "data": {"x": name * 1_000_000}}
        await client.create(Resource("v1", "ConfigMap"), body)
    async with server.serve(tls=True) as endpoint, aiohttp.ClientSession() as session:
        context = ssl.create_default_context(cadata=endpoint.certificate_authority.decode())
        async with session.get(f"{endpoint.url}/api/v1/configmaps", ssl=context) as answer:
            assert [len(item["data"]["x"]) for item in (await answer.json())["items"]] == [1_000_000] * 4


async def test_strangers_to_the_authority_trust_no_server_of_it() -> None:
    async with ApiServer(clock=SystemClock()).serve(tls=True) as endpoint, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(endpoint.url)
        context = ssl.create_default_context(cadata=endpoint.certificate_authority.decode())
        async with session.get(f"{endpoint.url}/version", ssl=context) as answer:
            assert answer.status == 200
