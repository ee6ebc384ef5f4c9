"""The versions of a definition, in their order (KEP-95: v2, v1, v2beta1, v1beta1, v1alpha1, then others by name)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_STAGES = {"alpha": 0, "beta": 1, "": 2}


def version_rank(name: str) -> tuple[int, int, int, tuple[int, ...]]:
    """What a version is sorted by: the greater, the more it is preferred."""
    found = re.fullmatch(r"v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?", name, re.ASCII)
    if found is None:
        # Names that say nothing are preferred in the order of the alphabet.
        return (-1, 0, 0, tuple(-ord(char) for char in name))
    return (_STAGES[found[2] or ""], int(found[1]), int(found[3] or 0), ())


def newer_version(spec: Mapping[str, Any], name: str) -> str:
    """The preferred one of the served versions after `name` that aren't deprecated, "" where there is none."""
    candidates = [
        version["name"]
        for version in spec["versions"]
        if version.get("served")
        and not version.get("deprecated")
        and version_rank(version["name"]) > version_rank(name)
    ]
    return max(candidates, key=version_rank, default="")


def storage_version(spec: Mapping[str, Any]) -> str:
    """The version that objects are stored in, "" where none is marked."""
    return next((version["name"] for version in spec.get("versions") or () if version.get("storage")), "")
