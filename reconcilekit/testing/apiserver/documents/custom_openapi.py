"""What OpenAPI says of custom kinds: a recorded pattern with the kind's names, and the kind's schema in it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

_DROPPED_BY_V2 = ("default", "nullable", "oneOf", "anyOf", "allOf", "not", "x-kubernetes-validations")
"""What JSON schema has and OpenAPI v2 hasn't; clients of v2 stumble over it."""


@functools.lru_cache(maxsize=64)
def v3(types: Sequence[ResourceType]) -> bytes:
    """The OpenAPI v3 document of a group and version that has these kinds."""
    merged: dict[str, Any] = {}
    for served in types:
        told = msgspec.json.decode(_named(served, b"v3"))
        schemas = told["components"]["schemas"]
        kept = {name: schema for name, schema in schemas.items() if _is_of(served, name)}
        _put_schema(kept[_definition_name(served)], served.openapi)
        document = merged.setdefault("document", {**told, "paths": {}})
        document["paths"] |= _paths(served, told["paths"])
        document["components"]["schemas"] = {**document["components"]["schemas"], **kept}
    document = merged["document"]
    schemas = document["components"]["schemas"]
    others = ("Placeholdered", "Placeclu", *(() if _has_scales(types) else (".autoscaling.",)))
    left = {name: schemas[name] for name in sorted(schemas) if not any(part in name for part in others)}
    document["components"]["schemas"] = left
    return msgspec.json.encode(document)


def v2(types: Sequence[ResourceType]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths and definitions that OpenAPI v2 gains by these kinds."""
    paths: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for served in types:
        told = msgspec.json.decode(_named(served, b"v2"))
        paths |= _paths(served, told["paths"])
        kept = {name: schema for name, schema in told["definitions"].items() if _is_of(served, name)}
        _put_schema(kept[_definition_name(served)], _for_v2(served.openapi))
        definitions |= kept
    return paths, definitions


def _has_scales(types: Sequence[ResourceType]) -> bool:
    return any(subresource.name == "scale" for served in types for subresource in served.subresources)


def _named(served: ResourceType, version: bytes) -> bytes:
    """The pattern with the kind's names in place of the made-up ones; longer ones first."""
    camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[.-]", served.group))
    kind = "Placeholdered" if served.is_namespaced else "Placeclustered"
    names = (
        ("PlaceholdErVplace", camel + served.version[:1].upper() + served.version[1:]),
        ("placeholdEr_vplace", f"{camel[:1].lower()}{camel[1:]}_{served.version}"),
        ("er.placehold.vplace", f"{_reversed(served.group)}.{served.version}"),
        ("placehold.er", served.group),
        ("vplace", served.version),
        (f"{kind.lower()}s", served.plural),
        (kind, served.kind),
    )
    text = bytes(_pattern()[version.decode()])
    for made_up, real in names:
        text = text.replace(made_up.encode(), real.encode())
    return text


@functools.cache
def _pattern() -> Mapping[str, msgspec.Raw]:
    return msgspec.json.decode(recorded.read("custom.json"), type=dict[str, msgspec.Raw])


def _definition_name(served: ResourceType) -> str:
    return f"{_reversed(served.group)}.{served.version}.{served.kind}"


def _reversed(group: str) -> str:
    return ".".join(reversed(group.split(".")))


def _is_of(served: ResourceType, name: str) -> bool:
    return name in (_definition_name(served), f"{_definition_name(served)}List")


def _paths(served: ResourceType, told: Mapping[str, Any]) -> dict[str, Any]:
    return {path: operations for path, operations in told.items() if _has_path(served, path)}


def _has_path(served: ResourceType, path: str) -> bool:
    rest = path.split(f"/{served.version}/", 1)[1].removeprefix("namespaces/{namespace}/").split("/")
    if rest[0] != served.plural:
        return False
    return len(rest) < 3 or rest[2] in {subresource.name for subresource in served.subresources}


def _put_schema(into: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """The kind's own schema over the pattern's, whose apiVersion, kind and metadata stay."""
    fixed = into.get("properties", {})
    identity = into["x-kubernetes-group-version-kind"]
    into.clear()
    into.update(schema)
    into["properties"] = dict(sorted({**(schema.get("properties") or {}), **fixed}.items()))
    into["x-kubernetes-group-version-kind"] = identity


def _for_v2(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_for_v2(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return dict(_v2_parts(schema))


def _v2_parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in schema.items():
        if name in _DROPPED_BY_V2 or (name == "type" and schema.get("nullable")):
            continue
        if name == "properties":
            yield name, {field: _for_v2(sub) for field, sub in value.items()}
        elif name in ("items", "additionalProperties"):
            yield name, _for_v2(value)
        else:
            yield name, value
