"""What the server's tests share: a caller that speaks JSON, and runs on virtual time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from reconcilekit.clock import Clock
from reconcilekit.kube.transport import Request, Response, Stream
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual

CONTENT_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
    "strategic": "application/strategic-merge-patch+json",
}


@attrs.frozen
class Answer:
    """A response, decoded."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def message(self) -> str:
        return str(self.body["message"])


@attrs.define
class Caller:
    """Sends JSON to a server, straight."""

    server: ApiServer
    clock: Clock
    user_agent: str = "tester/1.0"
    token: str = ""

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        patch: str = "",
        accept: str = "",
        content_type: str = "",
        **query: str,
    ) -> Answer:
        request = self.request(method, path, body, patch=patch, accept=accept, content_type=content_type, query=query)
        transport = self.server.transport(self.user_agent, token=self.token)
        return decoded(await transport.send(request))

    async def watch(self, path: str, *, silence: float = 400.0, **query: str) -> Stream:
        request = self.request("GET", path, silence=silence, query={"watch": "1", **query})
        return await self.server.transport(self.user_agent).open(request)

    async def events(self, stream: Stream) -> list[dict[str, Any]]:
        """All events of a watch until it ends."""
        data = b"".join([chunk async for chunk in stream])
        return [msgspec.json.decode(line) for line in data.splitlines()]

    async def define_widgets(self) -> dict[str, Any]:
        """A custom kind whose conditions are a keyed list."""
        conditions: dict[str, Any] = {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        }
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        conditions["items"] = {**anything, "required": ["type"], "properties": {"type": {"type": "string"}}}
        status = {**anything, "properties": {"conditions": conditions}}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": status}}},
        }
        spec = {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [version],
        }
        definition = {"metadata": {"name": "widgets.example.com"}, "spec": spec}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        assert (await self("POST", path, definition)).status == 201
        found: dict[str, Any] = (await self("GET", f"{path}/widgets.example.com")).body
        return found

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        patch: str = "",
        accept: str = "",
        content_type: str = "",
        silence: float = 35.0,
        query: Mapping[str, str] | None = None,
    ) -> Request:
        headers = {"content-type": content_type or CONTENT_TYPES.get(patch, "application/json")}
        if accept:
            headers["accept"] = accept
        encoded = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        return Request(method=method, path=path, query=query or {}, body=encoded, headers=headers, timeout=silence)


def decoded(response: Response) -> Answer:
    is_json = response.headers.get("content-type", "").startswith("application/json")
    body = msgspec.json.decode(response.body) if is_json and response.body else response.body.decode()
    return Answer(response.status, dict(response.headers), body)


Scenario = Callable[[Caller], Coroutine[object, object, Any]]


@pytest.fixture
def on_server() -> Callable[..., Any]:
    """Runs `scenario(caller)` against a fresh server on virtual time; what it broke in the server is raised."""

    def run(scenario: Scenario, *, seed: int = 0, **options: Any) -> Any:
        async def main(clock: VirtualClock) -> Any:
            server = ApiServer(clock=clock, **options)
            result = await scenario(Caller(server, clock))
            if broken := next((record.error for record in server.requests if record.error is not None), None):
                raise broken
            return result

        return run_virtual(main, seed=seed)

    return run


@pytest.fixture
def widgets() -> str:
    """Where `Caller.define_widgets` puts the kind."""
    return "/apis/example.com/v1/namespaces/default/widgets"


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder, and a user for the test who may not read everything, as root may."""
    with tempfile.TemporaryDirectory() as name:
        folder, is_root = Path(name), os.geteuid() == 0
        if is_root:
            folder.chmod(0o777)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
