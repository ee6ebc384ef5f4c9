"""What a write to one of a Pod's subresources takes of its body: all else stays as it is (pkg/registry/core/pod)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_KEPT = ("labels", "annotations", "ownerReferences", "finalizers")
_KEPT_OF_STATUS = ("qosClass", "observedGeneration")
_RESIZED = ("resources", "resizePolicy")

Spec = Mapping[str, Any]


def restrict(subresource: str, content: dict[str, Any], old: Mapping[str, Any]) -> None:
    """Put back into a Pod, in place, what a write to this subresource leaves alone; nothing for any other object's."""
    taken = _TAKEN.get(subresource)
    if taken is None:
        return
    content["spec"] = taken(content.get("spec") or {}, old["spec"])
    content["status"] = old.get("status") or {}
    metadata = {name: value for name, value in content["metadata"].items() if name not in _KEPT}
    content["metadata"] = metadata | {name: old["metadata"][name] for name in _KEPT if name in old["metadata"]}


def status_of(told: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """What a write makes of a Pod's status: clients that don't know these fields leave them out, and lose nothing."""
    kept = {name: old[name] for name in _KEPT_OF_STATUS if name in old and not told.get(name)}
    status = {**told, **kept}
    if status.get("conditions"):
        status["conditions"] = _conditions(status["conditions"], old.get("conditions") or ())
    return status


def _conditions(told: Sequence[Mapping[str, Any]], old: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    generations: dict[str, list[int]] = {}
    for condition in old:
        generations.setdefault(condition.get("type", ""), []).append(condition.get("observedGeneration", 0))
    conditions = []
    for condition in told:
        known = generations.get(condition.get("type", ""))
        generation = known.pop(0) if known else 0
        is_kept = generation and not condition.get("observedGeneration")
        conditions.append({**condition, "observedGeneration": generation} if is_kept else condition)
    return conditions


def _ephemeral(spec: Spec, old: Spec) -> dict[str, Any]:
    kept = {name: value for name, value in old.items() if name != "ephemeralContainers"}
    told = spec.get("ephemeralContainers")
    return {**kept, "ephemeralContainers": told} if told else kept


def _resized(spec: Spec, old: Spec) -> dict[str, Any]:
    parts = {name: (spec.get(name) or (), old.get(name) or ()) for name in ("containers", "initContainers")}
    if any(len(containers) != len(before) for containers, before in parts.values()):
        # Containers that come and go are told as mistakes.
        return dict(spec)
    resized = {name: _resized_containers(*pair) for name, pair in parts.items() if pair[1]}
    return {**old, **resized, **{name: spec[name] for name in ("resources",) if name in spec}}


def _resized_containers(containers: Sequence[Spec], before: Sequence[Spec]) -> list[Spec]:
    if [container.get("name") for container in containers] != [container.get("name") for container in before]:
        return list(containers)
    return [_with(old, container, _RESIZED) for container, old in zip(containers, before, strict=True)]


def _with(old: Spec, new: Spec, names: Sequence[str]) -> dict[str, Any]:
    kept = {name: value for name, value in old.items() if name not in names}
    return {**kept, **{name: new[name] for name in names if name in new}}


_TAKEN: Mapping[str, Callable[[Spec, Spec], dict[str, Any]]] = {"ephemeralcontainers": _ephemeral, "resize": _resized}
