"""From a request to what answers it; every request is one synchronous step on the storage."""

from __future__ import annotations

import attrs
import msgspec

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding.negotiation import (
    JSON,
    PLAIN,
    Accepted,
    check_listed,
    is_pretty,
    negotiate,
    negotiate_discovery,
)
from reconcilekit.testing.apiserver.encoding.rendering import render
from reconcilekit.testing.apiserver.encoding.routes import Route, parse_route
from reconcilekit.testing.apiserver.kinds.resources import ResourceType, built_in_types
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs.call import Answer, Begun, Call
from reconcilekit.testing.apiserver.verbs.custom_verbs import is_taken
from reconcilekit.testing.apiserver.verbs.parameters import flag

__all__ = ["Answer", "Begun", "dispatch"]

_NOT_FOUND = "404 page not found\n"
_HEALTH = ("healthz", "livez", "readyz")
_HEALTH_PATHS = tuple(f"/{name}" for name in _HEALTH)


def dispatch(cluster: Cluster, request: Request) -> Begun:
    """The answer.

    Raises:
        StatusError: the answer is a failure.
    """
    if request.path[:2] == "//":  # rather than a call, as this is every request's way
        return status.plain_text(404, _NOT_FOUND)
    path = request.path.rstrip("/")
    if path.startswith(_HEALTH_PATHS):
        from reconcilekit.testing.apiserver.documents.health import health

        if (found := health(request.path, request.query)) is not None:
            return found
    route = parse_route(path)
    if route is None:
        return _non_resource(cluster, request, path)
    if (route.group, route.version) in cluster.registry.down:
        return status.plain_text(503, "service unavailable\n")
    served = cluster.registry.find(route.group, route.version, route.plural)
    if served is None:
        return _unserved(cluster, route, request)
    if served.is_custom and not is_taken(served, route, request.method):
        return status.plain_text(404, _NOT_FOUND)
    if not served.is_custom and (
        (route.is_too_long and route.subresource != "proxy") or not _is_reachable(served, route)
    ):
        raise status.unknown_resource()
    return _resource(cluster, request, route, served)


def _resource(cluster: Cluster, request: Request, route: Route, served: ResourceType) -> Begun:
    is_list = request.method == "GET" and not route.name
    is_watch = route.is_watch or (is_list and bool(flag(request.query, "watch")))
    header = request.headers.get("accept", "")
    accepted = negotiate(
        header,
        is_watch=is_watch,
        is_list=is_list,
        is_lenient=served.is_custom,
        has_tables=not served.is_question,
    )
    if is_pretty(request.query, request.headers.get("user-agent", "")):
        accepted = attrs.evolve(accepted, is_pretty=True)
    try:
        answer = Call(cluster, request, route, served, accepted).answer()
    except status.StatusError as error:
        if accepted.media_type == JSON or error.code == 504:
            raise
        answer = error.response()
    if isinstance(answer, Steps):
        return answer.then(lambda whole: render(whole, accepted))
    return answer if isinstance(answer, WatchStream) else render(answer, accepted)


def _unserved(cluster: Cluster, route: Route, request: Request) -> Response:
    from reconcilekit.testing.apiserver.documents import discovery

    if not cluster.registry.versions(route.group):
        return status.plain_text(404, _NOT_FOUND)
    document = discovery.version_document(cluster.registry, route.group, route.version)
    is_built_in = any(group == route.group for group, *_ in built_in_types())
    if document is None or not route.is_of_version:
        if not is_built_in:
            return status.plain_text(404, _NOT_FOUND)
        raise status.unknown_resource()
    if is_built_in:
        check_listed(request.headers.get("accept", ""))
    return _document(document, request)


def _is_reachable(served: ResourceType, route: Route) -> bool:
    if served.is_namespaced:
        return bool(route.namespace) or not route.name
    return not route.namespace


def _non_resource(cluster: Cluster, request: Request, path: str) -> Response:
    from reconcilekit.testing.apiserver.documents import discovery, openapi
    from reconcilekit.testing.apiserver.origins import authority_of

    accept = request.headers.get("accept", "")
    document: Response | None = None
    match path.split("/")[1:]:
        case ["api"]:
            check_listed(accept)
            document = discovery.api_root(cluster.registry, negotiate_discovery(accept), authority_of(request))
        case ["apis"]:
            document = discovery.apis_root(cluster.registry, negotiate_discovery(accept))
        case ["apis", group]:
            document = discovery.group_document(cluster.registry, group)
        case ["openapi", *_]:
            found = openapi.document(cluster.registry, request.path.removeprefix("/openapi/"), request)
            return found or status.plain_text(404, _NOT_FOUND)
        case ["version"]:
            if accept and not {clause.partition(";")[0].strip() for clause in accept.split(",")} & {"*/*", JSON}:
                raise status.not_acceptable([JSON])
            document = discovery.version()
        case []:
            document = _paths(cluster)
    if document is None:
        return status.plain_text(404, _NOT_FOUND)
    return _document(document, request, is_routed=path in ("/api", "/version"))


def _document(document: Response, request: Request, *, is_routed: bool = True) -> Response:
    """A document as it is asked for; what isn't routed by the method, too, answers any."""
    if is_routed and request.method != "GET":
        raise status.method_not_allowed()
    if document.headers.get("content-type") != JSON:
        return document
    header = request.headers.get("accept", "")
    accepted = PLAIN if request.path.rstrip("/") == "/version" else negotiate_discovery(header)
    pretty = is_pretty(request.query, request.headers.get("user-agent", ""))
    return render(document, Accepted(media_type=accepted.media_type, is_pretty=pretty or accepted.is_pretty))


def _paths(cluster: Cluster) -> Response:
    groups = [group for group in cluster.registry.groups() if group]
    below = [path for group in groups for path in _paths_of(cluster, group)]
    paths = ["/api", "/api/v1", "/apis", "/apis/", *below, *(f"/{name}" for name in _HEALTH), "/openapi/v2"]
    body = msgspec.json.encode({"paths": [*paths, "/openapi/v3", "/openapi/v3/", "/version"]})
    return Response(status=200, headers={"content-type": JSON}, body=body)


def _paths_of(cluster: Cluster, group: str) -> list[str]:
    return [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in cluster.registry.versions(group))]
