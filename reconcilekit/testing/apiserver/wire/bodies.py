"""Reading what clients send, and saying as the server does what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.schemas import operations_problem, options_problem
from reconcilekit.testing.apiserver.wire import protobuf


def decode_object(body: bytes, served: ResourceType) -> dict[str, Any]:
    """An object as JSON or protobuf; null fields are as good as absent ones.

    Raises:
        StatusError: 400, or 415 for protobuf with more in it than is understood.
    """
    if body.startswith(protobuf.MAGIC):
        return _decode_protobuf(body)
    decoded = decode(body, served)
    return without_nulls(decoded) if b"null" in body else decoded


def decode(body: bytes, served: ResourceType) -> dict[str, Any]:
    """A patch as JSON, its nulls kept: they remove.

    Raises:
        StatusError: 400.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(body, served, _describe(error)) from error
    if not isinstance(decoded, dict):
        raise _unreadable(body, served, "json parse error: json: cannot unmarshal into an object")
    return decoded


def decode_apply(body: bytes, served: ResourceType) -> dict[str, Any]:
    """An apply configuration, JSON or (with pyyaml installed) YAML.

    Raises:
        StatusError: 400.
    """
    if body.lstrip()[:1] == b"{":
        return decode_object(body, served)
    try:
        import yaml
    except ImportError as error:
        raise status.bad_request("this server reads YAML only with pyyaml installed; send JSON") from error
    try:
        # By way of JSON, which is what the real server makes of it: a date is a string there, and so is every key.
        decoded = msgspec.json.decode(msgspec.json.encode(yaml.safe_load(body)))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise status.bad_request(f"error decoding YAML: {error}") from error
    if not isinstance(decoded, dict):
        raise status.bad_request(f"error decoding YAML: expected a map, got {type(decoded).__name__}")
    return without_nulls(decoded)


def decode_operations(body: bytes) -> list[dict[str, Any]]:
    """A JSON patch.

    Raises:
        StatusError: 400.
    """
    try:
        operations: list[dict[str, Any]] = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise status.bad_request(f"error decoding patch: {error}") from error
    if problem := operations_problem(operations):
        raise status.bad_request(f"error decoding patch: {problem}")
    return operations


def decode_options(body: bytes | None) -> dict[str, Any]:
    """DeleteOptions, empty where there are none."""
    if not body:
        return {}
    if body.startswith(protobuf.MAGIC):
        return _decode_protobuf(body)
    try:
        options = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise status.bad_request(f"error decoding DeleteOptions: {error}") from error
    if problem := options_problem(options):
        raise status.bad_request(f"error decoding DeleteOptions: {problem}")
    return options


def _decode_protobuf(body: bytes) -> dict[str, Any]:
    try:
        return protobuf.decode_protobuf(body)
    except protobuf.UnsupportedBodyError as error:
        raise status.unsupported_media_type() from error


def check_kind(obj: Mapping[str, Any], served: ResourceType) -> None:
    """Refuse an object of another kind or version.

    Raises:
        StatusError: 400.
    """
    kind, api_version = obj.get("kind", served.kind), obj.get("apiVersion", served.api_version)
    if (kind, api_version) == (served.kind, served.api_version):
        return
    version = str(api_version).rpartition("/")[2]
    group = served.group.partition(".")[0] or "core"
    raise status.bad_request(
        f'{kind} in version "{version}" cannot be handled as a {served.kind}: converting '
        f"({version}.{kind}) to ({group}.{served.kind}): unknown conversion"
    )


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """The object without null fields: in an object they mean that the field isn't there."""
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _unreadable(body: bytes, served: ResourceType, why: str) -> status.StatusError:
    return status.bad_request(
        f"the object provided is unrecognized (must be of type {served.kind}): couldn't get version/kind; {why} "
        f"({_summary(body)})"
    )


def _describe(error: Exception) -> str:
    text = "unexpected end of JSON input" if "truncated" in str(error) else str(error)
    return f"json parse error: {text}"


def _summary(body: bytes, limit: int = 30) -> str:
    if not body:
        return "<empty>"
    if body[:1] != b"{":
        return body[:limit].hex()
    text = body.decode(errors="replace")
    return text if len(text) <= limit else f"{text[:limit]} ..."
