"""A transport that answers from a script and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs

from reconcilekit.errors import WireError
from reconcilekit.kube.transport import Request, Response

Answer = Response | WireError


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status=status, body=json.dumps(body).encode(), headers=headers or {})


def status_response(code: int, reason: str, message: str = "no", **more: Any) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return json_response(status | {"code": code} | more, code)


@attrs.define
class ScriptedStream:
    """Chunks, then an error or the end."""

    chunks: list[bytes]
    status: int = 200
    error: WireError | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    closed: int = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        self.closed += 1


class ScriptedTransport:
    """Answers each "METHOD /path" from its queue; the last answer of a queue is given for ever."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.closed = 0
        self._answers: dict[str, list[Answer | ScriptedStream]] = {}

    def on(self, request: str, *answers: Answer | ScriptedStream) -> ScriptedTransport:
        self._answers[request] = list(answers)
        return self

    def count(self, request: str) -> int:
        return sum(str(each) == request for each in self.requests)

    async def send(self, request: Request) -> Response:
        answer = self._next(request)
        assert isinstance(answer, Response)
        return answer

    async def open(self, request: Request) -> ScriptedStream:
        answer = self._next(request)
        assert isinstance(answer, ScriptedStream)
        return answer

    async def aclose(self) -> None:
        self.closed += 1

    def _next(self, request: Request) -> Response | ScriptedStream:
        self.requests.append(request)
        queue = self._answers[str(request)]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, WireError):
            raise answer
        return answer


def aggregated(*groups: dict[str, Any]) -> Response:
    return json_response({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})


def group(name: str, version: str, *resources: dict[str, Any], freshness: str = "Current") -> dict[str, Any]:
    listed = {"version": version, "freshness": freshness, "resources": list(resources)}
    return {"metadata": {"name": name} if name else {}, "versions": [listed]}


def listed(plural: str, kind: str, *, namespaced: bool = True, status: bool = False) -> dict[str, Any]:
    subresources = [{"subresource": "status", "responseKind": {"kind": kind}, "verbs": ["get", "patch"]}]
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "v1", "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "verbs": ["get", "list", "watch"],
        "subresources": subresources if status else [],
    }


CORE = aggregated(
    group("", "v1", listed("configmaps", "ConfigMap"), listed("nodes", "Node", namespaced=False, status=True))
)
GROUPS = aggregated(group("example.com", "v1", listed("widgets", "Widget", status=True)))


def serving(*, core: Answer = CORE, groups: Answer = GROUPS) -> ScriptedTransport:
    return ScriptedTransport().on("GET /api", core).on("GET /apis", groups)
