"""OpenAPI v2 and v3: as they were recorded, with the definitions of custom kinds put in."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import recorded, status
from reconcilekit.testing.apiserver.documents import custom_openapi
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.status import JSON

PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PROTOBUF_ASKED = ("application/com.github.proto-openapi.spec.v2", "+protobuf")
_FOREVER = "public, immutable"
_CHECKED = "no-cache, private"


def document(registry: Registry, path: str, request: Request) -> Response | None:
    """GET /openapi/..., None for what isn't there.

    A v3 document is asked for with the hash that the index gives, and may be kept for ever then; one with another
    hash leads to the present one (KEP-2896).
    """
    if path == "v2":
        return _v2(registry, request)
    if path == "v3":
        return Response(status=200, headers={"content-type": status.TEXT}, body=_index(registry))
    _, _, name = path.partition("v3/")
    if not path.startswith("v3/"):
        return None
    return _v3(registry, name, request) or Response(status=404, headers={}, body=b"")


def _v2(registry: Registry, request: Request) -> Response:
    accept = request.headers.get("accept", "")
    if all(part in accept for part in _PROTOBUF_ASKED):
        # Definitions of custom kinds are in the JSON form alone.
        return _recorded("openapi-v2.pb", _v2_etag(), request, media_type=PROTOBUF)
    if accept and not any(offer in accept for offer in (JSON, "*/*", "application/*")):
        return Response(status=406, headers={"content-type": status.TEXT}, body=b"")
    custom = _custom_types(registry)
    if not custom:
        return _recorded("openapi-v2.json", _v2_etag(), request)
    body = _v2_with(custom)
    return _kept(body, _etag(body), request, cache=_CHECKED)


def _v3(registry: Registry, name: str, request: Request) -> Response | None:
    group, _, version = name.removeprefix("apis/").partition("/")
    types = tuple(t for t in _custom_types(registry) if (t.group, t.version) == (group, version))
    index = recorded.openapi_v3_index()
    if not types and name not in index:
        return None
    etag = _etag(custom_openapi.v3(types)) if types else index[name].rpartition("=")[2]
    asked = request.query.get("hash")
    if asked and asked != etag:
        headers = {"content-type": JSON, "location": f"/openapi/v3/{name}?hash={etag}", "etag": f'"{etag}"'}
        return Response(status=301, headers=headers, body=b"")
    cache = _FOREVER if asked else _CHECKED
    if types:
        return _kept(custom_openapi.v3(types), etag, request, cache=cache)
    return _recorded(f"openapi-v3/{name.replace('/', '.')}.json", etag, request, cache=cache)


def _index(registry: Registry) -> bytes:
    urls = dict(recorded.openapi_v3_index())
    by_version: dict[tuple[str, str], tuple[ResourceType, ...]] = {}
    for served in _custom_types(registry):
        key = (served.group, served.version)
        by_version[key] = (*by_version.get(key, ()), served)
    for (group, version), types in by_version.items():
        urls[f"apis/{group}/{version}"] = f"/openapi/v3/apis/{group}/{version}?hash={_etag(custom_openapi.v3(types))}"
    return msgspec.json.encode({"paths": {path: {"serverRelativeURL": urls[path]} for path in sorted(urls)}})


def _custom_types(registry: Registry) -> tuple[ResourceType, ...]:
    return tuple(served for served in registry.all() if served.is_custom)


def _recorded(name: str, etag: str, request: Request, *, media_type: str = JSON, cache: str = _CHECKED) -> Response:
    if "gzip" in request.headers.get("accept-encoding", ""):
        # It is shipped compressed, so this is the quickest way, too.
        answer = _kept(recorded.compressed(name), etag, request, media_type=media_type, cache=cache)
        return Response(status=answer.status, headers={**answer.headers, "content-encoding": "gzip"}, body=answer.body)
    return _kept(recorded.read(name), etag, request, media_type=media_type, cache=cache)


def _kept(body: bytes, etag: str, request: Request, *, media_type: str = JSON, cache: str) -> Response:
    headers = {"content-type": media_type, "etag": f'"{etag}"', "cache-control": cache, "vary": "Accept"}
    if request.headers.get("if-none-match", "") in (f'"{etag}"', etag):
        return Response(status=304, headers=headers, body=b"")
    return Response(status=200, headers=headers, body=body)


@functools.cache
def _v2_etag() -> str:
    return _etag(recorded.read("openapi-v2.json"))


def _etag(body: bytes) -> str:
    return hashlib.sha512(body).hexdigest().upper()


@functools.lru_cache(maxsize=4)
def _v2_with(custom: tuple[ResourceType, ...]) -> bytes:
    told = msgspec.json.decode(recorded.read("openapi-v2.json"), type=dict[str, msgspec.Raw])
    paths, definitions = custom_openapi.v2(custom)
    merged: Mapping[str, Any] = {
        **told,
        "paths": {**msgspec.json.decode(told["paths"], type=dict[str, msgspec.Raw]), **paths},
        "definitions": {**msgspec.json.decode(told["definitions"], type=dict[str, msgspec.Raw]), **definitions},
    }
    return msgspec.json.encode(merged)
