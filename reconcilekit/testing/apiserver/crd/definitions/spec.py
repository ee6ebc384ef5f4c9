"""What is wrong with the spec of a definition, in the server's order and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconcilekit.testing.apiserver.crd.definitions.conversion import conversion_causes
from reconcilekit.testing.apiserver.crd.definitions.defaults import default_causes
from reconcilekit.testing.apiserver.crd.definitions.internal import (
    ROOT_FIELDS,
    rendered_schema,
    rendered_versions,
    root_field_problem,
)
from reconcilekit.testing.apiserver.crd.definitions.schema import SchemaReview, checker_of
from reconcilekit.testing.apiserver.crd.definitions.structural import structural_causes, unsupported
from reconcilekit.testing.apiserver.crd.definitions.version_parts import (
    column_causes,
    deprecation_causes,
    selectable_causes,
    subresource_causes,
)
from reconcilekit.testing.apiserver.crd.problems import Rendered, child, forbidden, invalid, not_supported, required
from reconcilekit.testing.apiserver.names import old_label, subdomain
from reconcilekit.testing.apiserver.status import Cause

Spec = Mapping[str, Any]

_SHARED_PATHS: Final = {
    "schema": "validation",
    "subresources": "subresources",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}
"""What the server keeps once where all versions have the same, and where its messages look for it then."""


def spec_causes(spec: Spec, old: Spec | None = None) -> Iterator[Cause]:
    """What is wrong; the rules of a version that has the schema that it had before may cost what they did."""
    yield from _group_causes(spec.get("group") or "")
    scope = spec.get("scope") or ""
    if not scope:
        yield required("spec.scope")
    elif scope not in ("Cluster", "Namespaced"):
        yield not_supported("spec.scope", scope, ("Cluster", "Namespaced"))
    versions: Sequence[Mapping[str, Any]] = spec.get("versions") or ()
    shared = {key for key in _SHARED_PATHS if versions and all(v.get(key) == versions[0].get(key) for v in versions)}
    for i, version in enumerate(versions):
        if _schema(version) is None:
            yield required(f"spec.versions[{i}].schema.openAPIV3Schema")
    if spec.get("preserveUnknownFields") is True and any(_has_default(_schema(version)) for version in versions):
        detail = "must be false in order to use defaults in the schema"
        yield invalid("spec.preserveUnknownFields", spec["preserveUnknownFields"], detail)
    for i, version in enumerate(versions):
        yield from _version_causes(version, f"spec.versions[{i}]", shared, was_taken=_had_schema(old, version))
    yield from _versions_causes(versions)
    yield from names_causes(spec.get("names") or {}, "spec.names", is_spec=True)
    if versions:
        told = {key: versions[0].get(key) for key in shared}
        has_status = any(_has_status(version) for version in versions)
        yield from _part_causes(
            told,
            "spec",
            has_status=has_status,
            paths=_SHARED_PATHS,
            schema=_schema(versions[0]),
            was_taken=_had_schema(old, versions[0]),
        )
    yield from conversion_causes(spec.get("conversion") or {}, keeps_unknown=spec.get("preserveUnknownFields") is True)


def update_causes(spec: Spec, old: Spec, *, is_established: bool) -> Iterator[Cause]:
    """What is wrong with a change."""
    names, old_names = spec.get("names") or {}, old.get("names") or {}
    if is_established:
        yield from _immutable(spec.get("scope"), old.get("scope"), "spec.scope")
        yield from _immutable(names.get("kind"), old_names.get("kind"), "spec.names.kind")
    yield from _immutable(spec.get("group"), old.get("group"), "spec.group")
    yield from _immutable(names.get("plural"), old_names.get("plural"), "spec.names.plural")


def _immutable(new: object, old: object, path: str) -> Iterator[Cause]:
    if new != old:
        yield invalid(path, new or "", "field is immutable")


def _group_causes(group: str) -> Iterator[Cause]:
    if not group:
        yield required("spec.group")
    elif found := ",".join(subdomain(group)):
        yield invalid("spec.group", group, found)
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")


def _version_causes(version: Mapping[str, Any], path: str, shared: set[str], *, was_taken: bool) -> Iterator[Cause]:
    if found := ",".join(old_label(version.get("name") or "")):
        yield invalid(child(path, "name"), version.get("name") or "", found)
    yield from deprecation_causes(version, path)
    own = {key: version.get(key) for key in _SHARED_PATHS if key not in shared}
    paths = {key: key for key in own}
    has_status = _has_status(version) or ("subresources" in shared and _has_status(version))
    schema = _schema(version)
    yield from _part_causes(own, path, has_status=has_status, paths=paths, schema=schema, was_taken=was_taken)


def _part_causes(
    told: Mapping[str, Any],
    path: str,
    *,
    has_status: bool,
    paths: Mapping[str, str],
    schema: Mapping[str, Any] | None,
    was_taken: bool,
) -> Iterator[Cause]:
    if told.get("schema") is not None:
        where = child(path, paths["schema"])
        yield from schema_causes(told["schema"], where, has_status=has_status, was_taken=was_taken)
    if told.get("subresources") is not None:
        yield from subresource_causes(told["subresources"], child(path, paths["subresources"]))
    for i, column in enumerate(told.get("additionalPrinterColumns") or ()):
        yield from column_causes(column, f"{child(path, paths['additionalPrinterColumns'])}[{i}]")
    if told.get("selectableFields"):
        yield from selectable_causes(told["selectableFields"], schema, child(path, paths["selectableFields"]))


def schema_causes(
    validation: Mapping[str, Any], path: str, *, has_status: bool, was_taken: bool = False
) -> Iterator[Cause]:
    """What is wrong with a version's schema."""
    schema, where = validation.get("openAPIV3Schema"), child(path, "openAPIV3Schema")
    if schema is None:
        return
    found = list(_root_causes(schema, where, has_status=has_status))
    unusable = unsupported(schema)
    structural = [] if unusable else structural_causes(schema, where) or list(default_causes(schema, where))
    found += structural
    checker, missing = (None, []) if unusable or structural else checker_of(schema, where)
    found += SchemaReview(checker, was_taken=was_taken).causes(schema, where)
    found += missing
    if unusable and not found:
        found.append(invalid(where, "", unusable))
    yield from found


