"""Which routes may attach to which listeners, and for which hostnames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from examples.gateway import hostnames
from examples.gateway.kinds import GATEWAY_GROUP, NAMESPACE
from examples.gateway.model import HTTPRoute, Listener, Object, ParentRef, parse_metadata
from examples.gateway.reads import Reads
from examples.gateway.verdicts import Problem, Reason
from reconcilekit.errors import ConfigError

HTTP_ROUTE_KIND: Final = (GATEWAY_GROUP, "HTTPRoute")

Attachments = Mapping[str, tuple[str, ...]]
"""The hostnames for which a route attaches to each listener, by the listener's name."""


def attach(
    route: HTTPRoute, parent: ParentRef, listeners: Sequence[Listener], *, gateway_namespace: str, reads: Reads
) -> Attachments | Problem:
    """The listeners that one of a route's parent references reaches, or why it reaches none.

    Args:
        route: the route.
        parent: one of its parents, known to mean this Gateway.
        listeners: all of the Gateway's, served or not: attachment doesn't depend on their state.
        gateway_namespace: what "Same" means.
        reads: where the route's Namespace is looked up, for a listener that selects by its labels.
    """
    named = [
        listener
        for listener in listeners
        if parent.section_name in (None, listener.name) and parent.port in (None, listener.port)
    ]
    if not named:
        wanted = ", ".join(f"{name} {value}" for name, value in parent.to_object().items() if name in _SELECTING)
        return Problem(Reason.NO_MATCHING_PARENT, f"the Gateway has no listener with {wanted}")
    open_to_it = [listener for listener in named if _is_open_to(listener, route, gateway_namespace, reads)]
    if not open_to_it:
        names = ", ".join(listener.name for listener in named)
        return Problem(
            Reason.NOT_ALLOWED_BY_LISTENERS,
            f"allowedRoutes of {names} admit no HTTPRoute from namespace {route.meta.key.namespace}",
        )
    common = {listener.name: _common_hostnames(listener, route) for listener in open_to_it}
    attached = {name: shared for name, shared in common.items() if shared}
    if not attached:
        listening = ", ".join(f"{listener.name} ({listener.hostname})" for listener in open_to_it)
        return Problem(
            Reason.NO_MATCHING_LISTENER_HOSTNAME,
            f"hostnames {', '.join(route.hostnames)} have nothing in common with those of {listening}",
        )
    return attached


_SELECTING: Final = ("sectionName", "port")


def admits_http_routes(listener: Listener) -> bool:
    """True where a listener's `allowedRoutes.kinds` leave room for HTTPRoutes."""
    kinds = listener.allowed_routes.kinds
    return kinds is None or HTTP_ROUTE_KIND in kinds


def _is_open_to(listener: Listener, route: HTTPRoute, gateway_namespace: str, reads: Reads) -> bool:
    if not admits_http_routes(listener):
        return False
    namespace = route.meta.key.namespace
    match listener.allowed_routes.namespaces:
        case "All":
            return True
        case "Same":
            return namespace == gateway_namespace
        case "Selector":
            return selects(listener.allowed_routes.selector, _labels_of_namespace(namespace, reads))
        case _:
            return False


def _labels_of_namespace(name: str, reads: Reads) -> Mapping[str, str] | None:
    namespace = reads.get(NAMESPACE, name, namespace="")
    try:
        return None if namespace is None else parse_metadata(namespace).labels
    except ConfigError:
        return None


def selects(selector: Object, labels: Mapping[str, str] | None) -> bool:
    """Evaluate a label selector; an empty one takes everything that exists.

    Args:
        selector: `matchLabels` and `matchExpressions`; an operator that doesn't exist selects nothing.
        labels: the object's; None where there is no object.
    """
    if labels is None or not selector["matchLabels"].items() <= labels.items():
        return False
    return all(_fulfils(expression, labels) for expression in selector["matchExpressions"])


def _fulfils(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def _common_hostnames(listener: Listener, route: HTTPRoute) -> tuple[str, ...]:
    shared = (hostnames.intersection(listener.hostname, own) for own in route.hostnames or (hostnames.ANY,))
    return tuple(sorted({hostname for hostname in shared if hostname is not None}))
