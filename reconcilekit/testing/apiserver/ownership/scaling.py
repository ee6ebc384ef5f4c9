"""Ownership through the scale subresource: its one field stands for the number of replicas in the object.

(k8s.io/apimachinery, `pkg/util/managedfields/scalehandler.go`)
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from reconcilekit.testing.apiserver.ownership.field_sets import FieldSet, Path, difference, from_paths, is_member
from reconcilekit.testing.apiserver.ownership.managers import Managers, Owned

SCALE_VERSION = "autoscaling/v1"
_REPLICAS: FieldSet = from_paths(("f:spec", "f:replicas"))


def to_scale(managers: Managers, replicas: Mapping[str, Path | None]) -> Managers:
    """Who owns the scale's replicas.

    Args:
        managers: of the object.
        replicas: where the number stands in each version of the kind; None where that version has no scale.
    """
    return {
        manager: Owned(_REPLICAS, SCALE_VERSION, owned.time)
        for manager, owned in managers.items()
        if (path := replicas.get(owned.api_version)) and _has(owned.fields, path)
    }


def to_object(parents: Managers, scale: Managers, replicas: Mapping[str, Path | None], *, api_version: str) -> Managers:
    """Who owns what in the object after a write to its scale.

    Args:
        parents: of the object before.
        scale: of the scale after.
        replicas: as for `to_scale`.
        api_version: of the object that the scale belongs to.
    """
    after: Managers = {}
    rest = dict(scale)
    for manager, owned in parents.items():
        if owned.api_version not in replicas:
            continue
        path = replicas[owned.api_version]
        if path is None or not _has(owned.fields, path):
            after[manager] = owned
        elif manager in rest:
            after[manager] = owned
            del rest[manager]
        elif fields := difference(owned.fields, from_paths(path)):
            after[manager] = attrs.evolve(owned, fields=fields)
    path = replicas.get(api_version)
    for manager, owned in rest.items():
        if path and _has(owned.fields, ("f:spec", "f:replicas")):
            known = parents.get(manager)
            after[manager] = Owned(from_paths(path), api_version, known.time if known else "")
    return after


def _has(fields: FieldSet, path: Path) -> bool:
    node: FieldSet | None = fields
    for element in path:
        node = node.get(element) if node else None
    return is_member(node)
