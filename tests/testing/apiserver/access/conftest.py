"""What the tests of access share: requests of one user or another, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import msgspec
import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.access.users import ADMIN, User


@attrs.frozen
class Reply:
    """An answer, decoded."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["message"])


@attrs.define
class Asker:
    """Sends JSON as whoever is named."""

    server: ApiServer
    clock: VirtualClock

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: User | None = None,
        token: str = "",
        content_type: str = "application/json",
        **headers: str,
    ) -> Reply:
        told = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        parameters = dict(part.split("=", 1) for part in query.split("&")) if query else {}
        encoded = None if body is None else msgspec.json.encode(body)
        transport = self.server.transport(user=user, token=token)
        answer = await transport.send(Request(method=method, path=path, query=parameters, body=encoded, headers=told))
        is_json = answer.headers["content-type"].startswith("application/json")
        return Reply(answer.status, msgspec.json.decode(answer.body) if is_json else answer.body.decode())

    async def admin(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """As the administrator, who mustn't fail."""
        reply = await self(method, path, body, user=ADMIN, **more)
        assert reply.status < 300, reply
        return reply.body

    async def allow(self, subject: dict[str, Any], *rules: dict[str, Any], namespace: str = "default") -> None:
        """Give a subject a Role of these rules, or a ClusterRole where the namespace is ""."""
        group = "rbac.authorization.k8s.io"
        prefix, kind = (f"namespaces/{namespace}/", "") if namespace else ("", "Cluster")
        plural = f"/apis/{group}/v1/{prefix}{kind.lower()}"
        name = f"r{self.server.revision}"
        await self.admin("POST", f"{plural}roles", {"metadata": {"name": name}, "rules": list(rules)})
        reference = {"apiGroup": group, "kind": f"{kind}Role", "name": name}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        await self.admin("POST", f"{plural}rolebindings", binding)


Scenario = Callable[[Asker], Coroutine[Any, Any, None]]
Play = Callable[..., None]


@pytest.fixture
def play() -> Play:
    """Runs a scenario against a new server on virtual time; options are the server's."""

    def play(scenario: Scenario, **options: Any) -> None:
        async def main(clock: VirtualClock) -> None:
            await scenario(Asker(ApiServer(clock=clock, **options), clock))

        run_virtual(main)

    return play
