"""Indexed Jobs: which Pod is for which index, and which indexes are done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_active, phase
from reconcilekit.testing.apiserver.storage.storage import Stored

INDEX = "batch.kubernetes.io/job-completion-index"
_VARIABLE = "JOB_COMPLETION_INDEX"


def index_of(pod: Stored) -> int | None:
    """The index that a Pod is for, None where it is for none."""
    told = (pod.meta.get("annotations") or {}).get(INDEX, "")
    index = whole_number(told)
    return None if index is None or index < 0 else index


def done(pods: Iterable[Stored], completions: int) -> set[int]:
    """The indexes of which a Pod has succeeded."""
    found = {index_of(pod) for pod in pods if phase(pod) == "Succeeded"}
    return {index for index in found if index is not None and index < completions}


def missing(pods: list[Stored], completions: int) -> Iterator[int]:
    """The indexes that are neither done nor under way, the lowest first; one by one, as there may be billions."""
    taken = done(pods, completions) | {index_of(pod) for pod in pods if is_active(pod)}
    return (index for index in range(completions) if index not in taken)


def ranges(indexes: Iterable[int]) -> str:
    """Indexes as a status tells them: "0-2,5"."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and index == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], index]
        else:
            parts.append([index])
    # Two neighbours are told one by one.
    return ",".join(_range(part) for part in parts)


def _range(part: list[int]) -> str:
    first, last = part[0], part[-1]
    return str(first) if first == last else f"{first},{last}" if last == first + 1 else f"{first}-{last}"


def for_index(pod: dict[str, Any], job: str, index: int) -> dict[str, Any]:
    """A Job's Pod that is for one index."""
    metadata, spec = pod["metadata"], pod["spec"]
    told = {INDEX: str(index)}
    metadata = {
        **metadata,
        "generateName": f"{job}-{index}-",
        "labels": {**metadata["labels"], **told},
        "annotations": {**(metadata.get("annotations") or {}), **told},
    }
    field = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    spec = {**spec, "hostname": f"{job}-{index}"}
    for name in ("initContainers", "containers"):
        if spec.get(name):
            spec[name] = [
                _knowing(container, {"name": _VARIABLE, "valueFrom": {"fieldRef": field}}) for container in spec[name]
            ]
    return {**pod, "metadata": metadata, "spec": spec}


def _knowing(container: dict[str, Any], variable: dict[str, Any]) -> dict[str, Any]:
    known = container.get("env") or []
    if any(told.get("name") == _VARIABLE for told in known):
        return container
    return {**container, "env": [*known, variable]}
