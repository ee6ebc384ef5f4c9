"""Conditions as typed values, and the Gateway API's words for why.

Reasons are those of https://gateway-api.sigs.k8s.io/reference/spec/ wherever it has one.
"""

from __future__ import annotations

import enum

import attrs

from examples.gateway.model import ParentRef
from reconcilekit.kube.resource import ObjectKey


class Reason(enum.StrEnum):
    """Why a condition is as it is."""

    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    PROGRAMMED = "Programmed"
    PENDING = "Pending"
    INVALID = "Invalid"
    """Gateway, listener: as it is written it can't be programmed, or Envoy refused it."""

    INVALID_PARAMETERS = "InvalidParameters"
    """GatewayClass: it names parameters, and this controller takes none."""

    LISTENERS_NOT_VALID = "ListenersNotValid"
    """Gateway: some listener isn't served; the others are."""

    ADDRESS_NOT_USABLE = "AddressNotUsable"
    """Gateway: it asks for an address that its Envoy doesn't bind."""

    PORT_UNAVAILABLE = "PortUnavailable"
    UNSUPPORTED_PROTOCOL = "UnsupportedProtocol"
    NO_CONFLICTS = "NoConflicts"
    HOSTNAME_CONFLICT = "HostnameConflict"
    PROTOCOL_CONFLICT = "ProtocolConflict"
    INVALID_CERTIFICATE_REF = "InvalidCertificateRef"
    INVALID_ROUTE_KINDS = "InvalidRouteKinds"
    REF_NOT_PERMITTED = "RefNotPermitted"

    NO_MATCHING_PARENT = "NoMatchingParent"
    NOT_ALLOWED_BY_LISTENERS = "NotAllowedByListeners"
    NO_MATCHING_LISTENER_HOSTNAME = "NoMatchingListenerHostname"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    INVALID_KIND = "InvalidKind"
    BACKEND_NOT_FOUND = "BackendNotFound"

    TOKEN_POLICY_NOT_FOUND = "TokenPolicyNotFound"
    """Route: a filter names a TokenPolicy that doesn't exist or can't be read."""

    INVALID_TOKEN = "InvalidToken"
    """Route: the TokenPolicy's Secret is missing or holds nothing that can be demanded."""


@attrs.frozen
class Condition:
    """A condition without what only its writer knows: when it flipped, and which generation was observed.

    `is_true` is None for status "Unknown".
    """

    type: str
    is_true: bool | None
    reason: Reason
    message: str = ""


@attrs.frozen
class Problem:
    """Why something named by the user can't be honoured."""

    reason: Reason
    message: str


@attrs.frozen(kw_only=True)
class ListenerVerdict:
    """What became of one listener.

    Attributes:
        name: the listener's.
        supported_kinds: the kinds of routes that may attach: a part of those it allows.
        attached_routes: the number of accepted routes that attach to it, whether it is served or not.
        is_served: the snapshot has it.
        conditions: Accepted, Conflicted and ResolvedRefs; Programmed is Envoy's to say, see `statuses`.
    """

    name: str
    supported_kinds: tuple[str, ...]
    attached_routes: int
    is_served: bool
    conditions: tuple[Condition, ...]


@attrs.frozen(kw_only=True)
class RouteVerdict:
    """What became of one route at one of its parents; the route's own controller writes it down.

    Attributes:
        route: the HTTPRoute.
        parent: the parent, as the route writes it.
        generation: the route's, as it was translated.
        conditions: Accepted, ResolvedRefs, and PartiallyInvalid where some rule was dropped.
    """

    route: ObjectKey
    parent: ParentRef
    generation: int
    conditions: tuple[Condition, ...]


@attrs.frozen(kw_only=True)
class GatewayVerdict:
    """What became of the Gateway; `address_problem` keeps it from being Programmed although it is served."""

    accepted: Condition
    address_problem: Problem | None = None
