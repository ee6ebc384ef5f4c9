"""What writes do to objects of built-in kinds: they are read as Go reads them, between the verbs and `schema`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import printed
from reconcilekit.testing.apiserver.schema.decoding import DecodeError, reader, unknown_fields, zero_struct
from reconcilekit.testing.apiserver.schema.definitions import definition
from reconcilekit.testing.apiserver.schema.mistakes import TypeMismatchError
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.writing.preconditions import Target

Transform = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the wanted object of the live one, which it must not change."""


def decoded(target: Target, obj: dict[str, Any], *, patch: Transform | None = None) -> dict[str, Any]:
    """The object as the server stores it, defaults filled in, in containers of its own.

    Args:
        target: of the write; what `fieldValidation` has to say goes there.
        obj: the body, or what a patch made of the live object.
        patch: what made it of the live object, as what is wrong with it is the patch's fault then.

    Raises:
        StatusError: 400, or 422 for a patch, where it can't be read, or where unknown fields are to be refused.
    """
    name = target.served.definition
    try:
        content: dict[str, Any] = reader(name)(obj)
    except DecodeError as error:
        raise _unreadable(target, obj, error, patch) from error
    if target.field_validation != "Ignore":
        listed = target.strict_problems(unknown_fields(obj, name), in_order=True)
        if listed and target.field_validation == "Strict":
            raise _unreadable(target, obj, DecodeError(f"strict decoding error: {', '.join(listed)}"), patch)
        target.warnings.extend(listed)
    content.pop("kind", None)
    content.pop("apiVersion", None)
    return content


def empty_status(name: str) -> dict[str, Any] | None:
    """The status of an object that has none yet, None for a kind whose objects have no status then."""
    field = definition(name).fields.get("status")
    if field is None or not field.is_always_there:
        return None
    return dict(zero_struct(field.type.base))


def _unreadable(target: Target, obj: dict[str, Any], error: DecodeError, patch: Transform | None) -> status.StatusError:
    kind = target.served.kind
    if patch is None:
        return status.bad_request(f'{kind} in version "{target.served.version}" cannot be handled as a {kind}: {error}')
    if target.strategic_patch is not None:
        shown, why = printed(target.strategic_patch), _converted(error)
    else:
        shown, why = msgspec.json.encode(obj, order="sorted").decode(), str(error)
    message = f"Invalid value: {msgspec.json.encode(shown).decode()}: {why}"
    cause = Cause(reason="FieldValueInvalid", message=message, field="patch")
    details = {"causes": [cause.encoded()]}
    return status.StatusError(422, f' "" is invalid: patch: {message}', reason="Invalid", details=details)


def _converted(error: DecodeError) -> str:
    """The error in the words of the converter that strategic merge patches go through."""
    if not isinstance(error, TypeMismatchError):
        return f"error decoding from json: {error}" if "base64" in str(error) else str(error)
    found = {"array": "slice", "object": "map", "number": "int64"}.get(error.found.split()[0], error.found)
    wanted = error.wanted.lstrip("*")
    if wanted.startswith("[]"):
        return f"cannot restore slice from {found}"
    if wanted.startswith("map["):
        return f"cannot restore map from {found}"
    if "." in wanted:
        return f"cannot restore struct from: {found}"
    if (wanted, found) == ("string", "int64"):
        return "cannot convert int64 to string"
    return f"unrecognized type: {wanted}"
