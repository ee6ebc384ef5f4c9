"""Names that the server makes up (generateName), and PUTs that create."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import unsigned_problem
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.writing.preconditions import Target

MAX_BASE = 58
"""Characters of generateName that are kept: with the suffix they make a label."""

ATTEMPTS = 8
"""Names that are tried before the request is told that there's none left."""

_CREATED_BY_PUT = frozenset(
    {
        ("", "endpoints"),
        ("", "events"),
        ("", "limitranges"),
        ("", "services"),
        ("coordination.k8s.io", "leasecandidates"),
        ("coordination.k8s.io", "leases"),
        ("events.k8s.io", "events"),
        ("node.k8s.io", "runtimeclasses"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("rbac.authorization.k8s.io", "roles"),
    }
)
"""Kinds whose objects a PUT creates where there's none."""


def named(
    target: Target, metadata: dict[str, Any], new_suffix: Callable[[], str], is_taken: Callable[[ObjectKey], bool]
) -> Target:
    """Where a create goes once its object has a name, which is put into `metadata`; one without any is refused later.

    Args:
        target: of the request.
        metadata: the object's.
        new_suffix: draws what generateName appends.
        is_taken: whether there is an object.

    Raises:
        StatusError: 409, every name that was tried is taken.
    """
    name, base = metadata.get("name"), metadata.get("generateName")
    if name:
        return target if name == target.key.name else _moved(target, name)
    if not base:
        return target
    for _ in range(ATTEMPTS):
        metadata["name"] = base[:MAX_BASE] + new_suffix()
        found = _moved(target, metadata["name"])
        if not is_taken(found.key):
            return found
    raise _none_left(target.served, metadata["name"])


def creates_by_put(target: Target) -> bool:
    """Whether a PUT creates what isn't there."""
    is_created = target.served.storage_key in _CREATED_BY_PUT
    return is_created and (not target.subresource or creates_by_status(target))


def creates_by_status(target: Target) -> bool:
    """Whether a write to the status creates what isn't there: the real server's Services take it as their PUTs."""
    return target.subresource == "status" and target.served.storage_key == ("", "services")


def check_nobody_meant(target: Target, metadata: Mapping[str, Any]) -> None:
    """A PUT that would create mustn't mean an object that was there once.

    Raises:
        StatusError: 409 for a uid.
    """
    if uid := metadata.get("uid"):
        raise target.conflict(other_uid(target, uid, ""))


def check_not_meant(target: Target, metadata: Mapping[str, Any]) -> None:
    """An apply that would create mustn't mean an object that was there once.

    Raises:
        StatusError: 409 for a uid.
    """
    if uid := metadata.get("uid"):
        raise target.conflict(
            f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        )


_FOLDERS: Mapping[tuple[str, str], str] = {
    ("", "services"): "services/specs",
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
}
"""Where the real server keeps what it doesn't keep by its plural; messages quote it."""


def other_uid(target: Target, wanted: str, found: str) -> str:
    """How a PUT with another object's uid is refused."""
    return _precondition_failed(target, "UID", wanted, found)


def other_version(target: Target, wanted: str, found: int) -> str:
    """How a deletion of another version is refused by the storage."""
    return _precondition_failed(target, "ResourceVersion", wanted, str(found))


def _precondition_failed(target: Target, what: str, wanted: str, found: str) -> str:
    served = target.served
    own = f"{served.group}/{served.plural}" if served.is_custom else served.plural
    folder = _FOLDERS.get(served.storage_key, own)
    # A dry run is checked above the layer that puts the prefix in front.
    prefix = "" if target.is_dry_run else "/registry"
    key = "/".join((prefix, folder, *filter(None, target.key)))
    return (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
    )


def check_told_uid(target: Target, uid: str, metadata: Mapping[str, Any]) -> None:
    """The uid that a PUT tells must be the live one.

    Raises:
        StatusError: 409.
    """
    wanted = metadata.get("uid") or uid
    if wanted != uid:
        raise target.conflict(other_uid(target, wanted, uid))


def check_told_version(metadata: Mapping[str, Any]) -> None:
    """A resourceVersion in a body must be a number.

    Raises:
        StatusError: 500.
    """
    told = metadata.get("resourceVersion")
    if isinstance(told, str) and is_malformed(told):
        raise status.StatusError(500, unsigned_problem(told))


def is_malformed(version: str) -> bool:
    """True if a resourceVersion is told that isn't a number."""
    return bool(version) and bool(unsigned_problem(version))


def version_needed(target: Target) -> status.StatusError:
    """422 of a PUT of a kind that isn't replaced unconditionally."""
    message = "Invalid value: 0: must be specified for an update"
    cause = Cause(reason="FieldValueInvalid", message=message, field="metadata.resourceVersion")
    return status.invalid(target.served.group, target.served.plural, target.key.name, [cause])


def already_there(served: ResourceType, metadata: Mapping[str, Any], there: Mapping[str, Any]) -> status.StatusError:
    """409 of a create; one that could have left the name to the server is told so, whether it did or not."""
    name = metadata["name"]
    is_made = bool(metadata.get("generateName"))
    found = _none_left(served, name) if is_made else status.already_exists(served.group, served.plural, name)
    if not there.get("deletionTimestamp"):
        return found
    return status.StatusError(
        409,
        f"object is being deleted: {found}",
        reason=found.reason,
        details=found.details,
        retry_after=found.retry_after,
    )


def _moved(target: Target, name: str) -> Target:
    return attrs.evolve(target, key=ObjectKey(target.key.namespace, name))


def _none_left(served: ResourceType, name: str) -> status.StatusError:
    said = f'{status.qualified(served.plural, served.group)} "{name}" already exists'
    details = {**status.resource_details(served.group, served.plural, name), "retryAfterSeconds": 1}
    message = f"{said}, the server was not able to generate a unique name for the object"
    return status.StatusError(409, message, reason="AlreadyExists", details=details, retry_after=1)
