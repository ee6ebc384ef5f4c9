"""The five resource types, and one resource as it goes over the wire.

Entries come as proto-JSON (what Envoy's own documentation is written in) and leave as protobuf. What the order of a
push needs to know of a resource is read once, here: which other resources it waits for before it takes traffic, and
which address it binds.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from .messages import EncodingError
from .proto_json import any_of, encode_proto_json, thaw


class ResourceType(enum.Enum):
    """What an entry's key begins with: ``"<type>/<name>"``."""

    CLUSTER = "cluster"
    ENDPOINT = "endpoint"
    LISTENER = "listener"
    ROUTE = "route"
    SECRET = "secret"

    @property
    def url(self) -> str:
        """The type URL that requests and responses carry."""
        return _URLS[self]

    @property
    def is_whole(self) -> bool:
        """True where each response is the whole state, and what it lacks is removed (listeners and clusters).

        The others are sent by name, and go when nothing refers to them any more:
        https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#deleting-resources
        """
        return self in (ResourceType.CLUSTER, ResourceType.LISTENER)


_URLS = {
    ResourceType.CLUSTER: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    ResourceType.ENDPOINT: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    ResourceType.LISTENER: "type.googleapis.com/envoy.config.listener.v3.Listener",
    ResourceType.ROUTE: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    ResourceType.SECRET: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
}

TYPE_OF_URL: Mapping[str, ResourceType] = {url: kind for kind, url in _URLS.items()}
"""The way back from a request's type URL."""

_TYPE_OF_PREFIX = {kind.value: kind for kind in ResourceType}
_NAME_FIELDS = {ResourceType.ENDPOINT: ("cluster_name", "clusterName")}
_SECRET_FIELDS = frozenset(
    ("tlscertificatesdssecretconfigs", "validationcontextsdssecretconfig", "sessionticketkeyssdssecretconfig")
)


@attrs.frozen(kw_only=True, eq=False)
class XdsResource:
    """One resource, encoded; immutable, and compared by what it would say to Envoy.

    Attributes:
        kind: its type.
        name: the name Envoy knows it by.
        encoded: the bytes of the `Any` that a response carries.
        digest: a hash of them.
        waits_for: the resources that Envoy fetches by name before this one takes traffic (warming).
        address: what a listener binds, "" for everything else.
    """

    kind: ResourceType
    name: str
    encoded: bytes = attrs.field(repr=False)
    digest: str
    waits_for: frozenset[tuple[ResourceType, str]]
    address: str

    @property
    def key(self) -> str:
        """The entry it came from."""
        return f"{self.kind.value}/{self.name}"


ResourceSet = Mapping[ResourceType, Mapping[str, XdsResource]]
"""Resources by type and name; a type that is missing has none."""


def encode(key: str, value: Mapping[str, Any]) -> XdsResource:
    """Encode one entry.

    Args:
        key: ``"<type>/<name>"``; the name may contain slashes.
        value: the resource in proto-JSON, with or without its ``@type``.

    Raises:
        EncodingError: the key, a field or a value isn't Envoy's; the message names the key.
    """
    kind, name = _split(key)
    if (own_name := _own_name(kind, value)) != name:
        raise EncodingError(f"entry {key!r} is called {own_name!r} inside; Envoy would not find it, so use one name")
    encoded = any_of(kind.url, encode_proto_json(key, value, kind.url))
    return XdsResource(
        kind=kind,
        name=name,
        encoded=encoded,
        digest=hashlib.blake2b(encoded, digest_size=12).hexdigest(),
        waits_for=frozenset(_waits_for(kind, name, value)),
        address=json.dumps(thaw(value.get("address")), sort_keys=True) if kind is ResourceType.LISTENER else "",
    )


def _split(key: str) -> tuple[ResourceType, str]:
    prefix, slash, name = key.partition("/")
    if not slash or not name or prefix not in _TYPE_OF_PREFIX:
        kinds = ", ".join(_TYPE_OF_PREFIX)
        raise EncodingError(f'entry {key!r} names no xDS resource; use "<type>/<name>" with one of: {kinds}')
    return _TYPE_OF_PREFIX[prefix], name


def _own_name(kind: ResourceType, value: Mapping[str, Any]) -> object:
    return next((value[field] for field in _NAME_FIELDS.get(kind, ("name",)) if field in value), None)


def _waits_for(kind: ResourceType, name: str, value: Mapping[str, Any]) -> Iterator[tuple[ResourceType, str]]:
    if kind is ResourceType.CLUSTER and value.get("type") == "EDS":
        eds = value.get("eds_cluster_config") or value.get("edsClusterConfig") or {}
        yield ResourceType.ENDPOINT, eds.get("service_name") or eds.get("serviceName") or name
    if kind in (ResourceType.CLUSTER, ResourceType.LISTENER):
        yield from _nested_references(value)


def _nested_references(value: object) -> Iterator[tuple[ResourceType, str]]:
    """References at any depth: connection managers and TLS contexts are nested in typed configs of filter chains."""
    if isinstance(value, Mapping):
        for field, inner in value.items():
            yield from _reference(field.replace("_", "").lower(), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _nested_references(inner)


def _reference(field: str, inner: Any) -> Iterator[tuple[ResourceType, str]]:
    if field == "rds" and isinstance(inner, Mapping):
        yield ResourceType.ROUTE, str(inner.get("route_config_name") or inner.get("routeConfigName") or "")
    elif field in _SECRET_FIELDS:
        for config in inner if isinstance(inner, list | tuple) else (inner,):
            if "sds_config" in config or "sdsConfig" in config:
                yield ResourceType.SECRET, str(config.get("name", ""))
    else:
        yield from _nested_references(inner)
