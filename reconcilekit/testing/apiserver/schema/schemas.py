"""The types of what the server reads besides objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def options_problem(options: Mapping[str, Any]) -> str:
    """What in DeleteOptions has another type than it must have, "" if nothing has."""
    try:
        msgspec.convert(options, _DeleteOptions)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteOptions(msgspec.Struct, rename="camel"):
    preconditions: _Preconditions | None = None
    dry_run: list[str] | None = None
