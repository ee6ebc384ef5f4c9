"""Resources embedded in custom objects (`x-kubernetes-embedded-resource`): their meta fields are read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.crd.problems import child, invalid, required
from reconcilekit.testing.apiserver.crd.values import metadata
from reconcilekit.testing.apiserver.crd.values.structure import Structure
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError as MalformedError
from reconcilekit.testing.apiserver.status import Cause

MetadataCheck = Callable[[Mapping[str, Any], str], Iterable[Cause]]
"""What is wrong with some metadata, and where it stands."""


class Coercion:
    """One pass over one object that reads the embedded resources' meta fields.

    Attributes:
        unknown: the paths of the metadata fields that nobody knows, which are left out.
        problem: the first thing that can't be read.
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.problem: Cause | None = None

    def coerced(self, value: Any, node: Structure | None, path: str = "") -> Any:
        """The value with settled metadata; what stays as it is is shared with the original."""
        if node is None or not node.has_embedded or self.problem is not None:
            return value
        if isinstance(value, list):
            kept = [self.coerced(item, node.items, f"{path}[{i}]") for i, item in enumerate(value)]
            return kept if any(new is not old for new, old in zip(kept, value, strict=True)) else value
        if not isinstance(value, dict):
            return value
        if node.is_embedded:
            value = self._coerced_resource(value, path)
        changed: dict[str, Any] | None = None
        for name, item in value.items():
            below = node.field(name)
            if below is None:
                continue
            kept = self.coerced(item, below, child(path, name) if name in node.properties else f"{path}[{name}]")
            if kept is not item:
                changed = dict(value) if changed is None else changed
                changed[name] = kept
        return value if changed is None else changed

    def _coerced_resource(self, value: dict[str, Any], path: str) -> dict[str, Any]:
        for name in ("apiVersion", "kind"):
            if name in value and not isinstance(value[name], str):
                self.problem = invalid(child(path, name), value[name], "must be a string")
                return value
        told = value.get("metadata")
        if "metadata" not in value:
            return value
        try:
            kept, unknown = metadata.read(told, child(path, "metadata"))
        except MalformedError as error:
            self.problem = invalid(child(path, "metadata"), told, str(error))
            return value
        self.unknown += unknown
        return value if kept == told else {**value, "metadata": kept}


def embedded_causes(
    value: Any, node: Structure | None, path: str = "", *, check_metadata: MetadataCheck | None = None
) -> Iterator[Cause]:
    """What is wrong with the meta fields of embedded resources.

    Args:
        value: what may hold some.
        node: its schema's skeleton.
        path: where it stands.
        check_metadata: the rules of all objects' metadata; None has their names looked at.
    """
    if node is None or not node.has_embedded:
        return
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from embedded_causes(item, node.items, f"{path}[{i}]", check_metadata=check_metadata)
    elif isinstance(value, dict):
        if node.is_embedded:
            yield from _resource_causes(value, path, check_metadata or _name_causes)
        for name, item in value.items():
            inner = child(path, name) if name in node.properties else f"{path}[{name}]"
            yield from embedded_causes(item, node.field(name), inner, check_metadata=check_metadata)


def _resource_causes(value: dict[str, Any], path: str, check_metadata: MetadataCheck) -> Iterator[Cause]:
    for name in ("apiVersion", "kind"):
        if name not in value:
            yield required(child(path, name))
        elif not isinstance(value[name], str):
            yield invalid(child(path, name), value[name], "must be a string")
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(api_version, str):
        if not api_version:
            yield invalid(child(path, "apiVersion"), api_version, "must not be empty")
        elif api_version.count("/") > 1:
            detail = f"unexpected GroupVersion string: {api_version}"
            yield invalid(child(path, "apiVersion"), api_version, detail)
    if isinstance(kind, str):
        if not kind:
            yield invalid(child(path, "kind"), kind, "must not be empty")
        elif found := ",".join(names.old_label(kind.lower())):
            yield invalid(child(path, "kind"), kind, f"may have mixed case, but should otherwise match: {found}")
    if "metadata" in value:
        yield from _metadata_causes(value["metadata"], child(path, "metadata"), check_metadata)


def _metadata_causes(value: object, path: str, check_metadata: MetadataCheck) -> Iterator[Cause]:
    try:
        told, _ = metadata.read(value, path)
    except MalformedError as error:
        yield invalid(path, value, str(error))
    else:
        yield from check_metadata(_named(told), path)


def _named(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Metadata with a name; it may do without."""
    return metadata if metadata.get("name") else {**metadata, "name": "fakename"}


def _name_causes(told: Mapping[str, Any], path: str) -> Iterator[Cause]:
    name = told["name"]
    if name in (".", ".."):
        yield invalid(child(path, "name"), name, f"may not be '{name}'")
    for part in re.findall("[/%]", name)[:1]:
        yield invalid(child(path, "name"), name, f"may not contain '{part}'")
