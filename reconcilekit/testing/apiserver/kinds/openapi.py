"""As much OpenAPI v3 as `kubectl` asks for before it lets the server validate: that fieldValidation is understood."""

from __future__ import annotations

from typing import Any

import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.status import JSON


def document(registry: Registry, path: str) -> Response | None:
    """GET /openapi/v3 and what it lists, None for what isn't there."""
    if not path:
        return _json({"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in _names(registry)}})
    names = _names(registry)
    if path not in names:
        return None
    group, version = names[path]
    types = registry.types(group, version)
    return _json(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.37.2"},
            "paths": {_path(served): {"patch": _patch_operation(served)} for served in types},
            "components": {"schemas": {}},
        }
    )


def _names(registry: Registry) -> dict[str, tuple[str, str]]:
    return {
        (f"apis/{group}/{version}" if group else f"api/{version}"): (group, version)
        for group in registry.groups()
        for version in registry.versions(group)
    }


def _path(served: ResourceType) -> str:
    root = f"/apis/{served.group}" if served.group else "/api"
    scope = "/namespaces/{namespace}" if served.is_namespaced else ""
    return f"{root}/{served.version}{scope}/{served.plural}/{{name}}"


def _patch_operation(served: ResourceType) -> dict[str, Any]:
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    return {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {"group": served.group, "version": served.version, "kind": served.kind},
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names],
        "responses": {"200": {"description": "OK"}},
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(status=200, headers={"content-type": JSON}, body=msgspec.json.encode(body))
