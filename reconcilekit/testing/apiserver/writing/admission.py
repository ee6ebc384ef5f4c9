"""What the server checks and fills in before it stores: the few rules that controllers run into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.ordering import in_go_order
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation import (
    AT_FIRST,
    BY_GENERATION,
    CHECKS,
    LOOPBACK_RULE,
    NAMED,
    PART_CHECKS,
    STATUS_CHECKS,
    WARNINGS,
    metadata_causes,
    name_rule,
    name_warnings,
)
from reconcilekit.testing.apiserver.validation.metadata import (
    FREE_FINALIZERS,
    common_causes,
    domain_causes,
    finalizer_warnings,
)
from reconcilekit.testing.apiserver.validation.metadata_updates import update_causes
from reconcilekit.testing.apiserver.writing import custom, identity, preparing

_ENDPOINTS = frozenset({("", "endpoints"), ("discovery.k8s.io", "endpointslices")})


@attrs.frozen(kw_only=True)
class Admission:
    """The checks, as a server is configured.

    Attributes:
        accept_loopback_endpoints: take EndpointSlices and Endpoints with addresses in 127.0.0.0/8 and ::1, which a real
            server refuses; for data planes that run beside the test.
    """

    accept_loopback_endpoints: bool = False

    def default(self, served: ResourceType, content: dict[str, Any]) -> None:
        """Fill in what the server fills in; replaces values, never changes them in place."""
        if served.custom is not None:
            custom.default(served, served.custom, content)
        elif served.storage_key == custom.DEFINITIONS:
            custom.default_definition(content)
        elif prepare := preparing.PREPARE.get(served.storage_key):
            prepare(content)

    def carry(self, served: ResourceType, content: dict[str, Any], old: Mapping[str, Any]) -> None:
        """Put into a changed object what it gets from what was there; replaces values, never changes them in place."""
        if carry := preparing.CARRY.get(served.storage_key):
            carry(content, old)

    def check(
        self,
        served: ResourceType,
        content: Mapping[str, Any],
        *,
        old: Mapping[str, Any] | None,
        warnings: list[str],
        face: ResourceType | None = None,
    ) -> None:
        """Refuse what the server refuses, and warn of what it warns of.

        Args:
            served: the kind.
            content: what is to be written.
            old: what it replaces, None where it's new.
            warnings: it adds to them.
            face: the kind that was asked for, where it is stored as another.

        Raises:
            StatusError: 422 with every cause.
        """
        asked = face or served
        causes = _causes(served, asked, content, old)
        if causes and served.definition:
            # Messages quote structs, and Go writes their fields in an order of its own.
            before = None if old is None else in_go_order(old, served.definition)
            causes = _causes(served, asked, in_go_order(content, served.definition), before)
            causes = list(dict.fromkeys(causes))
        if self.accept_loopback_endpoints and served.storage_key in _ENDPOINTS:
            causes = [cause for cause in causes if LOOPBACK_RULE not in cause.message]
        if served.custom is not None:
            causes += custom.causes(served, served.custom, content, old, warnings, metadata_causes=tuple(causes))
        elif served.storage_key == custom.DEFINITIONS:
            causes += custom.definition_causes(content, old, warnings)
        if causes:
            raise _invalid(served, content, causes)
        if served.custom is not None:
            warnings += finalizer_warnings(content["metadata"], None if old is None else old["metadata"])
        kind = served.storage_key
        if old is None and kind in NAMED:
            warnings += name_warnings(kind, content["metadata"].get("name", ""))
        warn = WARNINGS.get(kind)
        is_quiet = old is not None and (
            kind in AT_FIRST
            or (kind in BY_GENERATION and all(content.get(part) == old.get(part) for part in ("spec", "template")))
        )
        if warn is not None and not is_quiet:
            warnings += warn(content)

    def check_status(
        self,
        served: ResourceType,
        content: Mapping[str, Any],
        old: Mapping[str, Any],
        warnings: list[str],
        subresource: str = "status",
    ) -> None:
        """Refuse what the server refuses of a write to the status, and to a part of it by another name.

        Raises:
            StatusError: 422 with every cause.
        """
        if served.custom is not None:
            causes = custom.causes(served, served.custom, content, old, warnings, is_status=True)
        else:
            causes = _metadata_causes(served, content["metadata"], old["metadata"])
            part = PART_CHECKS.get((*served.storage_key, subresource))
            if check := part or STATUS_CHECKS.get(served.storage_key):
                causes += check(content, old)
        if causes:
            raise _invalid(served, content, causes)

    def check_part(
        self, served: ResourceType, subresource: str, content: Mapping[str, Any], old: Mapping[str, Any]
    ) -> None:
        """Refuse what the server refuses of a write to a part of an object that is neither its spec nor its status.

        Raises:
            StatusError: 422 with every cause.
        """
        check = PART_CHECKS.get((*served.storage_key, subresource))
        causes = list(check(content, old)) if check is not None else []
        if causes:
            raise _invalid(served, content, causes)


def _causes(
    served: ResourceType, asked: ResourceType, content: Mapping[str, Any], old: Mapping[str, Any] | None
) -> list[Cause]:
    causes = _metadata_causes(
        served, content["metadata"], None if old is None else old["metadata"], is_misnamed="kind" in content
    )
    if check := CHECKS.get((asked.group, asked.plural)) or CHECKS.get(served.storage_key):
        causes += check(content, old)
    return causes


def _metadata_causes(
    served: ResourceType, metadata: Mapping[str, Any], old: Mapping[str, Any] | None, *, is_misnamed: bool = False
) -> list[Cause]:
    if is_misnamed and old is None:
        return []
    if served.is_custom:
        metadata = custom.with_go_strings(dict(metadata))
    causes = list(metadata_causes(metadata, name_rule(served.group, served.plural), is_new=old is None))
    changed = [] if old is None else list(update_causes(metadata, old))
    if not served.is_custom:
        return [*causes, *changed, *(() if served.storage_key in FREE_FINALIZERS else domain_causes(metadata))]
    if old is None:
        return list(dict.fromkeys(causes))
    # The real server looks at the change of a custom object twice, and the second time tells each mistake once.
    changed += common_causes(metadata)
    return [*causes, *changed, *(() if is_misnamed else dict.fromkeys(changed))]


def _invalid(served: ResourceType, content: Mapping[str, Any], causes: Sequence[Cause]) -> status.StatusError:
    group = identity.group_of(content["apiVersion"]) if "kind" in content else served.group
    return status.invalid(group, content.get("kind", served.kind), content["metadata"].get("name", ""), causes)
