"""Where a write goes, and the conditions under which it may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.storage.storage import Stored

MAX_MISTAKES = 100
"""Fields that one reader of a body names."""


@attrs.frozen(kw_only=True)
class RequestOf(Request):
    """A request of which it is known who sends it.

    Attributes:
        requestor: who, as UserInfo.
    """

    requestor: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Target:
    """Where a write goes, and how.

    Attributes:
        served: the kind.
        face: the kind that was asked for, where it is stored as another.
        key: the object; its name is "" for a create.
        subresource: "status" or "".
        manager: the field manager, by parameter or user agent.
        force: an apply takes what others own.
        is_dry_run: do everything but store.
        is_apply: what is written was made by an apply: a custom object of which nobody has read yet what it is.
        field_validation: what becomes of fields that nobody knows: "Strict" refuses, "Warn" warns, "Ignore" neither.
        repetitive: the paths of all fields of a body that has some more than once, in its order; else empty.
        yaml_twins: what is told of the keys that a body in YAML has twice in one map.
        patch_problems: what `field_validation` has to say of a patch before anybody knows what it makes.
        made_twice: the paths of fields that a patch puts twice into what it makes.
        strategic_patch: what comes as one, as messages quote it.
        requestor: who asks, as UserInfo, where that becomes part of the object; None where it doesn't, or is nobody.
        warnings: what the answer's Warning headers say; the write adds to it.
        empties: the paths of maps and lists that were told to be empty, where that matters, and what they are; the
            write adds to it.
        nulls: the names of bytes that were told to be null; the write adds to it.
    """

    served: ResourceType
    key: ObjectKey
    face: ResourceType | None = None
    subresource: str = ""
    manager: str = "unknown"
    force: bool = False
    is_dry_run: bool = False
    is_apply: bool = False
    field_validation: str = "Ignore"
    repetitive: tuple[str, ...] = ()
    yaml_twins: tuple[str, ...] = ()
    patch_problems: tuple[str, ...] = ()
    made_twice: tuple[str, ...] = ()
    strategic_patch: Mapping[str, Any] | None = None
    requestor: Mapping[str, Any] | None = None
    warnings: list[str] = attrs.field(factory=list, eq=False)
    empties: list[tuple[tuple[str, ...], object]] = attrs.field(factory=list, eq=False)
    nulls: list[str] = attrs.field(factory=list, eq=False)

    def strict_problems(self, unknown: Sequence[str], *, in_order: bool = False) -> list[str]:
        """What `fieldValidation` has to say of the body.

        Args:
            unknown: the paths of fields that the kind hasn't.
            in_order: in the order of the document; else duplicates come first, as they are found where it is parsed.
        """
        listed = [f'unknown field "{path}"' for path in unknown]
        if self.patch_problems or self.made_twice:
            return [*self.patch_problems[:MAX_MISTAKES], *self._first(self._made_twice(unknown), listed)]
        if not self.repetitive:
            return [*self._yaml_problems(), *self._first([], listed)]
        told, seen, twice = set(unknown), set[str](), set[str]()
        found: list[str] = []
        for path in self.repetitive:
            if path in seen and path not in twice:
                twice.add(path)
                found.append(f'duplicate field "{path}"')
            elif in_order and path in told and path not in seen:
                found.append(f'unknown field "{path}"')
            seen.add(path)
        return self._first(found, [] if in_order else listed)

    def _yaml_problems(self) -> list[str]:
        """One error for all of them, but as many warnings."""
        if self.yaml_twins and self.field_validation == "Strict":
            return [yaml_problem(self.yaml_twins)]
        return list(self.yaml_twins)

    def _first(self, found: Sequence[str], unknown: Sequence[str]) -> list[str]:
        """As many as are told: one reader finds both in a built-in kind's objects, two find them in a custom kind's."""
        if self.served.is_custom:
            return [*found[:MAX_MISTAKES], *unknown]
        return [*found, *unknown][:MAX_MISTAKES]

    def _made_twice(self, unknown: Sequence[str]) -> list[str]:
        """Nobody reads on below a field that a built-in kind hasn't."""
        hidden = frozenset() if self.served.is_custom else frozenset(unknown)
        return [f'duplicate field "{path}"' for path in self.made_twice if not _is_in(path, hidden)]

    def conflict(self, why: str = status.MODIFIED) -> status.StatusError:
        """409 about this object."""
        return status.conflict(self.served.group, self.served.plural, self.key.name, why)

    def not_found(self) -> status.StatusError:
        """404 about this object."""
        return status.not_found(self.served.group, self.served.plural, self.key.name)

    def invalid(self, *causes: Cause) -> status.StatusError:
        """422 about this object."""
        return status.invalid(self.served.group, self.served.kind, self.key.name, causes)


def yaml_problem(twins: Sequence[str]) -> str:
    """The error of the keys that a body in YAML has twice."""
    return "\n  ".join(("yaml: unmarshal errors:", *twins))


def _is_in(path: str, fields: frozenset[str]) -> bool:
    """Whether a path is one of the fields, or below one."""
    if not fields:
        return False
    return path in fields or any(path[:end] in fields for end, char in enumerate(path) if char in ".[")


def check_version(target: Target, live: Stored, metadata: Mapping[str, Any]) -> None:
    """A resourceVersion in the body must be the live one; "0" is none.

    Raises:
        StatusError: 409.
    """
    if metadata.get("resourceVersion", "0") not in ("", "0", str(live.revision)):
        raise target.conflict()


def check_uid(target: Target, uid: str, metadata: Mapping[str, Any]) -> None:
    """A uid in a patch or an apply must be the live one; other than here it is told among all else, or not looked at.

    Raises:
        StatusError: 422, as the real server has it: the field is immutable.
    """
    if target.subresource in ("", "status"):
        return
    wanted = metadata.get("uid") or uid
    if wanted != uid:
        message = f'Invalid value: "{wanted}": field is immutable'
        raise target.invalid(Cause(reason="FieldValueInvalid", message=message, field="metadata.uid"))


def check_delete_preconditions(target: Target, live: Stored, preconditions: Mapping[str, Any]) -> None:
    """The preconditions in DeleteOptions.

    Raises:
        StatusError: 409.
    """
    uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    name, kind, group = target.key.name, target.served.kind, target.served.group
    if (opening := _OPENINGS.get(target.served.storage_key)) is not None:
        _check_by_hand(target, live, uid, version, opening)
    if uid is not None and uid != live.uid:
        raise status.conflict(
            group,
            kind,
            name,
            f"the UID in the precondition ({uid}) does not match the UID in record ({live.uid}). "
            "The object might have been deleted and then recreated",
        )
    if version is not None and version != str(live.revision):
        raise status.conflict(
            group,
            kind,
            name,
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({live.revision}). The object might have been modified",
        )


_OPENINGS: Mapping[tuple[str, str], str] = {
    ("", "namespaces"): "Precondition failed",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "precondition failed",
}
"""Kinds that have a deletion of their own, with words of its own."""


def _check_by_hand(target: Target, live: Stored, uid: object, version: object, opening: str) -> None:
    if uid is not None and uid != live.uid:
        raise target.conflict(f"{opening}: UID in precondition: {uid}, UID in object meta: {live.uid}")
    if version is not None and version != str(live.revision):
        raise target.conflict(
            f"{opening}: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {live.revision}"
        )
