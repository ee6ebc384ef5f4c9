"""Volume claim templates of StatefulSets (pkg/apis/apps/validation): what they ask for, the volumes they come to."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.validation.causes import Found, Obj
from reconcilekit.testing.apiserver.validation.claims import claim_spec_causes


def claim_templates_causes(spec: Obj, old: Obj | None) -> Found:
    """What is wrong with a StatefulSet's claims; they never change, so that only its creation is looked at."""
    for i, template in enumerate(_templates(spec) if old is None else ()):
        yield from claim_spec_causes(template.get("spec") or {}, f"spec.volumeClaimTemplates[{i}].spec")


def with_claimed_volumes(spec: Obj) -> Obj:
    """A StatefulSet's spec with the volumes in its Pods' template that its claims come to, hiding those of their names.

    Host names aren't looked at either: the controller gives them.
    """
    template = spec.get("template") or {}
    pod = {name: value for name, value in (template.get("spec") or {}).items() if name not in ("hostname", "subdomain")}
    claimed: dict[str, Any] = {}
    for told in _templates(spec):
        name = (told.get("metadata") or {}).get("name", "")
        claimed[name] = {"name": name, "persistentVolumeClaim": {"claimName": name}}
    if claimed:
        others = [volume for volume in pod.get("volumes") or () if volume.get("name", "") not in claimed]
        pod["volumes"] = [*claimed.values(), *others]
    return {**spec, "template": {**template, "spec": pod}}


def _templates(spec: Obj) -> list[dict[str, Any]]:
    return spec.get("volumeClaimTemplates") or []
