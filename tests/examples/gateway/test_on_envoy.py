"""The rendering on a real Envoy: it takes every golden case, and answers as the translation meant it.

So it does with the objects as an API server gives them back, defaults and all.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from examples.gateway.certificates import KeyPair, self_signed
from examples.gateway.envoy import EnvoyNotFoundError, find_envoy
from examples.gateway.manifests import CRDS, load_manifests, parse_manifests
from examples.gateway.reads import Objects
from examples.gateway.snapshot import Snapshot
from examples.gateway.static import static_bootstrap
from examples.gateway.translate import translate
from reconcilekit.clock import SystemClock
from reconcilekit.kube.client import Client as KubeClient
from reconcilekit.kube.resource import Resource
from reconcilekit.testing import ApiServer
from tests.examples.gateway.xds.published import free_port
from tests.servers import RealServer

from .test_golden import CASES, translations


@pytest.fixture(scope="session")
def envoy() -> Path:
    try:
        return find_envoy()
    except EnvoyNotFoundError as error:
        pytest.skip(f"the rendering is not tried on a real Envoy: {error}")


def validate(envoy: Path, snapshot: Snapshot, config: Path) -> str:
    """What Envoy says of it, "" where it takes it."""
    config.write_text(json.dumps(static_bootstrap(snapshot)), encoding="utf-8")
    command = [str(envoy), "--mode", "validate", "-c", str(config), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_envoy_takes_every_case(envoy: Path, tmp_path: Path) -> None:
    refused = {
        f"{case}/{name}": said
        for case in CASES
        for name, translation in translations(case).items()
        if (said := validate(envoy, translation.snapshot, tmp_path / "envoy.json"))
    }

    assert refused == {}


def test_envoy_refuses_a_route_to_a_missing_cluster_when_it_is_static(envoy: Path, tmp_path: Path) -> None:
    """The proof that the test above can fail."""
    snapshot = translations("http-simple")["gw"].snapshot
    holed = Snapshot(listeners=snapshot.listeners, routes=snapshot.routes)

    assert "default/web/80" in validate(envoy, holed, tmp_path / "envoy.json")


OBJECTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: reconcilekit
  listeners:
    - {name: http, port: ${HTTP}, protocol: HTTP}
    - name: shop
      hostname: shop.example.com
      port: ${HTTPS}
      protocol: HTTPS
      tls: {certificateRefs: [{name: certificate}]}
    - name: wild
      hostname: "*.example.com"
      port: ${HTTPS}
      protocol: HTTPS
      tls: {certificateRefs: [{name: certificate}]}
---
apiVersion: v1
kind: Secret
metadata: {name: certificate, namespace: default}
data: {tls.crt: ${CERTIFICATE}, tls.key: ${KEY}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: default}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: web, port: 80}]
    - matches: [{path: {value: /admin}}]
      filters: [{type: ExtensionRef, extensionRef: {group: gateway.reconcilekit.dev, kind: TokenPolicy, name: admin}}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{path: {value: /half}}]
      backendRefs: [{name: web, port: 80}, {name: gone, port: 80}]
    - matches: [{path: {value: /gone}}]
      backendRefs: [{name: gone, port: 80}]
    - matches: [{path: {value: /idle}}]
      backendRefs: [{name: idle, port: 80}]
    - matches: [{path: {type: Exact, value: /exact}, headers: [{name: X-Version, value: v2}]}]
      backendRefs: [{name: gone, port: 80}]
---
apiVersion: gateway.reconcilekit.dev/v1alpha1
kind: TokenPolicy
metadata: {name: admin, namespace: default}
spec: {secretRef: {name: token}}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: default}
data: {token: czNjcmV0}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: idle, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: ${BACKEND}}]
endpoints: [{addresses: ["${HOST}"]}]
"""

LOOPBACK, OTHERS = "127.0.0.1", "192.0.2.1"
"""Where the backend listens; a real API server refuses loopback."""

ON_OTHERS = (pytest.mark.real, pytest.mark.own_network(OTHERS))
LANES = ["as written", "embedded", pytest.param("real", marks=ON_OTHERS)]

Readers = AsyncIterator[KubeClient | None]


@pytest.fixture
async def reader(request: pytest.FixtureRequest) -> Readers:
    """Whoever creates the objects and reads them back; None where they are taken as they are written."""
    match getattr(request, "param", "as written"):
        case "real":
            real = RealServer(request.getfixturevalue("_gateway_plane"))
            yield real.client("kubectl")
            await real.aclose()
        case "embedded":
            client = ApiServer(clock=SystemClock(), accept_loopback_endpoints=True).client("kubectl")
            for definition in load_manifests(CRDS):
                await client.create(Resource(definition["apiVersion"], definition["kind"]), definition)
            yield client
        case _:
            yield None


