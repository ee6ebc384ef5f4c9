"""Whether a write changes an object, and whether the object is of a new generation then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.json_values import is_identical
from reconcilekit.testing.apiserver.writing.preconditions import Target

_UNCOUNTED = frozenset({"resourceVersion", "managedFields", "generation"})


def is_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True if nothing changes but what every write brings along."""
    if old.keys() != new.keys() or not all(is_identical(old[name], new[name]) for name in old if name != "metadata"):
        return False
    return is_identical(_counted(old["metadata"]), _counted(new["metadata"]))


def is_new_generation(target: Target, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True if what is wanted of the object changes, in a kind that counts it."""
    if not target.served.has_generation or target.subresource not in ("", "scale", "ephemeralcontainers", "resize"):
        return False
    if target.served.storage_key == ("scheduling.k8s.io", "priorityclasses"):
        # It begins with a generation, and keeps it.
        return False
    if target.served.storage_key == ("apps", "deployments") and _annotations(old) != _annotations(new):
        return True
    if target.served.storage_key == ("discovery.k8s.io", "endpointslices") and _labels(old) != _labels(new):
        return True
    uncounted = {"metadata", "status"} if target.served.has_status else {"metadata"}
    names = (old.keys() | new.keys()) - uncounted
    # A null that a custom object has is another value than none.
    return any(name not in old or name not in new or not is_identical(old[name], new[name]) for name in names)


def _counted(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name not in _UNCOUNTED}


def _annotations(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return content["metadata"].get("annotations") or {}


def _labels(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return content["metadata"].get("labels") or {}
