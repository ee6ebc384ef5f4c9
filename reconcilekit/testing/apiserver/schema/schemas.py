"""The types of the fields that the server itself reads; whatever else a body holds is kept as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reconcilekit.testing.apiserver.kinds.resources import ResourceType


def type_problem(served: ResourceType, obj: Mapping[str, Any]) -> str:
    """What in the object has another type than its kind says, "" if nothing has."""
    try:
        metadata = msgspec.convert(obj.get("metadata") or {}, _Metadata)
        for entry in metadata.managed_fields or ():
            _check_fields(entry.fields_v1 or {})
        if not served.is_custom:
            msgspec.convert(obj, _KINDS.get((served.group, served.kind), _BuiltIn))
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def options_problem(options: Mapping[str, Any]) -> str:
    """What in DeleteOptions has another type than it must have, "" if nothing has."""
    try:
        msgspec.convert(options, _DeleteOptions)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def operations_problem(operations: object) -> str:
    """What makes a decoded body no JSON patch, "" if nothing does."""
    try:
        msgspec.convert(operations, list[_Operation])
    except msgspec.ValidationError as error:
        return str(error)
    return ""


class _ManagedFields(msgspec.Struct, rename="camel"):
    manager: str = ""
    operation: str = ""
    api_version: str = ""
    subresource: str = ""
    time: str | None = None
    fields_v1: dict[str, dict[str, Any]] | None = msgspec.field(default=None, name="fieldsV1")


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    owner_references: list[dict[str, Any]] | None = None
    managed_fields: list[_ManagedFields] | None = None


class _BuiltIn(msgspec.Struct):
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class _ConfigMap(msgspec.Struct, rename="camel"):
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None


class _Secret(msgspec.Struct, rename="camel"):
    data: dict[str, str] | None = None
    string_data: dict[str, str] | None = None
    type: str | None = None


class _ServiceSpec(msgspec.Struct):
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")


class _Service(msgspec.Struct):
    spec: _ServiceSpec | None = None
    status: dict[str, Any] | None = None


class _Endpoint(msgspec.Struct):
    addresses: list[str] | None = None


class _EndpointSlice(msgspec.Struct):
    endpoints: list[_Endpoint] | None = None


class _Schema(msgspec.Struct):
    properties: dict[str, _Schema] | None = None
    items: _Schema | None = None
    list_type: str | None = msgspec.field(default=None, name="x-kubernetes-list-type")
    list_keys: list[str] | None = msgspec.field(default=None, name="x-kubernetes-list-map-keys")
    map_type: str | None = msgspec.field(default=None, name="x-kubernetes-map-type")


class _Validation(msgspec.Struct):
    open_api: _Schema | None = msgspec.field(default=None, name="openAPIV3Schema")


class _Version(msgspec.Struct):
    name: str
    served: bool = True
    storage: bool = False
    schema: _Validation | None = None
    subresources: dict[str, Any] | None = None


class _Names(msgspec.Struct, rename="camel"):
    plural: str
    kind: str
    singular: str | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class _DefinitionSpec(msgspec.Struct):
    group: str
    names: _Names
    versions: list[_Version]
    scope: str | None = None


class _Condition(msgspec.Struct):
    type: str


class _DefinitionStatus(msgspec.Struct):
    conditions: list[_Condition] | None = None


class _Definition(msgspec.Struct):
    spec: _DefinitionSpec
    status: _DefinitionStatus | None = None


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteOptions(msgspec.Struct, rename="camel"):
    preconditions: _Preconditions | None = None
    dry_run: list[str] | None = None


class _Operation(msgspec.Struct):
    op: str
    path: str
    source: str = msgspec.field(default="", name="from")


_KINDS: Mapping[tuple[str, str], type[msgspec.Struct]] = {
    ("", "ConfigMap"): _ConfigMap,
    ("", "Secret"): _Secret,
    ("", "Service"): _Service,
    ("discovery.k8s.io", "EndpointSlice"): _EndpointSlice,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _Definition,
}


def _check_fields(node: Mapping[str, Any]) -> None:
    """A fieldsV1 is objects all the way down; msgspec has no word for that."""
    for name, child in node.items():
        if not isinstance(child, dict):
            raise msgspec.ValidationError(f"Expected `object` - at `fieldsV1` member `{name}`")
        _check_fields(child)