@asynccontextmanager
async def backend(host: str) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(envoy: Path, bootstrap: dict[str, Any], folder: Path, *, port: int) -> AsyncIterator[None]:
    config = folder / "envoy.json"
    config.write_text(json.dumps(bootstrap), encoding="utf-8")
    arguments = ["-c", str(config), "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
    log = (folder / "envoy.log").open("wb")
    process = await asyncio.create_subprocess_exec(envoy, *arguments, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(100):
            while not await listens(port):
                assert process.returncode is None, (folder / "envoy.log").read_text(encoding="utf-8")
                await SystemClock().sleep(0.02)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        log.close()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


class Client:
    def __init__(self, session: aiohttp.ClientSession, *, http: int, https: int, trust: ssl.SSLContext) -> None:
        self._session = session
        self._http = http
        self._https = https
        self._trust = trust

    async def plain(self, path: str, **headers: str) -> int:
        url = f"http://127.0.0.1:{self._http}{path}"
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            return response.status

    async def encrypted(self, path: str, *, server_name: str, host: str) -> int:
        url = f"https://127.0.0.1:{self._https}{path}"
        async with self._session.get(
            url, headers={"host": host}, ssl=self._trust, server_hostname=server_name
        ) as response:
            return response.status


@asynccontextmanager
async def client(envoy: Path, folder: Path, reader: KubeClient | None, host: str = LOOPBACK) -> AsyncIterator[Client]:
    pair = self_signed(["shop.example.com", "*.example.com"], now=datetime.datetime.now(datetime.UTC))
    http, https = free_port(), free_port()
    async with backend(host) as port:
        snapshot = await translated(pair, reader, HOST=host, HTTP=http, HTTPS=https, BACKEND=port)
        trust = ssl.create_default_context(cadata=pair.certificate.decode())
        async with (
            serving(envoy, static_bootstrap(snapshot), folder, port=https),
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=100)) as session,
        ):
            yield Client(session, http=http, https=https, trust=trust)


async def translated(pair: KeyPair, reader: KubeClient | None, **places: int | str) -> Snapshot:
    values = {
        "CERTIFICATE": base64.b64encode(pair.certificate).decode(),
        "KEY": base64.b64encode(pair.private_key).decode(),
        **{name: str(place) for name, place in places.items()},
    }
    objects = parse_manifests(OBJECTS, values)
    if reader is not None:
        objects = [(await reader.create(Resource(o["apiVersion"], o["kind"]), o)).decode() for o in objects]
    return translate(objects[0], Objects(objects)).snapshot


@pytest.mark.parametrize("reader", LANES, indirect=True)
async def test_answers_are_what_the_translation_meant(
    envoy: Path, tmp_path: Path, reader: KubeClient | None, request: pytest.FixtureRequest
) -> None:
    host = OTHERS if request.node.get_closest_marker("real") else LOOPBACK
    async with client(envoy, tmp_path, reader, host) as ask:
        statuses = {
            "any path": await ask.plain("/x"),
            "token": await ask.plain("/admin/x", authorization="Bearer s3cret"),
            "no token": await ask.plain("/admin/x"),
            "wrong token": await ask.plain("/admin", authorization="Bearer s3cre"),
            "sibling of the prefix": await ask.plain("/administration"),
            "around the prefix": await ask.plain("/x/%2e%2e/admin"),
            "doubled slash": await ask.plain("//admin"),
            "escaped slash": await ask.plain("/x%2F..%2Fadmin"),
            "missing backend": await ask.plain("/gone"),
            "no endpoints": await ask.plain("/idle"),
            "exact with header": await ask.plain("/exact", **{"x-version": "v2"}),
            "exact without header": await ask.plain("/exact"),
        }
        halves = Counter([await ask.plain("/half") for _ in range(100)])

    assert statuses == {
        "any path": 200,
        "token": 200,
        "no token": 401,
        "wrong token": 401,
        "sibling of the prefix": 200,
        "around the prefix": 401,
        "doubled slash": 401,
        "escaped slash": 307,
        "missing backend": 500,
        "no endpoints": 503,
        "exact with header": 500,
        "exact without header": 200,
    }
    assert set(halves) == {200, 500}


async def test_connection_for_one_host_is_no_way_to_another_listener(envoy: Path, tmp_path: Path) -> None:
    async with client(envoy, tmp_path, None) as ask:
        own = await ask.encrypted("/", server_name="shop.example.com", host="shop.example.com")
        other = await ask.encrypted("/", server_name="shop.example.com", host="x.example.com")
        wild = await ask.encrypted("/", server_name="x.example.com", host="x.example.com:8443")
        back = await ask.encrypted("/", server_name="x.example.com", host="shop.example.com")

    assert (own, other, wild, back) == (200, 421, 200, 421)
