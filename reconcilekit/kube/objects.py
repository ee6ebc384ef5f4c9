"""An object as it travels: its raw bytes, and the metadata that the framework itself needs, decoded once.

Raw bytes take a fifth of the memory of dicts, and reading only the metadata a twentieth of the time.
"""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `metadata.ownerReferences`."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class ManagedFieldsEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `metadata.managedFields`; `fields_v1` stays raw until a commit compares."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    api_version: str = ""
    fields_v1: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="fieldsV1")


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The part of `metadata` that the framework reads; everything else stays in the raw bytes."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    finalizers: tuple[str, ...] | None = None


@attrs.frozen(eq=False)
class RawObject:
    """One version of one object.

    Attributes:
        key: its namespace and name.
        meta: decoded metadata.
        raw: the whole object as JSON, without managedFields.
        owned_fields: the JSON of `fieldsV1` of our own field manager's Apply entry, None where it has none (or the
            object was read for somebody without a manager).
    """

    key: ObjectKey
    meta: ObjectMeta
    raw: bytes
    owned_fields: bytes | None = None

    def decode(self) -> dict[str, Any]:
        """A fresh dict at each call: what a caller changes never reaches anybody else."""
        decoded: dict[str, Any] = msgspec.json.decode(self.raw)
        return decoded

    def __repr__(self) -> str:
        return f"<RawObject {self.key} resourceVersion={self.meta.resource_version}>"
