"""A custom kind in one version: its schema, compiled when it's first needed, and what becomes of its objects."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver.crd.columns import Column, columns, follow, printed, steps
from reconcilekit.testing.apiserver.crd.definitions.conversion import webhook_failure
from reconcilekit.testing.apiserver.crd.problems import BLOCKING, NOWHERE, invalid
from reconcilekit.testing.apiserver.crd.rules.running import Review, RuleNode, rule_node
from reconcilekit.testing.apiserver.crd.values import metadata
from reconcilekit.testing.apiserver.crd.values.checking import Check
from reconcilekit.testing.apiserver.crd.values.correlation import Pair
from reconcilekit.testing.apiserver.crd.values.defaulting import defaulted
from reconcilekit.testing.apiserver.crd.values.embedded import Coercion, MetadataCheck, embedded_causes
from reconcilekit.testing.apiserver.crd.values.pruning import Pruning, without_undefined_nulls
from reconcilekit.testing.apiserver.crd.values.scales import names_of, scale_causes
from reconcilekit.testing.apiserver.crd.values.structure import Structure, structure_of
from reconcilekit.testing.apiserver.crd.values.uniqueness import uniqueness_causes
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError as MalformedError
from reconcilekit.testing.apiserver.status import Cause

_UNCHECKED: Final = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)


class DecodeError(ValueError):
    """A body that can't be read as the kind; its text is the real server's reason."""


@attrs.frozen(kw_only=True)
class ScalePaths:
    """Where the scale subresource finds its numbers; paths of field names."""

    spec_replicas: tuple[str, ...]
    status_replicas: tuple[str, ...]
    label_selector: tuple[str, ...] | None


class CustomKind:
    """One version of a definition.

    Args:
        spec: the definition's.
        version: one of the definition's versions.

    Attributes:
        schema: its `openAPIV3Schema`.
        has_status: it has the status subresource.
        is_storage: its objects are kept in this version.
    """

    def __init__(self, spec: Mapping[str, Any], version: Mapping[str, Any]) -> None:
        self._spec = spec
        self._version = version
        self.schema: Mapping[str, Any] = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        subresources = version.get("subresources") or {}
        self.has_status = subresources.get("status") is not None
        self.is_storage = version.get("storage") is True
        self._scale: Mapping[str, Any] | None = subresources.get("scale")

    @functools.cached_property
    def structure(self) -> Structure:
        """The schema's skeleton."""
        return structure_of(self.schema)

    @functools.cached_property
    def _root(self) -> Structure:
        """The same as what objects are pruned by."""
        return self.structure.embedded()

    @functools.cached_property
    def columns(self) -> list[Column]:
        """The printer columns behind the name's."""
        return columns(self._version)

    @functools.cached_property
    def scale(self) -> ScalePaths | None:
        """The scale subresource's paths, None where it has none."""
        if self._scale is None:
            return None
        selector = self._scale.get("labelSelectorPath")
        return ScalePaths(
            spec_replicas=names_of(self._scale["specReplicasPath"]),
            status_replicas=names_of(self._scale["statusReplicasPath"]),
            label_selector=names_of(selector) if selector else None,
        )

    @functools.cached_property
    def replicas_paths(self) -> dict[str, tuple[str, ...] | None]:
        """Where each version's scale finds the wanted replicas, None where it has no scale."""
        found: dict[str, tuple[str, ...] | None] = {}
        for version in self._spec["versions"]:
            scale = (version.get("subresources") or {}).get("scale")
            found[f"{self._spec['group']}/{version['name']}"] = names_of(scale["specReplicasPath"]) if scale else None
        return found

    @functools.cached_property
    def list_kind(self) -> str:
        """The kind of its lists."""
        names = self._spec["names"]
        return names.get("listKind") or f"{names['kind']}List"

    @functools.cached_property
    def selectable_fields(self) -> tuple[str, ...]:
        """The fields that field selectors may name, beside the metadata's."""
        return tuple(field["jsonPath"].removeprefix(".") for field in self._version.get("selectableFields") or ())

    @functools.cached_property
    def deprecation_warning(self) -> str:
        """The Warning header of its requests, "" where the version isn't deprecated."""
        if self._version.get("deprecated") is not True:
            return ""
        return self._version.get("deprecationWarning") or _default_warning(self._spec, self._version["name"])

    def field_value(self, field: str, obj: Mapping[str, Any]) -> str:
        """What a field selector compares with; "" where the object has nothing there."""
        found = follow(steps(f".{field}"), obj)
        return printed(found[0]) if found and found[0] is not None else ""

    def decoded(self, obj: dict[str, Any], *, is_other: bool = False) -> tuple[dict[str, Any], list[str]]:
        """A body without what the schema doesn't know, and the paths of that, as the strict decoder names them.

        Args:
            obj: the body.
            is_other: it says that it is of another kind, of which nothing but the metadata is known.

        Raises:
            DecodeError: its metadata, or an embedded resource's, can't be read.
        """
        told = obj.get("metadata")
        try:
            kept, unknown = metadata.read(told, "metadata")
        except MalformedError as error:
            raise DecodeError(str(error)) from error
        if told is not None and kept != told:
            obj = {**obj, "metadata": kept}
        if is_other:
            return obj, unknown
        if not self._keeps_everything:
            pruning = Pruning()
            obj = without_undefined_nulls(pruning.pruned(obj, self._root), self.structure)
            unknown += pruning.unknown
        if self.structure.has_embedded:
            coercion = Coercion()
            obj = coercion.coerced(obj, self.structure)
            if coercion.problem is not None:
                raise DecodeError(f"{coercion.problem.field}: {coercion.problem.message}")
            unknown += sorted(coercion.unknown)
        return obj, unknown

    def defaulted(self, obj: dict[str, Any]) -> dict[str, Any]:
        """An object with its schema's defaults; the same one where there are none to fill in."""
        if not self.structure.has_defaults:
            return obj
        filled: dict[str, Any] = defaulted(obj, self.structure)
        return filled

    def as_read(self, content: dict[str, Any]) -> dict[str, Any]:
        """Stored content as this version shows it, whatever schema it was written under.

        Metadata stays as it is, and so does the whole content where nothing about it differs.
        """
        if self._keeps_everything:
            return self.defaulted(content)
        pruned = without_undefined_nulls(Pruning().pruned(content, self._root), self.structure)
        return self.defaulted(pruned)

    def as_shown(self, content: dict[str, Any]) -> dict[str, Any]:
        """What was read of another version's content as this version shows it: without what its schema doesn't know.

        Defaults are those of the version that was read.
        """
        if self._keeps_everything:
            return content
        shown: dict[str, Any] = without_undefined_nulls(Pruning().pruned(content, self._root), self.structure)
        return shown

    def in_version(self, name: str) -> CustomKind | None:
        """The same kind in another version, None where there is none."""
        if name == self._version.get("name"):
            return self
        found = next((version for version in self._spec["versions"] if version["name"] == name), None)
        return None if found is None else CustomKind(self._spec, found)

    @functools.cached_property
    def in_storage(self) -> CustomKind:
        """The same kind in the version that its objects are stored in."""
        stored = next((version for version in self._spec["versions"] if version.get("storage")), self._version)
        return self if stored is self._version else CustomKind(self._spec, stored)

    @functools.cached_property
    def needs_webhook(self) -> bool:
        """Whether a webhook would have to convert its objects, which nobody calls here."""
        return not self.is_storage and (self._spec.get("conversion") or {}).get("strategy") == "Webhook"

    @property
    def name(self) -> str:
        """The version's."""
        return str(self._version["name"])

    def conversion_failure(self, *, of_stored: bool = False) -> str:
        """What the server says where it can't reach the webhook, for an object as it is stored or as it is sent."""
        if of_stored:
            return self.in_storage.conversion_failure()
        return webhook_failure(self._spec, self.name)

    @functools.cached_property
    def is_read_anew(self) -> bool:
        """Whether what is stored has to be read anew for this version, as others have other schemas."""
        schemas = ((version.get("schema") or {}).get("openAPIV3Schema") or {} for version in self._spec["versions"])
        return any(schema != self.schema for schema in schemas)

    def causes(
        self,
        obj: Mapping[str, Any],
        old: Mapping[str, Any] | None,
        warnings: list[str],
        *,
        is_status: bool = False,
        metadata_causes: Sequence[Cause] = (),
        misnamed: Sequence[Cause] = (),
        check_metadata: MetadataCheck | None = None,
    ) -> list[Cause]:
        """What is wrong with an object, in the server's order.

        Args:
            obj: with its apiVersion and kind, pruned and defaulted.
            old: what it takes the place of; None where it's new.
            warnings: what is wrong but was so before is added to it, where a rule says so.
            is_status: only its status is written.
            metadata_causes: what was found wrong with its metadata; its rules may not be run for that, too.
            misnamed: what was found wrong with its kind and version; it isn't held against its schema then.
            check_metadata: the rules of all objects' metadata, for that of embedded resources.
        """
        pair = None if old is None else Pair(obj, old, self.structure)
        found = list(misnamed) or self._shape_causes(obj, pair, is_status=is_status)
        if not is_status:
            found += embedded_causes(obj, self.structure, check_metadata=check_metadata)
        if self.structure.has_unique:
            found += self._uniqueness_causes(obj, old)
        rules = self._rules
        if rules is not None:
            if any(cause.reason in BLOCKING for cause in (*metadata_causes, *found)):
                found.append(invalid(NOWHERE, None, _UNCHECKED))
            else:
                found += rules.causes(obj, old, "", Review(pair, warnings))
        return found

    @functools.cached_property
    def _keeps_everything(self) -> bool:
        node = self.structure
        return node.keeps_unknown and not node.properties and node.additional is None

    @functools.cached_property
    def _check(self) -> Check:
        return Check(self.schema)

    @functools.cached_property
    def _status_check(self) -> Check:
        return Check((self.schema.get("properties") or {}).get("status") or {})

    @functools.cached_property
    def _rules(self) -> RuleNode | None:
        return rule_node(self.schema)

    def _object_causes(self, obj: Mapping[str, Any], pair: Pair | None) -> list[Cause]:
        return self._check.causes(obj, correlation=pair)

    def _shape_causes(self, obj: Mapping[str, Any], pair: Pair | None, *, is_status: bool) -> list[Cause]:
        found = self._status_causes(obj, pair) if is_status else self._object_causes(obj, pair)
        if self._scale is not None:
            found += scale_causes(obj, self._scale, is_status=is_status)
        return found

    def _status_causes(self, obj: Mapping[str, Any], pair: Pair | None) -> list[Cause]:
        if "status" not in obj:
            return []
        return self._status_check.causes(obj["status"], prefix="status", correlation=pair and pair.key("status"))

    def _uniqueness_causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        found = list(uniqueness_causes(obj, self.structure))
        if found and old is not None and any(uniqueness_causes(old, self.structure)):
            return []
        return found


def _default_warning(spec: Mapping[str, Any], name: str) -> str:
    from reconcilekit.testing.apiserver.crd.definitions.versions import newer_version

    group, kind = spec["group"], spec["names"]["kind"]
    newer = newer_version(spec, name)
    return f"{group}/{name} {kind} is deprecated" + (f"; use {group}/{newer} {kind}" if newer else "")
