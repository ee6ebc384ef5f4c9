"""What a plain start leaves out: who only writes ConfigMaps pays for no definitions, patches, Tables and roles."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

IMPORT = "from reconcilekit.testing import ApiServer"

REQUESTS = """
    import asyncio
    from reconcilekit.clock import SystemClock
    from reconcilekit.kube.transport import Request
    from reconcilekit.testing import ApiServer

    async def main():
        server, path = ApiServer(clock=SystemClock()), "/api/v1/namespaces/default/configmaps"
        for request in (
            Request(method="GET", path="/api/v1/namespaces"),
            Request(method="POST", path=path, body=b'{"metadata": {"name": "a"}}'),
            Request(method="GET", path=path + "/a"),
            Request(method="GET", path=path),
            Request(method="DELETE", path=path + "/a"),
        ):
            assert (await server.handle(request)).status < 300

    asyncio.run(main())
"""
"""What no more is needed for than for the import."""

SOCKET = """
    import asyncio
    from reconcilekit.clock import SystemClock
    from reconcilekit.testing.apiserver.__main__ import ApiServer

    async def main():
        async with ApiServer(clock=SystemClock()).serve():
            pass

    asyncio.run(main())
"""
"""The server by itself, as far as its first request."""

OF_SOCKETS = frozenset(
    {
        "aiohttp",
        "reconcilekit.testing.apiserver.access.impersonation",
        "reconcilekit.testing.apiserver.wire.http",
    }
)
OF_COMMAND_LINES = frozenset(
    {"reconcilekit.testing.apiserver.manifests", "reconcilekit.testing.apiserver.storage.folder"}
)

APART = (
    "OpenSSL",
    "aiohttp",
    "cryptography",
    "kubernetes",
    "tenacity",
    "yaml",
    "reconcilekit.cache",
    "reconcilekit.classification",
    "reconcilekit.kube.client",
    "reconcilekit.testing.apiserver.access.bootstrap",
    "reconcilekit.testing.apiserver.access.escalation",
    "reconcilekit.testing.apiserver.access.impersonation",
    "reconcilekit.testing.apiserver.access.reviews",
    "reconcilekit.testing.apiserver.crd.definitions.definition",
    "reconcilekit.testing.apiserver.crd.kind",
    "reconcilekit.testing.apiserver.crd.rules",
    "reconcilekit.testing.apiserver.crd.values",
    "reconcilekit.testing.apiserver.documents",
    "reconcilekit.testing.apiserver.encoding.protobuf",
    "reconcilekit.testing.apiserver.housekeeping.workloads",
    "reconcilekit.testing.apiserver.manifests",
    "reconcilekit.testing.apiserver.storage.folder",
    "reconcilekit.testing.apiserver.tables.table",
    "reconcilekit.testing.apiserver.verbs.patching",
    "reconcilekit.testing.apiserver.wire.http",
    "reconcilekit.testing.apiserver.writing.strategic",
)
"""What is imported where it is first used."""

MOST = 170
"""Modules of our own that a plain start may have; each costs a third of a millisecond."""


def loaded(code: str) -> list[str]:
    code = f"{textwrap.dedent(code)}\nimport sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def met(names: list[str]) -> Iterator[str]:
    for name in names:
        yield from (apart for apart in APART if name == apart or name.startswith(f"{apart}."))


@pytest.mark.parametrize("code", [IMPORT, REQUESTS], ids=["the import", "the first requests"])
def test_a_plain_start_imports_no_more_than_it_uses(code: str) -> None:
    names = loaded(code)

    assert "reconcilekit.testing.apiserver.server" in names
    assert sorted(set(met(names))) == []
    assert len([name for name in names if name.startswith("reconcilekit.")]) <= MOST


def test_the_server_by_itself_imports_no_more_but_its_socket() -> None:
    names = loaded(SOCKET)

    assert set(names) >= OF_SOCKETS
    assert set(met(names)) <= OF_SOCKETS | OF_COMMAND_LINES
