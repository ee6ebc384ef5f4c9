"""The metadata of custom objects and of the resources embedded in them: the server reads it into its struct.

It goes through JSON for that, with its fields in the order of their names and its numbers as Go writes them.
"""

from __future__ import annotations

from typing import Any, Final

from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.schema.decoding import reader, unknown_fields
from reconcilekit.testing.apiserver.schema.diagnosis import told_mistake
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

_STRUCT: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def read(metadata: object, path: str) -> tuple[dict[str, Any], list[str]]:
    """What Go keeps of it: no unknown fields, nothing empty; and the paths of what is unknown.

    Args:
        metadata: of an object; null is as good as none.
        path: where it stands.

    Raises:
        DecodeError: it can't be read.
    """
    if metadata is None:
        return {}, []
    if not isinstance(metadata, dict):
        raise DecodeError(f"json: cannot unmarshal {json_type(metadata)} into Go value of type v1.ObjectMeta")
    try:
        kept: dict[str, Any] = reader(_STRUCT)(metadata)
    except DecodeError:
        kept = _read_as_sent(metadata)
    if kept == metadata:
        return kept, []
    return kept, [f"{path}.{name}" for name in unknown_fields(_as_sent(metadata), _STRUCT)]


def without_malformed(metadata: dict[str, Any]) -> dict[str, Any]:
    """It without the fields that Go can't read: what the server does to what it stored itself."""
    return {name: value for name, value in metadata.items() if _is_readable(name, value)}


def _is_readable(name: str, value: object) -> bool:
    try:
        read({name: value}, "")
    except DecodeError:
        return False
    return True


def _read_as_sent(metadata: dict[str, Any]) -> dict[str, Any]:
    sent = _as_sent(metadata)
    try:
        kept: dict[str, Any] = reader(_STRUCT)(sent)
    except DecodeError as error:
        raise told_mistake(sent, _STRUCT) or error from error
    return kept


def _as_sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_sent(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value
