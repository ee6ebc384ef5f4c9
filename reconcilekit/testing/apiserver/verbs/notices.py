"""What the server says to its clients beside the answer, and what it refuses whatever an object looks like.

Warnings of kinds, deletions and owners that are told twice; refusals of deletions: of what no cluster is without, and
of unsafe ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.validation import SYSTEM_PRIORITIES

_DEPRECATED = {
    ("", "endpoints"): "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ("", "componentstatuses"): "v1 ComponentStatus is deprecated in v1.19+",
}
_JOBS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)
_REGISTRY = {
    ("", "services"): "services/specs",
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
    ("", "replicationcontrollers"): "controllers",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.k8s.io/apiservices",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.k8s.io/customresourcedefinitions",
}
"""Where etcd keeps objects of kinds that aren't found by their plurals."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


def about_kind(served: ResourceType) -> list[str]:
    """Warnings that every answer about a kind has."""
    text = _DEPRECATED.get(served.storage_key)
    return [text] if text else []


def about_deletion(served: ResourceType, options: Mapping[str, object]) -> list[str]:
    """Warnings about a deletion."""
    is_told = options.get("propagationPolicy") is not None or options.get("orphanDependents") is not None
    if served.storage_key != ("batch", "jobs") or is_told:
        return []
    return [_JOBS]


def check_immortal(served: ResourceType, name: str) -> None:
    """Namespaces and priorities without which there's no cluster stay.

    Raises:
        StatusError: 403.
    """
    if served.storage_key == ("", "namespaces") and name in _IMMORTAL:
        raise status.forbidden("", "namespaces", name, "this namespace may not be deleted")
    if served.storage_key == ("scheduling.k8s.io", "priorityclasses") and name in SYSTEM_PRIORITIES:
        why = "this is a system priority class and cannot be deleted"
        raise status.forbidden(served.group, served.plural, name, why)


def check_unsafe(served: ResourceType) -> None:
    """Some kinds have no unsafe deletion.

    Raises:
        StatusError: 500.
    """
    if served.storage_key == ("", "namespaces"):
        why = "no unsafe deleter provided, can not honor ignoreStoreReadErrorWithClusterBreakingPotential"
        details = {"causes": [{"message": why}]}
        raise status.StatusError(500, f"Internal error occurred: {why}", reason="InternalError", details=details)


def readable_refusal(served: ResourceType, key: ObjectKey) -> status.StatusError:
    """409 of an unsafe deletion: the object can be read, as all here can."""
    usual = f"{served.group}/{served.plural}" if served.is_custom else served.plural
    path = "/".join(part for part in (_REGISTRY.get(served.storage_key, usual), *key) if part)
    why = "AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage"
    told = f"StorageError: invalid object, Code: 4, Key: /registry/{path}, ResourceVersion: 0, {why}"
    return status.conflict(served.group, served.plural, key.name, told)


def without_twin_owners(obj: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """An object whose owner references are all different; that they weren't is told."""
    metadata = obj.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    if not isinstance(owners, list) or len(owners) < 2:
        return obj
    different: dict[bytes, Any] = {}
    twins = [owner for owner in owners if different.setdefault(_encode(owner), owner) is not owner]
    if not twins or not isinstance(twins[0], dict):
        return obj
    uids = ", ".join(str(owner.get("uid", "")) for owner in twins if isinstance(owner, dict))
    warnings.append(
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
        f"reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
    )
    assert isinstance(metadata, dict)
    return {**obj, "metadata": {**metadata, "ownerReferences": list(different.values())}}
