"""What writes do to objects of built-in kinds: they are read as Go reads them, between the verbs and `schema`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import json_text, printed, quoted
from reconcilekit.testing.apiserver.schema.conversion import converted
from reconcilekit.testing.apiserver.schema.decoding import DecodeError, reader, unknown_fields, zero_struct
from reconcilekit.testing.apiserver.schema.definitions import definition
from reconcilekit.testing.apiserver.schema.diagnosis import told_mistake
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.writing.preconditions import MAX_MISTAKES, Target


def decoded(target: Target, obj: dict[str, Any], *, is_patched: bool = False) -> dict[str, Any]:
    """The object as the server stores it, defaults filled in, in containers of its own.

    Args:
        target: of the write; what `fieldValidation` has to say goes there.
        obj: the body, or what a patch made of the live object, in the order that it has then.
        is_patched: the latter; what is wrong with it is the patch's fault.

    Raises:
        StatusError: 400, or 422 for a patch, where it can't be read, or where unknown fields are to be refused.
    """
    name = target.served.definition
    try:
        content = _read(target, obj)
    except DecodeError as error:
        raise _unreadable(target, obj, str(error), is_patched=is_patched) from error
    if target.field_validation != "Ignore":
        listed = _strict_problems(target, unknown_fields(obj, name))
        if listed and target.field_validation == "Strict":
            why = f"strict decoding error: {', '.join(listed)}"
            raise _unreadable(target, obj, why, is_patched=is_patched)
        target.warnings.extend(listed)
    content.pop("kind", None)
    content.pop("apiVersion", None)
    return content


def _read(target: Target, obj: dict[str, Any]) -> dict[str, Any]:
    name = target.served.definition
    read = reader(name)
    try:
        content: dict[str, Any] = read(obj)
    except DecodeError as error:
        if target.strategic_patch is None:
            raise told_mistake(obj, name) or error from error
        content = read(converted(obj, name))
    return content


def _strict_problems(target: Target, unknown: Sequence[str]) -> list[str]:
    listed = target.strict_problems(unknown, in_order=True)
    if target.strategic_patch is None:
        return listed
    # What a strategic patch made is no document, and so has no order; the patch itself has.
    of_patch = min(len(target.patch_problems), MAX_MISTAKES)
    return listed[:of_patch] + sorted(listed[of_patch:])


def empty_status(name: str) -> dict[str, Any] | None:
    """The status of an object that has none yet, None for a kind whose objects have no status then."""
    field = definition(name).fields.get("status")
    if field is None or not field.is_always_there:
        return None
    return dict(zero_struct(field.type.base))


def _unreadable(target: Target, obj: dict[str, Any], why: str, *, is_patched: bool) -> status.StatusError:
    kind = target.served.kind
    if not is_patched:
        return status.bad_request(f'{kind} in version "{target.served.version}" cannot be handled as a {kind}: {why}')
    shown = json_text(obj, sorts=False) if target.strategic_patch is None else printed(target.strategic_patch)
    message = f"Invalid value: {quoted(shown)}: {why}"
    cause = Cause(reason="FieldValueInvalid", message=message, field="patch")
    details = {"causes": [cause.encoded()]}
    return status.StatusError(422, f' "" is invalid: patch: {message}', reason="Invalid", details=details)
