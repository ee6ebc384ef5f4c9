"""Typed views of the objects that a Gateway's translation reads; whatever isn't read isn't here.

Every `parse_` function takes an object as the API server returns it and raises ConfigError (reason "Malformed") where
a field has the wrong type. Values that the API's validation would refuse but whose type is right pass: each is judged
where it is used, so that it touches only that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from examples.gateway.fields import Fields
from examples.gateway.kinds import GATEWAY_GROUP
from reconcilekit.kube.resource import ObjectKey

Object = dict[str, Any]
"""An object as the API server returns it."""


@attrs.frozen(kw_only=True)
class Metadata:
    """The part of `metadata` that translation needs."""

    key: ObjectKey
    generation: int = 0
    created: str = ""
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    @property
    def seniority(self) -> tuple[str, str, str]:
        """Sorts the oldest first, then by namespace and name: the Gateway API's rule for every tie."""
        return (self.created, self.key.namespace, self.key.name)


@attrs.frozen(kw_only=True)
class Reference:
    """A reference to an object: of a backend, a certificate or an extension.

    Attributes:
        group: "" for the core group.
        kind: "Service", "Secret".
        namespace: None where it is the referring object's.
        name: the object's.
    """

    group: str
    kind: str
    namespace: str | None
    name: str

    def key_from(self, namespace: str) -> ObjectKey:
        """The object that is meant when it is referred to from `namespace`."""
        return ObjectKey(namespace if self.namespace is None else self.namespace, self.name)


@attrs.frozen(kw_only=True)
class AllowedRoutes:
    """A listener's `allowedRoutes`.

    Attributes:
        namespaces: "Same", "All", "Selector", or anything else that nobody here understands.
        selector: the label selector as it is written, for "Selector".
        kinds: group and kind of the routes that the user names; None where that is left to the protocol.
    """

    namespaces: str
    selector: Object = attrs.field(hash=False)
    kinds: tuple[tuple[str, str], ...] | None


@attrs.frozen(kw_only=True)
class ListenerTLS:
    """A listener's `tls`; `demands_client_certificates` where it has a frontend validation."""

    mode: str
    certificates: tuple[Reference, ...]
    demands_client_certificates: bool


@attrs.frozen(kw_only=True)
class Listener:
    """One of a Gateway's listeners; hostname "*" where it isn't given."""

    name: str
    hostname: str
    port: int
    protocol: str
    tls: ListenerTLS | None
    allowed_routes: AllowedRoutes


@attrs.frozen(kw_only=True)
class Gateway:
    """A Gateway; `demands_client_certificates` where `spec.tls.frontend` is set."""

    meta: Metadata
    class_name: str
    listeners: tuple[Listener, ...]
    addresses: tuple[str, ...]
    demands_client_certificates: bool


@attrs.frozen(kw_only=True)
class ParentRef:
    """One of a route's `parentRefs`, with None for each field that is not written: a status repeats it as it stands."""

    group: str | None
    kind: str | None
    namespace: str | None
    name: str
    section_name: str | None
    port: int | None

    def names(self, gateway: ObjectKey, *, from_namespace: str) -> bool:
        """True where a route in `from_namespace` means this Gateway."""
        is_gateway = (self.group in (None, GATEWAY_GROUP)) and (self.kind in (None, "Gateway"))
        return is_gateway and gateway == (from_namespace if self.namespace is None else self.namespace, self.name)

    def to_object(self) -> Object:
        """As it is written in the route."""
        written = {
            "group": self.group,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "sectionName": self.section_name,
            "port": self.port,
        }
        return {name: value for name, value in written.items() if value is not None}


@attrs.frozen(kw_only=True)
class Match:
    """One entry of a rule's `matches`; header and query names with their type ("Exact", ...) and value."""

    path_type: str
    path: str
    method: str | None
    headers: tuple[tuple[str, str, str], ...]
    query: tuple[tuple[str, str, str], ...]


@attrs.frozen(kw_only=True)
class Filter:
    """One of a rule's filters; only "ExtensionRef" has an extension."""

    type: str
    extension: Reference | None


@attrs.frozen(kw_only=True)
class BackendRef:
    """One of a rule's backends; `has_filters` where it has some of its own."""

    target: Reference
    port: int | None
    weight: int
    has_filters: bool


@attrs.frozen(kw_only=True)
class Rule:
    """One rule of a route; `settings` are the names of fields that are set besides matches, filters and backends."""

    matches: tuple[Match, ...]
    filters: tuple[Filter, ...]
    backends: tuple[BackendRef, ...]
    settings: tuple[str, ...]


@attrs.frozen(kw_only=True)
class HTTPRoute:
    """An HTTPRoute, without its parents: see `parse_parent_refs`."""

    meta: Metadata
    hostnames: tuple[str, ...]
    rules: tuple[Rule, ...]


_RULE_FIELDS: Final = ("name", "matches", "filters", "backendRefs")


def parse_metadata(obj: Object) -> Metadata:
    """The metadata of any object."""
    fields = _fields(obj).fields("metadata")
    return Metadata(
        key=ObjectKey(fields.text("namespace", default=""), fields.text("name")),
        generation=fields.number("generation", default=0),
        created=fields.text("creationTimestamp", default=""),
        labels=fields.text_map("labels"),
    )


