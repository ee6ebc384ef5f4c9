"""From a PATCH to what it makes of the live object: media types, and what can't be read of a patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import msgspec

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.go_text import json_text, json_type, quoted
from reconcilekit.testing.apiserver.json_values import is_too_deep, may_be_too_deep
from reconcilekit.testing.apiserver.kinds.earlier import has_same_fields
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.ordering import in_go_order
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.writing import identity
from reconcilekit.testing.apiserver.writing.patches import json_patch, merge_patch
from reconcilekit.testing.apiserver.writing.preconditions import Target
from reconcilekit.testing.apiserver.writing.strategic import StrategicPatch
from reconcilekit.testing.apiserver.writing.writes import Transform

PatchKind = Literal["json", "merge", "strategic", "apply"]

MAX_OPERATIONS = 10_000
"""Operations that a JSON patch may have."""

_KINDS: dict[str, PatchKind] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


@attrs.frozen
class _Names:
    """What the reader of JSON patches calls things."""

    prefix: str
    patch: str
    operation: str


_STRICT = _Names("error decoding patch: ", "[]handlers.jsonPatchOp", "handlers.jsonPatchOp")
_LENIENT = _Names("", "jsonpatch.Patch", "jsonpatch.Operation")
"""Where fields aren't looked at one by one, nobody but the library reads the patch."""


def kind_of(request: Request, served: ResourceType) -> PatchKind:
    """The kind of patch that a request's content type names.

    Raises:
        StatusError: 415.
    """
    kind = _KINDS.get(request.headers.get("content-type", "").partition(";")[0].strip())
    if kind is None or (kind == "strategic" and served.is_custom):
        if served.is_custom:
            raise status.unknown_format([name for name in _KINDS if "strategic" not in name])
        raise status.unsupported_media_type()
    return kind


def transform_of(kind: PatchKind, request: Request, served: ResourceType, *, strict: bool) -> Transform:
    """What the patch makes of a live object; only of one that is there, the real server says what the patch isn't.

    Args:
        kind: not "apply".
        request: with the patch.
        served: the kind.
        strict: fields are looked at one by one, which words some refusals otherwise.

    Returns:
        Raises StatusError, 400 or 413, where the patch is JSON but no such patch.

    Raises:
        StatusError: 400 where it isn't JSON.
    """
    body = request.body or b""
    decoded = _decoded(body)
    match kind:
        case "json":
            return lambda live: _apply_json(in_go_order(live, served.definition), _operations(decoded, strict=strict))
        case "merge":
            return lambda live: _merge(in_go_order(live, served.definition), decoded, strict=strict)
        case _ if isinstance(decoded, dict | None):
            return StrategicPatch(patch=decoded or {}, definition=served.definition)
        case _:
            return lambda _: _map(decoded, prefix="")


def _decoded(body: bytes) -> Any:
    try:
        decoded = msgspec.json.decode(body)
        numbered = bodies.with_go_numbers(decoded) if bodies.LONG_NUMBER.search(body) else decoded
    except (ValueError, RecursionError) as error:
        raise status.bad_request("invalid JSON patch") from error
    if may_be_too_deep(body) and is_too_deep(numbered):
        raise status.bad_request("invalid JSON patch")
    return numbered


def _map(decoded: Any, *, prefix: str) -> dict[str, Any]:
    if decoded is None:
        raise status.bad_request("Invalid JSON Patch")
    if not isinstance(decoded, dict):
        found = json_type(decoded)
        raise status.bad_request(
            f"{prefix}json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )
    return decoded


def _merge(live: dict[str, Any], patch: Any, *, strict: bool) -> dict[str, Any]:
    if not strict and not isinstance(patch, dict | list):
        raise status.bad_request("Invalid JSON Patch")
    if strict:
        patch = _map(patch, prefix="error decoding patch: ")
    return _as_object(merge_patch(live, patch) if isinstance(patch, dict) else merge_patch(None, patch))


def _operations(decoded: Any, *, strict: bool) -> list[dict[str, Any]]:
    names = _STRICT if strict else _LENIENT
    if decoded is None:
        return []
    if not isinstance(decoded, list):
        raise status.bad_request(
            f"{names.prefix}json: cannot unmarshal {json_type(decoded)} into Go value of type {names.patch}"
        )
    for operation in decoded:
        if operation is not None and not isinstance(operation, dict):
            raise status.bad_request(
                f"{names.prefix}json: cannot unmarshal {json_type(operation)} into Go value of type {names.operation}"
            )
        if strict:
            _check_texts(operation or {})
    if len(decoded) > MAX_OPERATIONS:
        said = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(decoded)}"
        raise status.StatusError(413, f"Request entity too large: {said}", reason="RequestEntityTooLarge")
    return [operation or {} for operation in decoded]


def _check_texts(operation: dict[str, Any]) -> None:
    for name in ("op", "path", "from"):
        value = operation.get(name)
        if value is not None and not isinstance(value, str):
            raise status.bad_request(
                f"{_STRICT.prefix}json: cannot unmarshal {json_type(value)} into Go struct field jsonPatchOp.{name} "
                "of type string"
            )


def _apply_json(live: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    # A JSON patch changes its document in place, and the live object belongs to the store.
    patched = _as_object(json_patch(msgspec.json.decode(msgspec.json.encode(live)), operations))
    if is_too_deep(patched):
        # Each operation is shallow, but one can move what another has made.
        raise status.bad_request("the object provided is unrecognized: exceeded max depth")
    return patched


def _as_object(patched: Any) -> dict[str, Any]:
    if not isinstance(patched, dict):
        why = f"json parse error: json: cannot unmarshal {json_type(patched)} into Go value of type {bodies.TYPE_META}"
        raise undecodable(patched, f"couldn't get version/kind; {why}")
    return patched


def check_kind(patched: Mapping[str, Any], served: ResourceType, target: Target) -> None:
    """Refuse what a patch that makes a document, not an object, made of an object of a built-in kind.

    Args:
        patched: the document.
        served: the object's kind.
        target: of the write; what `fieldValidation` has to say goes there.

    Raises:
        StatusError: 422 where it is an object of another kind or version; 400 where it says no version.
    """
    if why := identity.unreadable(patched):
        raise undecodable(patched, why)
    kind, api_version = patched.get("kind") or served.kind, patched.get("apiVersion") or ""
    if api_version in identity.NO_VERSIONS:
        # The real server reads nothing of it then: it knows none of the fields, and misses the name.
        listed = target.strict_problems(sorted(set(patched).difference(identity.PARTS)), in_order=True)
        if listed and target.field_validation == "Strict":
            raise undecodable(patched, f"strict decoding error: {', '.join(listed)}")
        if target.field_validation == "Warn":
            target.warnings.extend(listed)
        raise bodies.nameless(target.key.name)
    if (kind, api_version) == (served.kind, served.api_version):
        return
    if kind != served.kind or not has_same_fields(kind, api_version):
        raise undecodable(patched, bodies.conversion_problem(kind, api_version, served))


def undecodable(patched: Any, why: str) -> status.StatusError:
    """422 of a patch whose result is no object of its kind."""
    shown = quoted(json_text(patched, sorts=False))
    cause = Cause(reason="FieldValueInvalid", message=f"Invalid value: {shown}: {why}", field="patch")
    message = f' "" is invalid: patch: {cause.message}'
    return status.StatusError(422, message, reason="Invalid", details={"causes": [cause.encoded()]})
