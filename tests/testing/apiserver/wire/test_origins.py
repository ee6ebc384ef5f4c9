"""Where the server says that it is: at the socket that the request came by."""

from __future__ import annotations

import json
import ssl
from typing import Any

import aiohttp

from reconcilekit.clock import SystemClock
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer

OPENID = "/.well-known/openid-configuration"


async def got(url: str, context: ssl.SSLContext | None = None, **headers: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context or True, headers=headers) as answer:
        return json.loads(await answer.read())


async def test_each_socket_tells_its_own_address() -> None:
    server = ApiServer(clock=SystemClock())
    async with server.serve() as one, server.serve() as other:
        for endpoint in (one, other):
            [told] = (await got(f"{endpoint.url}/api"))["serverAddressByClientCIDRs"]
            assert f"http://{told['serverAddress']}" == endpoint.url

            keys = (await got(f"{endpoint.url}{OPENID}"))["jwks_uri"]
            assert keys == f"{endpoint.url}/openid/v1/jwks"
            assert "keys" in await got(keys)


async def test_it_isn_t_the_client_s_to_say() -> None:
    server = ApiServer(clock=SystemClock())
    async with server.serve() as endpoint:
        [told] = (await got(f"{endpoint.url}/api", Host="example.com:99"))["serverAddressByClientCIDRs"]
        assert f"http://{told['serverAddress']}" == endpoint.url


async def test_a_socket_with_tls_says_so() -> None:
    server = ApiServer(clock=SystemClock())
    async with server.serve(tls=True) as endpoint:
        context = ssl.create_default_context(cadata=endpoint.certificate_authority.decode())
        keys = (await got(f"{endpoint.url}{OPENID}", context))["jwks_uri"]
        assert keys.startswith("https://127.0.0.1:")


async def test_without_a_socket_it_is_at_the_default_address() -> None:
    server = ApiServer(clock=SystemClock())
    for path, where in (("/api", "127.0.0.1:6443"), (OPENID, "https://127.0.0.1:6443/openid/v1/jwks")):
        answer = await server.handle(Request(method="GET", path=path))
        assert isinstance(answer, Response)
        assert where in answer.body.decode()
