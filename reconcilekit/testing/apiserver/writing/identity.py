"""What kind an object says it is; of a custom one nobody has to be told before it is checked with all else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import json_text, json_type
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.status import Cause

PARTS = ("kind", "apiVersion")
"""What an object holds of it while it is written, where it isn't what its path says."""

NO_VERSIONS = ("", "/")
"""What says no version."""

_WIPED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
"""What a new object can't bring along."""


def unreadable(obj: Mapping[str, Any]) -> str:
    """Why nobody can read what an object that a patch made says that it is, "" if that can be read."""
    for name in PARTS:
        told = obj.get(name)
        if told is not None and not isinstance(told, str):
            why = f"json: cannot unmarshal {json_type(told)} into Go struct field .{name} of type string"
            return f"couldn't get version/kind; json parse error: {why}"
    api_version = obj.get("apiVersion") or ""
    if api_version.count("/") > 1:
        return f"unexpected GroupVersion string: {api_version}"
    return ""


def problem(obj: Mapping[str, Any]) -> str:
    """Why nobody can tell what an object is that a patch made, "" if it can be told."""
    if why := unreadable(obj):
        return why
    if not obj.get("kind"):
        return f"Object 'Kind' is missing in '{json_text(obj, sorts=False)}'"
    if "apiVersion" in obj and obj["apiVersion"] is None:
        return ".apiVersion accessor error: <nil> is of the type <nil>, expected string"
    return ""


def other(obj: Mapping[str, Any], served: ResourceType) -> dict[str, str]:
    """What an object says that it is, {} where that is what its path says, too."""
    told = {"kind": obj.get("kind") or "", "apiVersion": obj.get("apiVersion") or ""}
    return {} if told == {"kind": served.kind, "apiVersion": served.api_version} else told


def is_same_kind(obj: Mapping[str, Any], served: ResourceType) -> bool:
    """Whether an object's schema is the kind's: versions don't matter."""
    return (obj.get("kind"), group_of(str(obj.get("apiVersion") or ""))) == (served.kind, served.group)


def group_of(api_version: str) -> str:
    """The group of an apiVersion."""
    return re.sub("/?[^/]*$", "", api_version)


def version_of(api_version: str) -> str:
    """The version of an apiVersion."""
    return api_version.rpartition("/")[2]


def check_version(content: Mapping[str, Any]) -> None:
    """Refuse an object that says an empty version; one that has none is taken for its path's.

    Raises:
        StatusError: 500.
    """
    if content.get("apiVersion") in NO_VERSIONS:
        raise status.internal_error("Object 'apiVersion' is missing in 'object has no apiVersion field'")


def causes(content: Mapping[str, Any], served: ResourceType) -> list[Cause]:
    """What is wrong with it.

    Raises:
        StatusError: 500 where it says no version.
    """
    if "kind" not in content:
        return []
    check_version(content)
    wanted = {"kind": served.kind, "apiVersion": served.api_version}
    told = {name: content[name] for name in PARTS if content[name] != wanted[name]}
    return [
        Cause(reason="FieldValueInvalid", message=f'Invalid value: "{value}": must be {wanted[name]}', field=name)
        for name, value in told.items()
    ]


def wipe(metadata: dict[str, Any]) -> None:
    """Take from a new object, in place, what it can't bring along."""
    for name in _WIPED:
        metadata.pop(name, None)
