"""A Pod's resize (pkg/apis/core/validation, KEP-1287), and the quality of service, which it may not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, invalid
from reconcilekit.testing.apiserver.validation.pods import pod_spec_causes
from reconcilekit.testing.apiserver.validation.resource_names import amount

_MEASURED = ("cpu", "memory")
_ONLY = "only cpu and memory resources are mutable"


def quality_of(spec: Obj) -> str:
    """A pod's quality of service, by the requests and limits of its containers."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    told = [_measured(container.get("resources") or {}) for container in containers]
    if not any(requests or limits for requests, limits in told):
        return "BestEffort"
    is_fixed = all(limits.keys() == set(_MEASURED) and requests == limits for requests, limits in told)
    return "Guaranteed" if is_fixed else "Burstable"


def _measured(resources: Obj) -> tuple[dict[str, Any], dict[str, Any]]:
    limits, requests = ({n: amount(v) for n, v in (resources.get(k) or {}).items()} for k in ("limits", "requests"))
    return {n: v for n, v in requests.items() if n in _MEASURED and v}, {
        n: v for n, v in limits.items() if n in _MEASURED and v
    }


def resize_causes(pod: Obj, old: Obj) -> Found:
    """What is wrong with what a write made of a Pod's resources."""
    spec, before = pod["spec"], old["spec"]
    yield from pod_spec_causes(spec, "spec")
    quality = (old.get("status") or {}).get("qosClass", "")
    if quality != quality_of(spec):
        yield invalid("spec", quality, "Pod QOS Class may not change as a result of resizing")
    if not _is_supported(old.get("status") or {}):
        yield forbidden("spec", "Pod running on node without support for resize")
    names = ("containers", "initContainers")
    lists = {name: (spec.get(name) or (), before.get(name) or ()) for name in names}
    wrong = [cause for name in names for cause in _order_causes(name, *lists[name])]
    yield from wrong
    if wrong:
        return
    for name in reversed(names):
        for i, (new, then) in enumerate(zip(*lists[name], strict=True)):
            yield from _removal_causes(new, then, f"spec.{name}[{i}].resources")
    yield from _other_causes(*lists["containers"])
    yield from _initial_causes(*lists["initContainers"])


def _is_supported(status: Obj) -> bool:
    """What the first container that runs says: its node reports resources where it can change them."""
    for told in status.get("containerStatuses") or ():
        if "running" in (told.get("state") or {}):
            return told.get("resources") is not None
    return True


def _order_causes(name: str, containers: Sequence[Obj], before: Sequence[Obj]) -> Found:
    if len(containers) != len(before):
        yield forbidden(f"spec.{name}", f"{name} may not be added or removed on resize")
        return
    for i, (new, old) in enumerate(zip(containers, before, strict=True)):
        if new.get("name") != old.get("name"):
            yield forbidden(f"spec.{name}[{i}].name", f"{name} may not be renamed or reordered on resize")


def _removal_causes(container: Obj, old: Obj, field: str) -> Found:
    for name in ("requests", "limits"):
        told, before = ((one.get("resources") or {}).get(name) or {} for one in (container, old))
        if before.keys() - told.keys():
            yield forbidden(f"{field}.{name}", f"resource {name} cannot be removed")


def _other_causes(containers: Sequence[Obj], before: Sequence[Obj]) -> Found:
    for new, old in zip(containers, before, strict=True):
        if _fixed(new) != _fixed(old):
            yield forbidden("spec", _ONLY)


def _initial_causes(containers: Sequence[Obj], before: Sequence[Obj]) -> Found:
    for i, (new, old) in enumerate(zip(containers, before, strict=True)):
        field = f"spec.initContainers[{i}]"
        if _fixed(new) != _fixed(old):
            yield forbidden(field, "only cpu and memory resources for init or sidecar containers are mutable")
        if new != old and new.get("restartPolicy") != "Always":
            why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
            policies = [policy.get("restartPolicy") for policy in new.get("resizePolicy") or ()]
            yield from (forbidden(field, why) for policy in policies if policy == "RestartContainer")


def _fixed(container: Obj) -> dict[str, Any]:
    """A container but for the amounts that may change."""
    resources: Mapping[str, Any] = container.get("resources") or {}
    kept = {name: _unmeasured(resources.get(name) or {}) for name in ("requests", "limits")}
    return {**container, "resources": {**resources, **kept}}


def _unmeasured(amounts: Obj) -> dict[str, Any]:
    return {name: told for name, told in amounts.items() if name not in _MEASURED}
