"""What an apply made of an object, read as the server reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.json_values import with_whole_numbers
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.tracking import described
from reconcilekit.testing.apiserver.schema.conversion import converted
from reconcilekit.testing.apiserver.schema.decoding import DecodeError, reader
from reconcilekit.testing.apiserver.writing import custom
from reconcilekit.testing.apiserver.writing.preconditions import Target


def configuration(config: dict[str, Any]) -> dict[str, Any]:
    """What is applied: nothing is filled in, as nobody owns what they didn't say.

    Raises:
        StatusError: 400 where it tells who owns what.
    """
    content = {name: value for name, value in config.items() if name not in ("kind", "apiVersion")}
    metadata = content.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        if metadata["managedFields"] is not None:
            raise status.bad_request("metadata.managedFields must be nil")
        content["metadata"] = {name: value for name, value in metadata.items() if name != "managedFields"}
    return content


def written(target: Target, content: dict[str, Any]) -> dict[str, Any]:
    """What is compared with what is there: a custom object in the version, and with the numbers, that are stored."""
    kind = target.served.custom
    if kind is None:
        # Numbers of any kind are nowhere else but in definitions.
        return with_whole_numbers(content) if target.served.storage_key == custom.DEFINITIONS else content
    return with_whole_numbers(content if kind.is_storage else custom.coerced(kind.in_storage, content))


def read_back(target: Target, content: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """What will be read of an object, and whether that is what is written.

    An apply's custom object is stored as it is, with its nulls and its empty metadata, and read by its schema; one that
    is converted to be stored is read for that, but gets the defaults of the version in which it is stored with the
    next read only.
    """
    kind = target.served.custom
    stored = written(target, content)
    if kind is None or (kind.is_storage and not target.is_apply):
        return stored, True
    read = with_whole_numbers(custom.read_back(kind.in_storage, stored))
    return read, read == stored


def read_built_in(served: ResourceType, applied: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """An object of a built-in kind with its defaults, in containers of its own.

    Args:
        served: the kind.
        applied: what the apply made of the object.
        config: what was applied, which failures name.

    Raises:
        StatusError: 500 where it can't be read: its types fit, but a time or some base64 doesn't.
    """
    read = reader(served.definition)
    try:
        try:
            content: dict[str, Any] = read(applied)
        except DecodeError:
            content = read(converted(applied, served.definition))
    except DecodeError as error:
        kind = described(served, {}).partition("; ")[2]
        raise status.StatusError(
            500,
            f"failed to convert new object ({described(served, config)}) to proper version: "
            f"unable to convert unstructured object to {kind}: {error}",
        ) from error
    return content
