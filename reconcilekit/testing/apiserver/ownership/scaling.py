"""Ownership through the scale subresource: its one field stands for the number of replicas in the object.

What an entry of the object becomes on its way to the scale and back, the loss of its time included, is that of
k8s.io/apimachinery, `pkg/util/managedfields/scalehandler.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from reconcilekit.testing.apiserver.ownership.field_sets import (
    FieldSet,
    Path,
    difference,
    from_paths,
    is_member,
)
from reconcilekit.testing.apiserver.ownership.managers import APPLY, Manager, Managers, Owned

SCALE_VERSION = "autoscaling/v1"
_IN_SCALE: Path = ("f:spec", "f:replicas")

Replicas = Mapping[str, Path | None]
"""Where the number stands in each version of the object's kind; None where that version has no scale."""


def to_scale(parents: Managers, replicas: Replicas) -> Managers:
    """Who owns the scale's replicas, of those who own something in the object."""
    owners: Managers = {}
    for manager, owned in parents.items():
        path = replicas.get(owned.api_version)
        if path and has(owned.fields, path):
            known = manager if manager.operation == APPLY else attrs.evolve(manager, api_version=SCALE_VERSION)
            owners[known] = Owned(from_paths(_IN_SCALE), SCALE_VERSION, owned.time)
    return owners


def to_object(
    parents: Managers, scale: Managers, replicas: Replicas, *, api_version: str
) -> list[tuple[Manager, Owned]]:
    """Who owns what in the object after a write to its scale; an updater may be there twice.

    Args:
        parents: of the object before.
        scale: of the scale after.
        replicas: as for `to_scale`.
        api_version: of the object that the scale belongs to.
    """
    after: list[tuple[Manager, Owned]] = []
    rest = dict(scale)
    for manager, owned in parents.items():
        if owned.api_version not in replicas:
            continue
        path = replicas[owned.api_version]
        if path is None or not has(owned.fields, path):
            after.append((manager, owned))
        elif manager in rest:
            after.append((manager, owned))
            del rest[manager]
        elif fields := difference(owned.fields, from_paths(path)):
            after.append((manager, attrs.evolve(owned, fields=fields)))
    path = replicas.get(api_version)
    for manager, owned in rest.items():
        if path and has(owned.fields, _IN_SCALE):
            known = parents.get(manager)
            after.append((manager, Owned(from_paths(path), api_version, known.time if known else "")))
    return after


def has(fields: FieldSet, path: Path) -> bool:
    """True if the path is a member of the set."""
    node: FieldSet | None = fields
    for element in path:
        node = node.get(element) if node else None
    return is_member(node)
