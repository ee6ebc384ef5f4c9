"""What a write may not change is put back, what the server fills in comes to it, and the result is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver.json_values import put_or_drop
from reconcilekit.testing.apiserver.kinds.traits import KEPT_BY_STATUS, SIGNING_REQUESTS
from reconcilekit.testing.apiserver.schema.gates import drop_disabled
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored
from reconcilekit.testing.apiserver.validation.metadata_updates import carry_over
from reconcilekit.testing.apiserver.writing import empties, identity, pod_parts, service_fields
from reconcilekit.testing.apiserver.writing.addresses import SERVICES, ServiceAddresses
from reconcilekit.testing.apiserver.writing.admission import Admission
from reconcilekit.testing.apiserver.writing.classes import Classes
from reconcilekit.testing.apiserver.writing.preconditions import Target
from reconcilekit.testing.apiserver.writing.quotas import Quotas

WRITTEN_BY = {
    "scale": ("spec",),
    "ephemeralcontainers": ("spec",),
    "resize": ("spec",),
    "binding": ("spec", "status"),
}
"""The parts of an object that its subresources write, where it isn't the status."""

FINALIZE = "finalize"
"""The subresource by which a Namespace's `spec.finalizers` change, and by nothing else."""


@attrs.frozen(kw_only=True)
class Settling:
    """What an object goes through between what a client wants of it and the storage.

    Attributes:
        storage: tells the time.
        admission: defaults and checks of each kind.
        addresses: gives Services theirs.
        classes: fill in what depends on other objects.
        quotas: limit the number of objects.
    """

    storage: Storage
    admission: Admission
    addresses: ServiceAddresses
    classes: Classes
    quotas: Quotas

    def fill_in(self, target: Target, content: dict[str, Any], old: Mapping[str, Any] | None) -> None:
        """What the server takes from an object of a built-in kind, and what it gives it."""
        if target.served.definition:
            drop_disabled(target.served.definition, content)
        self.admission.default(target.served, content)
        if old is not None:
            self.admission.carry(target.served, content, old)
        self.classes.fill_in(target, content, old)

    def settle(self, target: Target, live: Stored, content: dict[str, Any]) -> None:
        """Put back what this write may not change, fill in and check the rest."""
        if target.subresource and target.subresource != FINALIZE:
            self._settle_part(target, live, content)
            return
        old, served = live.content, target.served
        if served.has_status:
            put_or_drop(content, "status", old.get("status"))
        metadata = content["metadata"]
        carry_over(metadata, live.meta)
        metadata["name"] = target.key.name
        set_namespace(target, metadata)
        spec = content.get("spec") if target.subresource == FINALIZE else old.get("spec")
        if not served.is_custom:
            self.fill_in(target, content, old)
        if served.storage_key == ("", "namespaces"):
            # After what is filled in: a finalizer that was taken off stays off.
            content["spec"] = spec or {}
        self.check(target, content, old)

    def _settle_part(self, target: Target, live: Stored, content: dict[str, Any]) -> None:
        """The same for a subresource, which writes a part of the object."""
        old, served = live.content, target.served
        identity.check_version(content)
        parts = WRITTEN_BY.get(target.subresource, ("status",))
        wanted = {part: content.get(part) for part in parts}
        metadata = self._status_metadata(target, content["metadata"], live.meta)
        content.clear()
        content.update(old)
        content["metadata"] = metadata
        for part, value in wanted.items():
            put_or_drop(content, part, value)
        self.admission.carry(served, content, old)
        if served.definition:
            drop_disabled(served.definition, content)
        if "status" in parts:
            if served.storage_key == ("", "pods"):
                content["status"] = pod_parts.status_of(content.get("status") or {}, old.get("status") or {})
            elif served.storage_key == SIGNING_REQUESTS:
                from reconcilekit.testing.apiserver.writing import certificate_requests

                certificate_requests.settle(target, content, old, self.storage.timestamp())
            self.admission.check_status(served, content, old, target.warnings, target.subresource)
        elif served.is_custom or target.subresource == "scale":
            self.check(target, content, old)
        else:
            self.admission.check_part(served, target.subresource, content, old)

    def check(self, target: Target, content: dict[str, Any], old: Mapping[str, Any] | None) -> None:
        """Refuse what is wrong, once it has been given what it needs for being looked at."""
        is_service = target.served.storage_key == SERVICES
        if is_service and not target.subresource:
            self.addresses.allocate(target.key, content, old, is_dry_run=target.is_dry_run)
        elif target.served.storage_key == SIGNING_REQUESTS:
            from reconcilekit.testing.apiserver.writing import certificate_requests

            certificate_requests.prepare(target, content, old)
        told = empties.as_told(target, content)
        self.admission.check(target.served, told, old=old, warnings=target.warnings, face=target.face)
        if is_service:
            service_fields.drop_unread(content["spec"])
        self.classes.check(target, content, old)
        self.quotas.check(target, content, old)

    def _status_metadata(self, target: Target, wanted: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
        """The metadata of a write to a subresource: built-in kinds take most of it through their status, too."""
        if target.subresource not in ("status", "approval") or not target.served.definition:
            return dict(old)
        carry_over(wanted, old)
        for name in ("name", "namespace", *KEPT_BY_STATUS.get(target.served.storage_key, ())):
            put_or_drop(wanted, name, old.get(name))
        return wanted


def set_namespace(target: Target, metadata: dict[str, Any]) -> None:
    """The namespace is that of the path."""
    put_or_drop(metadata, "namespace", target.key.namespace or None)
