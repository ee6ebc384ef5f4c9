"""What requests to custom kinds mean.

One handler of the real server takes all their paths and goes by the method, where built-in kinds have a route for each
(k8s.io/apiextensions-apiserver `pkg/apiserver/customresource_handler.go`).
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding.routes import Route
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

_VERBS: Mapping[str, str] = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_NAMED_VERBS: Mapping[str, str] = {"GET": "get", "HEAD": "get", "DELETE": "delete", **_VERBS}
_NAMELESS_VERBS: Mapping[str, str] = {"GET": "list", "HEAD": "list", "DELETE": "deletecollection", **_VERBS}
_BELOW_VERBS = ("get", "update", "patch")


def is_taken(served: ResourceType, route: Route, method: str) -> bool:
    """Whether the handler takes a request; those to a wrong scope are handed on, and nobody else knows their path."""
    if not served.is_namespaced:
        return not route.namespace
    return bool(route.namespace) or route.is_watch or _verb(route, method) == "list"


def verb_of(served: ResourceType, route: Route, method: str) -> str:
    """What a method asks for: a create and an update do so with and without a name in the path.

    Raises:
        StatusError: 404 for an unknown subresource, 405.
    """
    name = route.subresource
    if name and all(subresource.name != name for subresource in served.subresources):
        raise status.not_found(served.group, served.plural, route.name)
    verb = _verb(route, method)
    if not verb or (name and verb not in _BELOW_VERBS):
        raise status.method_not_supported(served.group, served.plural, verb)
    return verb


def _verb(route: Route, method: str) -> str:
    return (_NAMED_VERBS if route.name else _NAMELESS_VERBS).get(method, "")
