"""What writes do to custom objects and to the definitions of their kinds: between the verbs and `crd`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import json_text
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.names import label
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation import metadata as common
from reconcilekit.testing.apiserver.validation.causes import invalid as invalid_value
from reconcilekit.testing.apiserver.writing import identity

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.crd.kind import CustomKind
    from reconcilekit.testing.apiserver.writing.preconditions import Target

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


def decoded(target: Target, kind: CustomKind, obj: dict[str, Any], *, is_patched: bool = False) -> dict[str, Any]:
    """A body without what the kind's schema doesn't know.

    Args:
        target: of the write; what `fieldValidation` has to say goes there.
        kind: the target's.
        obj: the body, or what a patch made of the live object, in the order that it has then.
        is_patched: the latter; what is wrong with it is the patch's fault.

    Raises:
        StatusError: 400 where it can't be read, or where such fields are to be refused.
    """
    from reconcilekit.testing.apiserver.crd.kind import DecodeError

    served = target.served
    if is_patched and (why := identity.problem(obj)):
        raise _unreadable(served, obj, why, is_patched=True)
    if "kind" in obj:
        kind = kind.in_version(identity.version_of(str(obj.get("apiVersion") or ""))) or kind
    try:
        kept, unknown = kind.decoded(obj, is_other="kind" in obj and not identity.is_same_kind(obj, served))
    except DecodeError as error:
        raise _unreadable(served, obj, str(error), is_patched=is_patched) from error
    listed = target.strict_problems(unknown)
    if not listed or target.field_validation == "Ignore":
        return kept
    if target.field_validation == "Strict":
        why = f"strict decoding error: {', '.join(listed)}"
        raise _unreadable(served, obj, why, is_patched=is_patched, is_strict=True)
    target.warnings.extend(listed)
    return kept


def with_go_strings(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata whose labels and annotations have no null: Go's strings have none."""
    for name in ("labels", "annotations"):
        if metadata.get(name) and None in metadata[name].values():
            told = {key: "" if value is None else value for key, value in metadata[name].items()}
            metadata = {**metadata, name: told}
    return metadata


def coerced(kind: CustomKind, content: dict[str, Any]) -> dict[str, Any]:
    """An object with what its schema knows, in containers of its own down to the metadata."""
    from reconcilekit.testing.apiserver.crd.kind import DecodeError

    try:
        kept, _ = kind.decoded(content)
    except DecodeError:
        kept = content
    return {**kept, "metadata": with_go_strings(dict(kept["metadata"]))}


def read_back(kind: CustomKind, content: dict[str, Any]) -> dict[str, Any]:
    """An object that nobody has decoded yet, as it is read once it is stored."""
    return kind.defaulted(coerced(kind, content))


def _unreadable(
    served: ResourceType, obj: Mapping[str, Any], why: str, *, is_patched: bool, is_strict: bool = False
) -> status.StatusError:
    from reconcilekit.testing.apiserver.crd.problems import invalid

    if is_patched:
        return status.invalid("", "", "", [invalid("patch", json_text(obj, sorts=False), why)])
    said = obj.get("kind") or served.kind
    # What can be read, if not strictly, is of the kind that it says by now.
    kind = said if is_strict else served.kind
    version = identity.version_of(obj.get("apiVersion") or served.api_version)
    return status.bad_request(f'{said} in version "{version}" cannot be handled as a {kind}: {why}')


def default(served: ResourceType, kind: CustomKind, content: dict[str, Any]) -> None:
    """Fill in what the kind's schema fills in; replaces values, never changes them in place."""
    filled = content if "kind" in content else kind.defaulted(content)
    if filled is not content:
        content.clear()
        content.update(filled)


def causes(
    served: ResourceType,
    kind: CustomKind,
    content: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    warnings: list[str],
    *,
    is_status: bool = False,
    metadata_causes: Sequence[Cause] = (),
) -> list[Cause]:
    """What is wrong with a custom object, beside its metadata.

    Raises:
        StatusError: 500 where nobody can say it.
    """
    named = {"kind": served.kind, "apiVersion": served.api_version}
    before = None if old is None else {**named, **old}
    obj = {**named, **content}
    misnamed = identity.causes(content, served)
    return kind.causes(
        obj,
        before,
        warnings,
        is_status=is_status,
        metadata_causes=metadata_causes,
        misnamed=misnamed,
        check_metadata=_embedded_causes,
    )


def _embedded_causes(metadata: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """What is wrong with the metadata of a resource within an object; its namespace is its own."""
    found = list(common.metadata_causes(metadata, common.path_segment, is_new=True))
    if namespace := metadata.get("namespace"):
        found += (invalid_value("metadata.namespace", namespace, why) for why in label(namespace))
    for cause in dict.fromkeys(found):
        yield attrs.evolve(cause, field=path + cause.field.removeprefix("metadata"))


def default_definition(content: dict[str, Any]) -> None:
    """Fill in what the server fills in of a definition."""
    from reconcilekit.testing.apiserver.crd.definitions import definition

    definition.default(content)


def definition_causes(content: Mapping[str, Any], old: Mapping[str, Any] | None, warnings: list[str]) -> list[Cause]:
    """What is wrong with a definition."""
    from reconcilekit.testing.apiserver.crd.definitions import definition

    found = definition.causes(content, old)
    if not found:
        warnings += definition.warnings(content, old)
    return found
