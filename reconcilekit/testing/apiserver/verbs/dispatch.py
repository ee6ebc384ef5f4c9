"""From a request to what answers it; every request is one synchronous step on the storage."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.kinds import discovery, openapi
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs.patches import json_patch, merge_patch, strategic_merge_patch
from reconcilekit.testing.apiserver.verbs.preconditions import Target
from reconcilekit.testing.apiserver.verbs.reads import encode_object, encode_page, list_page
from reconcilekit.testing.apiserver.verbs.selectors import selection
from reconcilekit.testing.apiserver.verbs.watching import open_watch
from reconcilekit.testing.apiserver.verbs.writes import FINALIZE, Outcome
from reconcilekit.testing.apiserver.wire import bodies
from reconcilekit.testing.apiserver.wire.negotiation import Accepted, negotiate
from reconcilekit.testing.apiserver.wire.routes import Route, parse_route

VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.2+reconcilekit", "platform": "python"}
_HEALTH = ("/healthz", "/livez", "/readyz")

Answer = Response | WatchStream


def dispatch(cluster: Cluster, request: Request) -> Answer:
    """The answer.

    Raises:
        StatusError: the answer is a failure.
    """
    accepted = negotiate(request.headers.get("accept", ""))
    route = parse_route(request.path)
    if route is None:
        return _non_resource(cluster, request, accepted)
    if (route.group, route.version) in cluster.registry.down:
        return status.plain_text(503, "service unavailable\n")
    served = cluster.registry.find(route.group, route.version, route.plural)
    if served is None:
        return _unserved(cluster, route)
    if not _is_reachable(served, route):
        raise status.unknown_resource()
    return _Call(cluster, request, route, served, accepted).answer()


def _unserved(cluster: Cluster, route: Route) -> Response:
    document = discovery.version_document(cluster.registry, route.group, route.version)
    if document is None:
        return status.plain_text(404, "404 page not found\n")
    if route.plural:
        raise status.unknown_resource()
    return document


def _is_reachable(served: ResourceType, route: Route) -> bool:
    if route.subresource == FINALIZE:
        return served.storage_key == ("", "namespaces")
    if route.subresource and not (route.subresource == "status" and served.has_status):
        return False
    if served.is_namespaced:
        return bool(route.namespace) or not route.name
    return not route.namespace


def _non_resource(cluster: Cluster, request: Request, accepted: Accepted) -> Response:
    path = request.path.rstrip("/")
    match path.split("/")[1:]:
        case ["api"]:
            return discovery.api_root(cluster.registry, accepted)
        case ["apis"]:
            return discovery.apis_root(cluster.registry, accepted)
        case ["apis", group]:
            document = discovery.group_document(cluster.registry, group)
        case ["openapi", "v3", *rest]:
            document = openapi.document(cluster.registry, "/".join(rest))
        case ["version"]:
            document = Response(status=200, headers={"content-type": status.JSON}, body=msgspec.json.encode(VERSION))
        case _:
            document = status.plain_text(200, "ok") if path in _HEALTH else None
    return document or status.plain_text(404, "404 page not found\n")


class _Call:
    """One request to a resource."""

    def __init__(
        self, cluster: Cluster, request: Request, route: Route, served: ResourceType, accepted: Accepted
    ) -> None:
        self._cluster = cluster
        self._request = request
        self._query = request.query
        self._route = route
        self._served = served
        self._accepted = accepted

    def answer(self) -> Answer:
        """Do it."""
        route = self._route
        handlers: Mapping[str, Callable[[], Answer]]
        if not route.name:
            handlers = {"GET": self._list, "POST": self._create, "DELETE": self._delete_collection}
        elif route.subresource:
            handlers = {"GET": self._get, "PUT": self._replace, "PATCH": self._patch}
        else:
            handlers = {"GET": self._get, "PUT": self._replace, "PATCH": self._patch, "DELETE": self._delete}
        handler = handlers.get(self._request.method)
        if handler is None or (handler == self._create and self._served.is_namespaced and not route.namespace):
            raise status.method_not_allowed()
        return handler()

    def _get(self) -> Answer:
        stored = self._cluster.storage.collection(self._served).objects.get(self._route.key)
        if stored is None:
            raise status.not_found(self._served.group, self._served.plural, self._route.name)
        return self._encoded(stored)

    def _list(self) -> Answer:
        if self._query.get("watch") in ("1", "true"):
            return open_watch(self._cluster, self._served, self._route.namespace, self._query)
        page = list_page(self._cluster.storage, self._served, self._route.namespace, self._query)
        return encode_page(self._served, page, self._accepted, now=self._cluster.clock.now())

    def _create(self) -> Answer:
        obj = self._body()
        _check_identity(self._route, obj)
        target = self._target(name=str(_metadata(obj).get("name") or ""))
        return self._written(self._cluster.create(target, obj))

    def _replace(self) -> Answer:
        obj = self._body()
        _check_identity(self._route, obj)
        return self._written(self._cluster.replace(self._target(), obj))

    def _patch(self) -> Answer:
        media_type = self._request.headers.get("content-type", "").partition(";")[0].strip()
        match media_type:
            case "application/apply-patch+yaml" | "application/apply-patch+json":
                return self._apply()
            case "application/merge-patch+json":
                patch = bodies.decode(self._request.body or b"", self._served)
                return self._written(self._cluster.patch(self._target(), lambda live: merge_patch(live, patch)))
            case "application/strategic-merge-patch+json" if not self._served.is_custom:
                patch, shape = bodies.decode(self._request.body or b"", self._served), self._served.shape
                transform = functools.partial(strategic_merge_patch, patch=patch, shape=shape)
                return self._written(self._cluster.patch(self._target(), transform))
            case "application/json-patch+json":
                operations = bodies.decode_operations(self._request.body or b"")
                return self._written(self._cluster.patch(self._target(), _json_patcher(operations)))
            case _:
                raise status.unsupported_media_type()

    def _apply(self) -> Answer:
        if not self._query.get("fieldManager"):
            text = "Required value: is required for apply patch"
            raise status.invalid_options("PatchOptions", "fieldManager", "FieldValueRequired", text)
        config = bodies.decode_apply(self._request.body or b"", self._served)
        bodies.check_kind(config, self._served)
        _check_identity(self._route, config)
        return self._written(self._cluster.apply(self._target(), config))

    def _delete(self) -> Answer:
        options = bodies.decode_options(self._request.body)
        outcome = self._cluster.delete(self._target(dry_run=options.get("dryRun")), options)
        if not outcome.is_gone:
            return self._encoded(outcome.stored)
        return _deleted(self._served, outcome.stored)

    def _delete_collection(self) -> Answer:
        accepts = selection(self._served, self._query)
        objects = self._cluster.storage.collection(self._served).objects
        for key, stored in list(objects.items()):
            is_inside = not self._route.namespace or key.namespace == self._route.namespace
            if is_inside and (accepts is None or accepts(stored)):
                self._cluster.delete(self._target(key=key), {})
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        body["details"] = status.resource_details(self._served.group, self._served.plural, "")
        return Response(status=200, headers={"content-type": status.JSON}, body=msgspec.json.encode(body))

    def _body(self) -> dict[str, Any]:
        obj = bodies.decode_object(self._request.body or b"", self._served)
        bodies.check_kind(obj, self._served)
        strict = self._query.get("fieldValidation") == "Strict"
        if error := self._cluster.admission.decode_errors(self._served, obj, strict=strict):
            kind = self._served.kind
            message = f'{kind} in version "{self._served.version}" cannot be handled as a {kind}: {error}'
            raise status.bad_request(message)
        return obj

    def _target(self, *, name: str = "", key: ObjectKey | None = None, dry_run: object = None) -> Target:
        agent = self._request.headers.get("user-agent", "")
        return Target(
            served=self._served,
            key=key or ObjectKey(self._route.namespace, name or self._route.name),
            subresource=self._route.subresource,
            manager=self._query.get("fieldManager") or agent.partition("/")[0] or "unknown",
            force=self._query.get("force") in ("true", "1"),
            is_dry_run=self._query.get("dryRun") == "All" or dry_run == ["All"],
            body_size=len(self._request.body or b""),
        )

    def _written(self, outcome: Outcome) -> Answer:
        code = 201 if outcome.is_created else 200
        return self._encoded(outcome.stored, code=code)

    def _encoded(self, stored: Stored, *, code: int = 200) -> Response:
        return encode_object(self._served, stored, self._accepted, now=self._cluster.clock.now(), code=code)


def _json_patcher(operations: list[dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def transform(live: dict[str, Any]) -> dict[str, Any]:
        # A JSON patch changes its document in place, and the live object belongs to the store.
        copy = msgspec.json.decode(msgspec.json.encode(live))
        patched = json_patch(copy, operations)
        if not isinstance(patched, dict):
            raise status.bad_request("the patched object is no object any more")
        return patched

    return transform


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata, {} where it is none: whoever writes refuses the object for it."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _check_identity(route: Route, obj: Mapping[str, Any]) -> None:
    metadata = _metadata(obj)
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if route.name and name and name != route.name:
        raise status.bad_request(f"the name of the object ({name}) does not match the name on the URL ({route.name})")
    if namespace and namespace != route.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _deleted(served: ResourceType, stored: Stored) -> Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": status.resource_details(served.group, served.plural, stored.key.name, uid=stored.uid),
    }
    return Response(status=200, headers={"content-type": status.JSON}, body=msgspec.json.encode(body))
