"""What the server says it serves: discovery, aggregated (KEP-3352) and legacy."""

from __future__ import annotations

from typing import Any

import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.kinds.resources import VERBS, Registry, ResourceType
from reconcilekit.testing.apiserver.status import JSON
from reconcilekit.testing.apiserver.wire.negotiation import Accepted

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_STATUS_VERBS = ["get", "patch", "update"]


def api_root(registry: Registry, accepted: Accepted) -> Response:
    """GET /api: the core group."""
    if accepted.is_aggregated_discovery:
        return _aggregated(registry, [""])
    versions = {
        "kind": "APIVersions",
        "versions": registry.versions(""),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:0"}],
    }
    return _json(versions)


def apis_root(registry: Registry, accepted: Accepted) -> Response:
    """GET /apis: every other group."""
    groups = [group for group in registry.groups() if group]
    if accepted.is_aggregated_discovery:
        return _aggregated(registry, groups)
    listed = [_group(registry, group) for group in groups]
    return _json({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})


def group_document(registry: Registry, group: str) -> Response | None:
    """GET /apis/<group>, None where it isn't served."""
    if not group or not registry.versions(group):
        return None
    return _json({"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)})


def version_document(registry: Registry, group: str, version: str) -> Response | None:
    """GET /api/v1 or /apis/<group>/<version>, None where it isn't served."""
    types = registry.types(group, version)
    if not types:
        return None
    resources = [entry for served in types for entry in _legacy_entries(served)]
    group_version = types[0].api_version
    return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})


def _group(registry: Registry, group: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in registry.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _legacy_entries(served: ResourceType) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": served.plural,
        "singularName": served.singular,
        "namespaced": served.is_namespaced,
        "kind": served.kind,
        "verbs": list(VERBS),
        **_other_names(served),
    }
    entries = [entry]
    if served.has_status:
        entries.append(
            {
                "name": f"{served.plural}/status",
                "singularName": "",
                "namespaced": served.is_namespaced,
                "kind": served.kind,
                "verbs": _STATUS_VERBS,
            }
        )
    return entries


def _aggregated(registry: Registry, groups: list[str]) -> Response:
    items = [_aggregated_group(registry, group) for group in groups]
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }
    return Response(status=200, headers={"content-type": AGGREGATED}, body=msgspec.json.encode(body))


def _aggregated_group(registry: Registry, group: str) -> dict[str, Any]:
    versions = [_aggregated_version(registry, group, version) for version in registry.versions(group)]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _aggregated_version(registry: Registry, group: str, version: str) -> dict[str, Any]:
    if (group, version) in registry.down:
        return {"version": version, "freshness": "Stale"}
    resources = [_aggregated_entry(served) for served in registry.types(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _aggregated_entry(served: ResourceType) -> dict[str, Any]:
    response_kind = {"group": served.group, "version": served.version, "kind": served.kind}
    entry: dict[str, Any] = {
        "resource": served.plural,
        "responseKind": response_kind,
        "scope": "Namespaced" if served.is_namespaced else "Cluster",
        "singularResource": served.singular,
        "verbs": list(VERBS),
        **_other_names(served),
    }
    if served.has_status:
        entry["subresources"] = [{"subresource": "status", "responseKind": response_kind, "verbs": _STATUS_VERBS}]
    return entry


def _other_names(served: ResourceType) -> dict[str, list[str]]:
    names = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    return {name: listed for name, listed in names.items() if listed}


def _json(body: dict[str, Any]) -> Response:
    return Response(status=200, headers={"content-type": JSON}, body=msgspec.json.encode(body))