def parse_gateway(obj: Object) -> Gateway:
    """A Gateway."""
    spec = _fields(obj).fields("spec")
    return Gateway(
        meta=parse_metadata(obj),
        class_name=spec.text("gatewayClassName"),
        listeners=tuple(_parse_listener(listener) for listener in spec.items("listeners")),
        addresses=tuple(address.text("value", default="") for address in spec.items("addresses")),
        demands_client_certificates=spec.fields("tls").has("frontend"),
    )


def parse_parent_refs(obj: Object) -> tuple[ParentRef, ...]:
    """The parents of a route, each once."""
    parents = [_parse_parent_ref(parent) for parent in _fields(obj).fields("spec").items("parentRefs")]
    return tuple(dict.fromkeys(parents))


def parse_http_route(obj: Object) -> HTTPRoute:
    """An HTTPRoute's hostnames and rules; a route without rules has one that matches everything."""
    spec = _fields(obj).fields("spec")
    rules = tuple(_parse_rule(rule) for rule in spec.items("rules"))
    return HTTPRoute(
        meta=parse_metadata(obj),
        hostnames=spec.texts("hostnames"),
        rules=rules or (Rule(matches=(_MATCH_ALL,), filters=(), backends=(), settings=()),),
    )


def describe(obj: Object) -> str:
    """How messages call an object, whatever its shape: "HTTPRoute default/web"."""
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    namespace, name = metadata.get("namespace"), metadata.get("name", "")
    return f"{obj.get('kind', 'object')} {namespace}/{name}" if namespace else f"{obj.get('kind', 'object')} {name}"


def _fields(obj: Object) -> Fields:
    return Fields(obj, subject=describe(obj))


def _parse_listener(fields: Fields) -> Listener:
    allowed = fields.fields("allowedRoutes")
    namespaces = allowed.fields("namespaces")
    kinds = [(kind.text("group", default=GATEWAY_GROUP), kind.text("kind")) for kind in allowed.items("kinds")]
    return Listener(
        name=fields.text("name"),
        hostname=fields.text("hostname", default="") or "*",
        port=fields.number("port"),
        protocol=fields.text("protocol"),
        tls=_parse_tls(fields.fields("tls")) if fields.has("tls") else None,
        allowed_routes=AllowedRoutes(
            namespaces=namespaces.text("from", default="Same"),
            selector=_as_written(namespaces, "selector"),
            kinds=tuple(kinds) if kinds else None,
        ),
    )


def _as_written(fields: Fields, name: str) -> Object:
    selector = fields.fields(name)
    expressions = [
        {
            "key": expression.text("key"),
            "operator": expression.text("operator"),
            "values": list(expression.texts("values")),
        }
        for expression in selector.items("matchExpressions")
    ]
    return {"matchLabels": selector.text_map("matchLabels"), "matchExpressions": expressions}


def _parse_tls(fields: Fields) -> ListenerTLS:
    return ListenerTLS(
        mode=fields.text("mode", default="Terminate"),
        certificates=tuple(_parse_reference(ref, kind="Secret") for ref in fields.items("certificateRefs")),
        demands_client_certificates=fields.has("frontendValidation"),
    )


def _parse_reference(fields: Fields, *, kind: str) -> Reference:
    return Reference(
        group=fields.text("group", default=""),
        kind=fields.text("kind", default=kind),
        namespace=fields.optional_text("namespace"),
        name=fields.text("name"),
    )


def _parse_parent_ref(fields: Fields) -> ParentRef:
    return ParentRef(
        group=fields.optional_text("group"),
        kind=fields.optional_text("kind"),
        namespace=fields.optional_text("namespace"),
        name=fields.text("name"),
        section_name=fields.optional_text("sectionName"),
        port=fields.optional_number("port"),
    )


def _parse_rule(fields: Fields) -> Rule:
    return Rule(
        matches=tuple(_parse_match(match) for match in fields.items("matches")) or (_MATCH_ALL,),
        filters=tuple(_parse_filter(entry) for entry in fields.items("filters")),
        backends=tuple(_parse_backend_ref(backend) for backend in fields.items("backendRefs")),
        settings=tuple(name for name in fields.names() if name not in _RULE_FIELDS and fields.has(name)),
    )


def _parse_match(fields: Fields) -> Match:
    path = fields.fields("path")
    return Match(
        path_type=path.text("type", default="PathPrefix"),
        path=path.text("value", default="/"),
        method=fields.optional_text("method"),
        headers=_parse_values(fields, "headers"),
        query=_parse_values(fields, "queryParams"),
    )


def _parse_values(fields: Fields, name: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (item.text("name"), item.text("type", default="Exact"), item.text("value")) for item in fields.items(name)
    )


def _parse_filter(fields: Fields) -> Filter:
    extension = fields.fields("extensionRef")
    return Filter(
        type=fields.text("type"),
        extension=_parse_reference(extension, kind="") if fields.has("extensionRef") else None,
    )


def _parse_backend_ref(fields: Fields) -> BackendRef:
    return BackendRef(
        target=_parse_reference(fields, kind="Service"),
        port=fields.optional_number("port"),
        weight=fields.number("weight", default=1),
        has_filters=bool(fields.items("filters")),
    )


_MATCH_ALL: Final = Match(path_type="PathPrefix", path="/", method=None, headers=(), query=())
