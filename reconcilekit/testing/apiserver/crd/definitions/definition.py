"""A whole CustomResourceDefinition: what is filled in, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcilekit.testing.apiserver.crd.definitions.acceptance import is_established
from reconcilekit.testing.apiserver.crd.definitions.approval import approval_causes
from reconcilekit.testing.apiserver.crd.definitions.spec import names_causes, spec_causes, update_causes
from reconcilekit.testing.apiserver.crd.definitions.versions import storage_version
from reconcilekit.testing.apiserver.crd.problems import invalid
from reconcilekit.testing.apiserver.crd.values.formats import known_format
from reconcilekit.testing.apiserver.status import Cause


def default(content: dict[str, Any]) -> None:
    """Fill in what the server fills in besides defaults; replaces values, never changes them in place."""
    status = dict(content.get("status") or {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}})
    stored, storage = list(status.get("storedVersions") or ()), storage_version(content["spec"])
    if storage and storage not in stored:
        stored.append(storage)
    content["status"] = {**status, "storedVersions": stored}


def causes(content: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """What is wrong, in the server's order; the metadata's own rules aside."""
    spec, status = content.get("spec") or {}, content.get("status") or {}
    found: list[Cause] = []
    if old is None:
        found += _name_causes(content["metadata"], spec)
    found += spec_causes(spec, None if old is None else old["spec"])
    if old is not None:
        found += update_causes(spec, old["spec"], is_established=is_established(old))
    found += names_causes(status.get("acceptedNames") or {}, "status.acceptedNames", is_spec=False)
    found += _stored_causes(status.get("storedVersions") or (), spec.get("versions") or ())
    found += approval_causes(content, old)
    kept_before = old is not None and old["spec"].get("preserveUnknownFields") is True
    if spec.get("preserveUnknownFields") is True and not kept_before:
        detail = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        )
        found.append(invalid("spec.preserveUnknownFields", spec["preserveUnknownFields"], detail))
    return found


def _name_causes(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Cause]:
    wanted = f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}"
    for field in ("generateName", "name"):
        name = metadata.get(field) or ""
        if name != wanted and (name or field == "name"):
            yield invalid(f"metadata.{field}", name, 'must be spec.names.plural+"."+spec.group')


def _stored_causes(stored: Sequence[str], versions: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    path = "status.storedVersions"
    if not stored:
        yield invalid(path, None, "must have at least one stored version")
        return
    names = [version.get("name") for version in versions]
    for version in versions:
        if version.get("storage") is True and version.get("name") not in stored:
            yield invalid(path, list(stored), f"must have the storage version {version['name']}")
    for i, name in enumerate(stored):
        if name not in names:
            where = f"{name} was previously a storage version, and must remain in spec.versions until a storage"
            what = (
                f"migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            )
            detail = f"missing from spec.versions; {where} {what}"
            yield invalid(f"{path}[{i}]", name, detail)


def warnings(content: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[str]:
    """What the server warns of that isn't wrong: formats that it ignores, and sets that it can't merge."""
    formats = _formats(content)
    known = set() if old is None else set(_formats(old))
    found = [f'unrecognized format "{name}"' for name in formats if name not in known]
    sets_before = set() if old is None else set(_set_warnings(old))
    return [*found, *(text for text in _set_warnings(content) if text not in sets_before)]


def _formats(content: Mapping[str, Any]) -> list[str]:
    return [
        node["format"]
        for node in _nodes(content)
        if node.get("format") and not known_format(node["format"], node.get("type") or "")
    ]


def _set_warnings(content: Mapping[str, Any]) -> list[str]:
    what = "is not supported by server-side apply or CEL validation rules"
    types = {
        items["type"]
        for node in _nodes(content)
        if node.get("x-kubernetes-list-type") == "set"
        and isinstance(items := node.get("items"), Mapping)
        and items.get("type") in ("object", "array")
    }
    return sorted(f'x-kubernetes-list-type: set for items of type "{name}" {what}' for name in types)


def _nodes(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    versions = (content.get("spec") or {}).get("versions") or ()
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    # The server looks once at a schema that all versions share.
    distinct = schemas[:1] if all(schema == schemas[0] for schema in schemas) else schemas
    for schema in distinct:
        if schema is not None:
            yield from _below(schema)


def _below(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for name in ("items", "not", "additionalProperties"):
        if isinstance(sub := schema.get(name), Mapping):
            yield from _below(sub)
    for name in ("allOf", "anyOf", "oneOf"):
        for sub in schema.get(name) or ():
            yield from _below(sub)
    for sub in (schema.get("properties") or {}).values():
        yield from _below(sub)
