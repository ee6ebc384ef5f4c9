"""What an apply made of an object, read as the server reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.tracking import described
from reconcilekit.testing.apiserver.schema.decoding import DecodeError, reader


def read_built_in(served: ResourceType, applied: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """An object of a built-in kind with its defaults, in containers of its own.

    Args:
        served: the kind.
        applied: what the apply made of the object.
        config: what was applied, which failures name.

    Raises:
        StatusError: 500 where it can't be read: its types fit, but a time or some base64 doesn't.
    """
    try:
        content: dict[str, Any] = reader(served.definition)(applied)
    except DecodeError as error:
        why = f"error decoding from json: {error}" if "base64" in str(error) else str(error)
        kind = described(served, {}).partition("; ")[2]
        raise status.StatusError(
            500,
            f"failed to convert new object ({described(served, config)}) to proper version: "
            f"unable to convert unstructured object to {kind}: {why}",
        ) from error
    return content
