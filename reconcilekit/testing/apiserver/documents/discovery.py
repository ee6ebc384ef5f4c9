"""What the server says it serves: discovery, aggregated (KEP-3352) and legacy.

Built-in kinds are told of as they were recorded, byte by byte; what definitions add, and what is taken down, goes in.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.encoding.negotiation import Accepted
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType, Subresource
from reconcilekit.testing.apiserver.origins import NOWHERE
from reconcilekit.testing.apiserver.status import JSON

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class _Groups(msgspec.Struct):
    kind: str
    api_version: str = msgspec.field(name="apiVersion")
    groups: list[dict[str, Any]]


class _AggregatedGroups(msgspec.Struct):
    kind: str
    api_version: str = msgspec.field(name="apiVersion")
    metadata: dict[str, Any]
    items: list[dict[str, Any]]


def api_root(registry: Registry, accepted: Accepted, authority: str = NOWHERE) -> Response:
    """GET /api: the core group, and the host and port where the server is."""
    if accepted.is_aggregated_discovery:
        return _aggregated(registry, "/api")
    body = recorded.discovery().legacy["/api"].replace(NOWHERE, authority)
    return Response(status=200, headers={"content-type": JSON}, body=body.encode())


def apis_root(registry: Registry, accepted: Accepted) -> Response:
    """GET /apis: every other group."""
    if accepted.is_aggregated_discovery:
        return _aggregated(registry, "/apis")
    added = _added_groups(registry)
    if not added:
        return _recorded("/apis")
    told = msgspec.json.decode(recorded.discovery().legacy["/apis"], type=_Groups)
    told.groups += [_group(registry, group) for group in added]
    return _json(told)


def version() -> Response:
    """GET /version."""
    return _recorded("/version")


def group_document(registry: Registry, group: str) -> Response | None:
    """GET /apis/<group>, None where it isn't served."""
    if not group or not registry.versions(group):
        return None
    if f"/apis/{group}" in recorded.discovery().legacy:
        return _recorded(f"/apis/{group}")
    return _json({"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)})


def version_document(registry: Registry, group: str, version: str) -> Response | None:
    """GET /api/v1 or /apis/<group>/<version>, None where it isn't served."""
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    if path in recorded.discovery().legacy:
        return _recorded(path)
    types = registry.types(group, version)
    if not types:
        return None
    resources = [entry for served in types for entry in _legacy_entries(served)]
    group_version = types[0].api_version
    return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})


def _recorded(path: str) -> Response:
    body = recorded.discovery().legacy[path].encode()
    return Response(status=200, headers={"content-type": JSON}, body=body)


def _added_groups(registry: Registry) -> list[str]:
    """The groups that weren't recorded: custom ones, and those of aggregated servers that are down."""
    return [group for group in registry.groups() if group and f"/apis/{group}" not in recorded.discovery().legacy]


def _group(registry: Registry, group: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in registry.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _legacy_entries(served: ResourceType) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": served.plural,
        "singularName": served.singular,
        "namespaced": served.is_namespaced,
        "kind": served.kind,
        "verbs": served.verbs,
        **_other_names(served),
        "storageVersionHash": _storage_hash(served),
    }
    return [entry, *(_legacy_subresource(served, subresource) for subresource in served.subresources)]


def _legacy_subresource(served: ResourceType, subresource: Subresource) -> dict[str, Any]:
    is_own = (subresource.group, subresource.version) == (served.group, served.version)
    of_another = {} if is_own else {"group": subresource.group, "version": subresource.version}
    return {
        "name": f"{served.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": served.is_namespaced,
        **of_another,
        "kind": subresource.kind,
        "verbs": subresource.verbs,
    }


def _storage_hash(served: ResourceType) -> str:
    """Names the version that is stored, so that a storage migrator sees it change."""
    version = served.version if served.custom is None else served.custom.in_storage.name
    name = f"{served.group}/{version}/{served.kind}"
    return base64.b64encode(hashlib.sha256(name.encode()).digest()[:8]).decode()


def _aggregated(registry: Registry, path: str) -> Response:
    body = recorded.discovery().aggregated[path].encode()
    added = _added_groups(registry) if path == "/apis" else []
    if added or registry.down:
        told = msgspec.json.decode(body, type=_AggregatedGroups)
        told.items += [_aggregated_group(registry, group) for group in added]
        _mark_stale(registry, told.items)
        body = msgspec.json.encode(told)
    etag = hashlib.sha512(body).hexdigest().upper()
    headers = {"content-type": AGGREGATED, "etag": f'"{etag}"', "cache-control": "public", "vary": "Accept"}
    return Response(status=200, headers=headers, body=body)


def _mark_stale(registry: Registry, groups: list[dict[str, Any]]) -> None:
    for group in groups:
        name = group["metadata"].get("name", "")
        group["versions"] = [
            {"version": told["version"], "freshness": "Stale"} if (name, told["version"]) in registry.down else told
            for told in group["versions"]
        ]


def _aggregated_group(registry: Registry, group: str) -> dict[str, Any]:
    versions = [_aggregated_version(registry, group, version) for version in registry.versions(group)]
    return {"metadata": {"name": group}, "versions": versions}


def _aggregated_version(registry: Registry, group: str, version: str) -> dict[str, Any]:
    resources = [_aggregated_entry(served) for served in registry.types(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _aggregated_entry(served: ResourceType) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": served.plural,
        "responseKind": {"group": served.group, "version": served.version, "kind": served.kind},
        "scope": "Namespaced" if served.is_namespaced else "Cluster",
        "singularResource": served.singular,
        "verbs": served.verbs,
        **_other_names(served),
    }
    if served.subresources:
        entry["subresources"] = [_aggregated_subresource(subresource) for subresource in served.subresources]
    return entry


def _aggregated_subresource(subresource: Subresource) -> dict[str, Any]:
    kind = {"group": subresource.group, "version": subresource.version, "kind": subresource.kind}
    return {"subresource": subresource.name, "responseKind": kind, "verbs": subresource.verbs}


def _other_names(served: ResourceType) -> dict[str, list[str]]:
    names = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    return {name: listed for name, listed in names.items() if listed}


def _json(body: object) -> Response:
    return Response(status=200, headers={"content-type": JSON}, body=msgspec.json.encode(body))
