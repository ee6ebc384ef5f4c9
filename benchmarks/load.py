"""What is asked of an API server: by aiohttp alone, so that no client of ours weighs on the figures."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from reconcilekit.kube.config import load_kubeconfig

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Load:
    """One client process's connections to one server.

    Args:
        kubeconfig: of the server.
        connections: that are kept alive and used at once.
    """

    def __init__(self, kubeconfig: str, *, connections: int = 16) -> None:
        self._config = load_kubeconfig(kubeconfig)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        trusted = self._config.ca_file
        connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=trusted) if trusted else True)
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._config.authorization:
            headers["authorization"] = self._config.authorization
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open_session().close()

    async def create(self, count: int) -> None:
        """Create ConfigMaps, over all the connections at once."""
        numbers = iter(range(count))
        await asyncio.gather(*(self._create_from(numbers) for _ in range(self._connections)))

    async def get(self, path: str) -> bytes:
        """A whole answer."""
        async with self._open_session().get(self._config.server + path) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise AssertionError(f"GET {path}: {answer.status} {body[:200].decode()}")
            return body

    @contextlib.asynccontextmanager
    async def watches(self, count: int) -> AsyncIterator[None]:
        """As many watches that begin with the whole state, until the block ends."""
        tasks = [asyncio.ensure_future(self._watch()) for _ in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _create_from(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            body = config_map(number)
            async with self._open_session().post(self._config.server + CONFIG_MAPS, data=body) as answer:
                said = await answer.read()
                if answer.status != 201:
                    raise AssertionError(f"POST {CONFIG_MAPS}: {answer.status} {said[:200].decode()}")

    async def _watch(self) -> None:
        url = f"{self._config.server}{CONFIG_MAPS}?watch=1&resourceVersion=0"
        async with self._open_session().get(url) as answer:
            async for _ in answer.content.iter_any():
                pass

    def _open_session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session


def config_map(number: int) -> bytes:
    """A small object, as controllers make many of."""
    metadata = {"name": f"made-{number:06}", "labels": {"app": "benchmark"}}
    return msgspec.json.encode(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"number": str(number), "text": "x" * 40},
        }
    )