def _root_causes(schema: Mapping[str, Any], where: str, *, has_status: bool) -> Iterator[Cause]:
    if has_status:
        if schema.get("type") and schema["type"] != "object":
            detail = (
                'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
            )
            yield invalid(child(where, "type"), schema["type"], detail)
        elif root_field_problem(schema):
            detail = (
                f"only [{' '.join(ROOT_FIELDS)}] fields are allowed at the root of the schema if the status "
                "subresource is enabled"
            )
            yield invalid(where, rendered_schema(schema), detail)
    if schema.get("nullable") is True:
        yield forbidden(child(where, "nullable"), "nullable cannot be true at the root")


def _versions_causes(versions: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    names = [version.get("name") or "" for version in versions]
    problems = []
    if len(set(names)) != len(names):
        problems.append("must contain unique version names")
    if sum(version.get("storage") is True for version in versions) != 1:
        problems.append("must have exactly one version marked as storage version")
    if problems:
        shown: Rendered = rendered_versions(versions) if versions else Rendered("null")
        yield from (invalid("spec.versions", shown, problem) for problem in problems)
    if names and names[0] and (found := ",".join(old_label(names[0]))):
        # Of old, a definition had a single version; the first one still counts as that.
        yield invalid("spec.version", names[0], found)


def names_causes(names: Mapping[str, Any], path: str, *, is_spec: bool) -> Iterator[Cause]:
    """What is wrong with names, of a spec or of a status."""
    keys = ("plural", "singular", "kind", "listKind")
    told = {key: names.get(key) or "" for key in keys}
    if is_spec:
        yield from (required(child(path, key)) for key in keys if not told[key])
    for key in keys:
        value = told[key]
        if value and (found := ",".join(old_label(value.lower() if key in ("kind", "listKind") else value))):
            mixed = "may have mixed case, but should otherwise match: " if key in ("kind", "listKind") else ""
            yield invalid(child(path, key), value, mixed + found)
    yield from _label_list_causes(names.get("shortNames") or (), child(path, "shortNames"))
    if told["kind"] and told["kind"] == told["listKind"]:
        yield invalid(child(path, "listKind"), told["listKind"], "kind and listKind may not be the same")
    yield from _label_list_causes(names.get("categories") or (), child(path, "categories"))


def _label_list_causes(labels: Sequence[str], path: str) -> Iterator[Cause]:
    for i, label in enumerate(labels):
        if found := ",".join(old_label(label)):
            yield invalid(f"{path}[{i}]", label, found)


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return (version.get("schema") or {}).get("openAPIV3Schema")


def _had_schema(old: Spec | None, version: Mapping[str, Any]) -> bool:
    known = () if old is None else old.get("versions") or ()
    return any(was.get("name") == version.get("name") and _schema(was) == _schema(version) for was in known)


def _has_status(version: Mapping[str, Any]) -> bool:
    return (version.get("subresources") or {}).get("status") is not None


def _has_default(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return schema.get("default") is not None or any(_has_default(sub) for sub in schema.values())
    return isinstance(schema, list) and any(map(_has_default, schema))
