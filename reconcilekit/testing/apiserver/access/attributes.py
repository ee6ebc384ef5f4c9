"""What a request is about, in the terms that authorization knows."""

from __future__ import annotations

import attrs

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver.encoding.routes import Route, parse_route

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@attrs.frozen(kw_only=True)
class Attributes:
    """One thing that somebody wants to do.

    Attributes:
        verb: "list", "deletecollection", ...; for other paths the HTTP method in lower case.
        is_resource: it is about an object or a collection, not about another path.
        path: of the request; rules for paths that are no resource's match it.
    """

    verb: str
    is_resource: bool
    path: str = ""
    group: str = ""
    version: str = "*"
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def combined_resource(self) -> str:
        """With the subresource: "pods", "pods/log"."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes_of(request: Request) -> Attributes:
    """What the request is about, in RequestInfo's terms: a namespace itself counts as in that namespace."""
    route = parse_route(request.path)
    if route is None or route.is_of_version:
        return Attributes(verb=request.method.lower(), is_resource=False, path=request.path)
    is_namespace = route.plural == "namespaces" and not route.namespace
    verb, name = _verb(request, route)
    return Attributes(
        verb=verb,
        is_resource=True,
        path=request.path,
        group=route.group,
        version=route.version,
        resource=route.plural,
        subresource=route.subresource,
        namespace=route.name if is_namespace else route.namespace,
        name=name,
    )


def _verb(request: Request, route: Route) -> tuple[str, str]:
    """The verb, and the name, which a watch or list of one object has in its field selector."""
    if route.is_watch:
        return "watch", route.name
    verb = _VERBS.get(request.method, "")
    if route.name or verb not in ("get", "delete"):
        return verb, route.name
    if verb == "delete":
        return "deletecollection", ""
    verb = "list" if request.query.get("watch", "false").lower() in ("false", "0") else "watch"
    return verb, _selected_name(request.query.get("fieldSelector", ""))


def _selected_name(selector: str) -> str:
    for term in selector.split(","):
        field, operator, value = term.partition("=")
        if field == "metadata.name" and operator:
            return value.removeprefix("=")
    return ""
