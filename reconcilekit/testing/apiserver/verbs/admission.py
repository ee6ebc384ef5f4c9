"""What the server checks and fills in before it stores: the few rules that controllers run into."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import msgspec

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.schema.schemas import type_problem
from reconcilekit.testing.apiserver.status import Cause

MAX_ANNOTATIONS = 256 * 1024
MAX_DATA = 1024 * 1024
"""Bytes of a ConfigMap's or Secret's data."""

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SERVICE_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_DNS_1035}')"
)

_STRICT_FIELDS = {
    ("", "ConfigMap"): frozenset({"kind", "apiVersion", "metadata", "data", "binaryData", "immutable"}),
    ("", "Secret"): frozenset({"kind", "apiVersion", "metadata", "data", "stringData", "type", "immutable"}),
}
"""The kinds whose top-level fields are known well enough to refuse others under fieldValidation=Strict."""


@attrs.frozen(kw_only=True)
class Admission:
    """The checks, as a server is configured.

    Attributes:
        accept_loopback_endpoints: take EndpointSlices with addresses in 127.0.0.0/8 and ::1, which a real server
            refuses; for data planes that run beside the test.
    """

    accept_loopback_endpoints: bool = False

    def decode_errors(self, served: ResourceType, obj: Mapping[str, Any], *, strict: bool) -> str:
        """What makes the body unreadable as its kind, "" if nothing does."""
        data = obj.get("data")
        if served.storage_key == ("", "configmaps") and isinstance(data, dict):
            for value in data.values():
                if not isinstance(value, str):
                    found = _json_type(value)
                    return f"json: cannot unmarshal {found} into Go struct field ConfigMap.data of type string"
        known = _STRICT_FIELDS.get((served.group, served.kind))
        unknown = sorted(obj.keys() - known) if strict and known else []
        if unknown:
            listed = ", ".join(f'unknown field "{name}"' for name in unknown)
            return f"strict decoding error: {listed}"
        return ""

    def check_types(self, served: ResourceType, obj: Mapping[str, Any]) -> None:
        """Refuse what couldn't be decoded into the kind: the parts of an object that the server itself reads.

        Raises:
            StatusError: 400.
        """
        if problem := type_problem(served, obj):
            kind = served.kind
            raise status.bad_request(
                f'{kind} in version "{served.version}" cannot be handled as a {kind}: json: {problem}'
            )

    def default(self, served: ResourceType, content: dict[str, Any]) -> None:
        """Fill in what the server fills in; replaces values, never changes them in place."""
        if served.group == "" and served.kind == "Secret":
            _default_secret(content)
        elif served.group == "" and served.kind == "Namespace":
            content["spec"] = {"finalizers": ["kubernetes"]} | (content.get("spec") or {})
            content["status"] = {"phase": "Active"} | (content.get("status") or {})
            name = content["metadata"].get("name", "")
            labels = content["metadata"].get("labels") or {}
            content["metadata"]["labels"] = {"kubernetes.io/metadata.name": name} | labels

    def check(self, served: ResourceType, content: Mapping[str, Any], *, old: Mapping[str, Any] | None) -> None:
        """Refuse what the server refuses.

        Raises:
            StatusError: 422 with every cause.
        """
        causes = list(_metadata_causes(served, content["metadata"], is_new=old is None))
        if served.group == "" and served.kind in ("ConfigMap", "Secret"):
            causes += _size_causes(content)
        if served.kind == "EndpointSlice" and not self.accept_loopback_endpoints:
            causes += _loopback_causes(content)
        if served.group == "" and served.kind == "Service" and old is not None:
            causes += _cluster_ip_causes(old, content)
        if causes:
            raise status.invalid(served.group, served.kind, content["metadata"].get("name", ""), causes)


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return {int: "number", float: "number", dict: "object", list: "array"}.get(type(value), "null")


def _default_secret(content: dict[str, Any]) -> None:
    content.setdefault("type", "Opaque")
    plain = content.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        content["data"] = {**(content.get("data") or {}), **encoded}


def _metadata_causes(served: ResourceType, metadata: Mapping[str, Any], *, is_new: bool) -> Iterator[Cause]:
    if is_new and (rule := _broken_name_rule(served, metadata["name"])):
        value = msgspec.json.encode(metadata["name"]).decode()
        yield Cause(reason="FieldValueInvalid", message=f"Invalid value: {value}: {rule}", field="metadata.name")
    annotations = metadata.get("annotations") or {}
    if sum(len(name) + len(value) for name, value in annotations.items()) > MAX_ANNOTATIONS:
        message = f"Too long: may not be more than {MAX_ANNOTATIONS} bytes"
        yield Cause(reason="FieldValueTooLong", message=message, field="metadata.annotations")


def _broken_name_rule(served: ResourceType, name: str) -> str:
    if served.group == "rbac.authorization.k8s.io":
        return "" if name and not re.search(r"[/%]", name) else "may not contain '/' or '%'"
    if served.group == "" and served.kind == "Service":
        return "" if re.fullmatch(_DNS_1035, name) and len(name) < 64 else _SERVICE_RULE
    if served.group == "" and served.kind == "Namespace":
        return "" if re.fullmatch(_LABEL, name) and len(name) < 64 else _LABEL_RULE
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if re.fullmatch(_SUBDOMAIN, name) else _SUBDOMAIN_RULE


def _size_causes(content: Mapping[str, Any]) -> Iterator[Cause]:
    values = [*(content.get("data") or {}).values(), *(content.get("binaryData") or {}).values()]
    if sum(len(value) for value in values) > MAX_DATA:
        yield Cause(reason="FieldValueTooLong", message=f"Too long: may not be more than {MAX_DATA} bytes", field="[]")


def _loopback_causes(content: Mapping[str, Any]) -> Iterator[Cause]:
    for i, endpoint in enumerate(content.get("endpoints") or ()):
        for j, address in enumerate(endpoint.get("addresses") or ()):
            if _is_loopback(address):
                message = f'Invalid value: "{address}": may not be in the loopback range (127.0.0.0/8, ::1/128)'
                yield Cause(reason="FieldValueInvalid", message=message, field=f"endpoints[{i}].addresses[{j}]")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _cluster_ip_causes(old: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Cause]:
    before = (old.get("spec") or {}).get("clusterIPs")
    after = (content.get("spec") or {}).get("clusterIPs")
    if before and after and before != after:
        shown = msgspec.json.encode(after).decode()
        yield Cause(
            reason="FieldValueInvalid",
            message=f"Invalid value: {shown}: may not change once set",
            field="spec.clusterIPs[0]",
        )
