"""What a request is about, in the terms that authorization knows."""

from __future__ import annotations

import attrs

from reconcilekit.kube.transport import Request

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


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
    """What the request is about; k8s.io/apiserver's RequestInfo takes paths apart alike."""
    parts = [part for part in request.path.strip("/").split("/") if part]
    prefix_length = {"api": 1, "apis": 2}.get(parts[0] if parts else "", 0)
    if not prefix_length or len(parts) < prefix_length + 2:
        return Attributes(verb=request.method.lower(), is_resource=False, path=request.path)
    group = parts[1] if prefix_length == 2 else ""
    version, rest = parts[prefix_length], parts[prefix_length + 1 :]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    verb, name = _verb(request, name)
    return Attributes(
        verb=verb,
        is_resource=True,
        path=request.path,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _verb(request: Request, name: str) -> tuple[str, str]:
    """The verb, and the name, which a watch or list of one object has in its field selector."""
    verb = _VERBS.get(request.method, "")
    if name or verb not in ("get", "delete"):
        return verb, name
    if verb == "delete":
        return "deletecollection", ""
    verb = "list" if request.query.get("watch", "false").lower() in ("", "false", "0") else "watch"
    return verb, _selected_name(request.query.get("fieldSelector", ""))


def _selected_name(selector: str) -> str:
    for term in selector.split(","):
        field, operator, value = term.partition("=")
        if field == "metadata.name" and operator:
            return value.removeprefix("=")
    return ""
