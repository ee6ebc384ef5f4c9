"""A Pod's ephemeral containers (pkg/apis/core/validation): what they may have, and that they stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, duplicate, forbidden, missing
from reconcilekit.testing.apiserver.validation.containers import Around, container_causes

_FIELD = "spec.ephemeralContainers"
_NOT_THEIRS = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)
_NEVER = "cannot be set for an Ephemeral Container"


def ephemeral_causes(pod: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of them."""
    spec, containers = pod["spec"], pod["spec"].get("ephemeralContainers") or ()
    names = _names(spec.get("containers")) | _names(spec.get("initContainers"))
    around = Around(spec, {volume.get("name", ""): volume for volume in spec.get("volumes") or ()})
    seen = set(names)
    for i, container in enumerate(containers):
        field, name = f"{_FIELD}[{i}]", container.get("name", "")
        yield from container_causes(container, around, field)
        if name in seen:
            yield duplicate(f"{field}.name", name)
        seen.add(name)
        if (aim := container.get("targetContainerName", "")) and aim not in names:
            yield missing(f"{field}.targetContainerName", aim)
        yield from (forbidden(f"{field}.{part}", _NEVER) for part in _NOT_THEIRS if container.get(part))
        yield from _mount_causes(container.get("volumeMounts") or (), field)
    yield from _changed_causes(containers, old["spec"].get("ephemeralContainers") or ())


def _names(containers: Sequence[Obj] | None) -> set[str]:
    return {container.get("name", "") for container in containers or ()}


def _mount_causes(mounts: Sequence[Obj], field: str) -> Found:
    for i, mount in enumerate(mounts):
        for name in ("subPath", "subPathExpr"):
            if mount.get(name):
                yield forbidden(f"{field}.volumeMounts[{i}].{name}", _NEVER)


def _changed_causes(containers: Sequence[Obj], before: Sequence[Obj]) -> Found:
    there = {container.get("name", ""): container for container in containers}
    for container in before:
        name = container.get("name", "")
        if name not in there:
            yield forbidden(_FIELD, f'existing ephemeral containers "{name}" may not be removed\n')
        elif there[name] != container:
            yield forbidden(_FIELD, f'existing ephemeral containers "{name}" may not be changed')
