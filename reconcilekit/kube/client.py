"""The verbs a controller needs, over any `Transport`.

Each call is one request, sent once; what it raises carries the `Operation` that it was, so that it can be classified.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import attrs
import msgspec

from reconcilekit.classification.predicates import is_kind_unknown
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError, BugError, GarbledAnswerError, Operation, WireError
from reconcilekit.kube.arguments import check_key, check_mapping, check_strings, encoded, key_of
from reconcilekit.kube.discovery import Discovery
from reconcilekit.kube.discovery_documents import ResourceInfo
from reconcilekit.kube.objects import (
    RawObject,
    UndecodableObject,
    UndecodableObjectError,
    try_parse_object,
)
from reconcilekit.kube.recent import RecentObjects
from reconcilekit.kube.resource import ObjectKey, Resource, check_resource, check_string
from reconcilekit.kube.transport import DEFAULT_TIMEOUT, Request, Response, Transport
from reconcilekit.kube.watch import IDLE_MARGIN, SERVER_TIMEOUT, Watch

_JSON = {"content-type": "application/json", "accept": "application/json"}
_APPLY = {"content-type": "application/apply-patch+yaml", "accept": "application/json"}
_MERGE = {"content-type": "application/merge-patch+json", "accept": "application/json"}
_READ = {"accept": "application/json"}


class ContinueExpiredError(ApiError):
    """A list's continue token is too old (410): the list must begin again; nothing is wrong with the kind."""


@attrs.frozen(kw_only=True)
class Page:
    """One page of a list.

    Attributes:
        items: in the server's order; one that can't be read takes its place as an `UndecodableObject`.
        resource_version: of the whole list: what a watch that continues it starts from.
        continue_token: asks for the next page; "" on the last one.
    """

    items: tuple[RawObject | UndecodableObject, ...]
    resource_version: str
    continue_token: str = ""


class Client:
    """Reads and writes objects of any kind that the API server serves.

    One instance serves any number of tasks of one event loop. Besides what it names, every call raises the errors of
    `Discovery.find` for a kind that it meets first, `ApiError` for an answer that isn't a success, `WireError` where
    there is none (`GarbledAnswerError` for a success that can't be read), both with their `.operation`, `BugError`
    for a request that names no object, and `TypeError` for an argument that is none of its kind.

    Args:
        transport: the way to the API server; closed by `aclose`.
        clock: for discovery.
        field_manager: names the owner of what is written, in `metadata.managedFields`; at most 128 characters.
        discovery: share one among clients of the same server; by default the client has its own.
        timeout: seconds for each request; the default is just above the API server's own limit: its answer wins.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock,
        field_manager: str,
        discovery: Discovery | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._field_manager = field_manager
        self._discovery = discovery or Discovery(transport, clock)
        self._timeout = timeout
        self._write_query = {"fieldManager": field_manager}
        self._recent = RecentObjects(field_manager=field_manager)

    def __repr__(self) -> str:
        return f"<Client field_manager={self._field_manager!r} {self._discovery!r}>"

    @property
    def discovery(self) -> Discovery:
        """What the client asks for paths."""
        return self._discovery

    @property
    def clock(self) -> Clock:
        """By which discovery is renewed; a manager runs by it, too, unless it is told another."""
        return self._clock

    @property
    def field_manager(self) -> str:
        """The owner of what is written, and of `RawObject.owned_fields`."""
        return self._field_manager

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def get(self, resource: Resource, key: ObjectKey) -> RawObject:
        """The object as the server has it now."""
        check_key("get", resource, key)
        info = await self._info(resource)
        return await self._exchange(_Call("get", "GET", info, _object_path(info, key), headers=_READ))

    async def list_page(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Page:
        """One page of a list.

        Args:
            resource: the kind.
            namespace: None for all of them, and for kinds that have none.
            label_selector: in the API's syntax; "" selects everything.
            field_selector: in the API's syntax; "" selects everything.
            limit: objects a page, 0 for no paging. 500 as in client-go: pages of a few MB.
            continue_token: from the page before; the other arguments must be the same as for that.
            resource_version: "" reads the latest (a consistent read, served from the server's cache since KEP-2340);
                "0" whatever the server has at hand, which may be older than what was seen before (k/k#59848).

        Raises:
            ContinueExpiredError: `continue_token` is too old.
        """
        check_resource("list_page", resource)
        check_strings("list_page", namespace=namespace, label_selector=label_selector, field_selector=field_selector)
        check_strings("list_page", continue_token=continue_token, resource_version=resource_version)
        info = await self._info(resource)
        query = _selectors(label_selector, field_selector)
        if limit:
            query["limit"] = str(limit)
        if continue_token:
            query["continue"] = continue_token
        if resource_version:
            query["resourceVersion"] = resource_version
        call = _Call("list", "GET", info, info.collection_path(namespace), query=query, headers=_READ)
        try:
            response = await self._send(call)
        except ApiError as error:
            if error.status == 410 and continue_token:
                raise _continue_expired(error) from error
            raise
        return self._page(call, response)

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        timeout_seconds: int = SERVER_TIMEOUT,
    ) -> Watch:
        """Changes from `resource_version` on: ``async with client.watch(...) as events: async for event in events``.

        Entering sends the request and raises where the answer isn't a success: 410 for a version that is too old.
        The iteration ends when the server ends the watch, and raises where it breaks or falls silent; see `Watch`.

        Args:
            resource: the kind.
            namespace: None for all of them, and for kinds that have none.
            label_selector: in the API's syntax; "" selects everything.
            field_selector: in the API's syntax; "" selects everything.
            resource_version: of the list, event or bookmark that this continues.
            timeout_seconds: after which the server ends the watch. The client gives up on a silence 5 s longer.
        """
        check_resource("watch", resource)
        check_strings("watch", namespace=namespace, label_selector=label_selector, field_selector=field_selector)
        check_string("watch", "resource_version", resource_version)
        query = _selectors(label_selector, field_selector) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }

        async def request() -> Request:
            info = await self._info(resource)
            return Request(
                method="GET",
                path=info.collection_path(namespace),
                query=query,
                headers=_READ,
                timeout=timeout_seconds + IDLE_MARGIN,
            )

        return Watch(self._transport, request, resource=resource, parse=self._recent.parse)

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> RawObject:
        """POST: the object as it was created. AlreadyExists (409) may be the echo of a lost first answer."""
        key = key_of("create", resource, obj)
        info = await self._info(resource)
        _check_scope(info, key)
        call = _Call("create", "POST", info, info.collection_path(key.namespace), query=self._write_query)
        call.generate_name = not key.name
        return await self._write(call, obj)

    async def update(self, resource: Resource, obj: Mapping[str, Any]) -> RawObject:
        """PUT of the whole object; a `metadata.resourceVersion` in it must be the live one (else 409 Conflict)."""
        key = key_of("update", resource, obj)
        info = await self._info(resource)
        return await self._write(_Call("update", "PUT", info, _object_path(info, key), query=self._write_query), obj)

    async def update_status(self, resource: Resource, obj: Mapping[str, Any]) -> RawObject:
        """PUT of the status subresource: the rest of `obj` but its metadata is ignored by the server."""
        key = key_of("update_status", resource, obj)
        info = await self._info(resource)
        path = _object_path(info, key, subresource="status")
        return await self._write(_Call("update", "PUT", info, path, query=self._write_query, subresource="status"), obj)

    async def apply(self, resource: Resource, obj: Mapping[str, Any], *, force: bool = True) -> RawObject:
        """Server-side apply: `obj` names every field that this field manager wants to own, and no other.

        `metadata.uid` and `metadata.resourceVersion` in it are preconditions (409 and 422 where they don't hold);
        resourceVersion "1" means: only create.

        Args:
            resource: the kind.
            obj: what is wanted; without managedFields.
            force: take over fields that others own; False raises 409 with the conflicts as causes.
        """
        return await self._apply(resource, obj, force=force)

    async def apply_status(self, resource: Resource, obj: Mapping[str, Any], *, force: bool = True) -> RawObject:
        """Server-side apply of the status subresource; as `apply`."""
        return await self._apply(resource, obj, force=force, subresource="status")

    async def merge_patch(
        self, resource: Resource, key: ObjectKey, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> RawObject:
        """JSON merge patch (RFC 7386): None removes a field, lists are replaced whole.

        A `metadata.resourceVersion` or `metadata.uid` in it is a precondition (409 Conflict).
        """
        check_key("merge_patch", resource, key)
        check_mapping("merge_patch", "patch", patch)
        info = await self._info(resource)
        path = _object_path(info, key, subresource=subresource)
        call = _Call("patch", "PATCH", info, path, self._write_query, _MERGE, subresource=subresource)
        call.body = encoded("merge_patch", patch)
        return await self._exchange(call)

    async def delete(
        self,
        resource: Resource,
        key: ObjectKey,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete the object, or mark it for deletion where it has finalizers.

        Args:
            resource: the kind.
            key: which one.
            uid: a precondition: 409 Conflict where the object was replaced by another of its name.
            resource_version: a precondition: 409 Conflict where the object has changed.
            propagation: what becomes of what it owns: "Background", "Foreground" or "Orphan".
        """
        check_key("delete", resource, key)
        check_strings("delete", uid=uid, resource_version=resource_version)
        info = await self._info(resource)
        preconditions = {
            name: value for name, value in (("uid", uid), ("resourceVersion", resource_version)) if value is not None
        }
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if preconditions:
            options["preconditions"] = preconditions
        call = _Call("delete", "DELETE", info, _object_path(info, key), headers=_JSON)
        call.body = msgspec.json.encode(options)
        response = await self._send(call)
        try:
            _decode_any_object(response.body)  # a proxy's page would mean that the server never saw the request
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _garbled(call, response, str(error), error)

    async def _apply(
        self, resource: Resource, obj: Mapping[str, Any], *, force: bool, subresource: str = ""
    ) -> RawObject:
        key = key_of("apply_status" if subresource else "apply", resource, obj)
        info = await self._info(resource)
        path = _object_path(info, key, subresource=subresource)
        query = self._write_query | {"force": "true" if force else "false"}
        return await self._write(_Call("apply", "PATCH", info, path, query, _APPLY, subresource=subresource), obj)

    async def _info(self, resource: Resource) -> ResourceInfo:
        return self._discovery.cached(resource) or await self._discovery.find(resource)

    async def _write(self, call: _Call, obj: Mapping[str, Any]) -> RawObject:
        if "kind" not in obj or "apiVersion" not in obj:
            resource = call.info.resource
            obj = {"apiVersion": resource.api_version, "kind": resource.kind} | dict(obj)
        call.body = encoded(call.verb, obj)
        return await self._exchange(call)

    async def _exchange(self, call: _Call) -> RawObject:
        response = await self._send(call)
        try:
            return self._recent.parse(response.body, call.info.resource)
        except UndecodableObjectError as error:
            _garbled(call, response, error.undecodable.error, error)

    async def _send(self, call: _Call) -> Response:
        request = Request(
            method=call.method,
            path=call.path,
            query=call.query,
            body=call.body,
            headers=call.headers,
            timeout=self._timeout,
        )
        try:
            response = await self._transport.send(request)
        except WireError as error:
            error.operation = call.operation()
            raise
        if 200 <= response.status < 300:
            return response
        refusal = ApiError(
            response.status,
            body=response.body,
            headers=response.headers,
            operation=call.operation(is_credential_reloaded=response.is_credential_reloaded),
            request=str(request),
        )
        if is_kind_unknown(refusal):
            self._discovery.doubt(call.info.resource)
        raise refusal

    def _page(self, call: _Call, response: Response) -> Page:
        try:
            listed = _decode_list(response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _garbled(call, response, str(error), error)
        items = tuple(
            try_parse_object(item, field_manager=self._field_manager, resource=call.info.resource)
            for item in listed.items or ()
        )
        meta = listed.metadata
        return Page(items=items, resource_version=meta.resource_version, continue_token=meta.continue_token or "")


@attrs.define
class _Call:
    """One request in the making, and what an error needs to know of it."""

    verb: str
    method: str
    info: ResourceInfo
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(default=_JSON)
    body: bytes | None = None
    subresource: str = attrs.field(default="", kw_only=True)
    generate_name: bool = attrs.field(default=False, kw_only=True)

    def operation(self, *, is_credential_reloaded: bool = False) -> Operation:
        return Operation(
            verb=self.verb,
            subresource=self.subresource,
            generate_name=self.generate_name,
            api_group=self.info.resource.group,
            is_credential_reloaded=is_credential_reloaded,
        )


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_token: str | None = msgspec.field(default=None, name="continue")


class _List(msgspec.Struct, frozen=True):
    """`items` has no default: what lacks it isn't an empty list but another document."""

    items: tuple[msgspec.Raw, ...] | None
    metadata: _ListMeta = _ListMeta()


class _AnyObject(msgspec.Struct, frozen=True):
    """Any JSON object."""


_decode_list = msgspec.json.Decoder(_List).decode
_decode_any_object = msgspec.json.Decoder(_AnyObject).decode


def _garbled(call: _Call, response: Response, problem: str, cause: Exception) -> NoReturn:
    error = GarbledAnswerError(
        f"{call.method} {call.path}: {response.status} with a body of {len(response.body)} bytes that can't be read: "
        f"{problem}"
    )
    error.operation = call.operation()
    raise error from cause


def _continue_expired(error: ApiError) -> ContinueExpiredError:
    return ContinueExpiredError(
        error.status, body=error.body, headers=error.headers, operation=error.operation, request=error.request
    )


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    query = {}
    if label_selector:
        query["labelSelector"] = label_selector
    if field_selector:
        query["fieldSelector"] = field_selector
    return query


def _object_path(info: ResourceInfo, key: ObjectKey, *, subresource: str = "") -> str:
    _check_scope(info, key)
    if not key.name:
        raise BugError(f"{info.resource}: the object has no metadata.name; only create can leave it to generateName")
    return info.object_path(key, subresource=subresource)


def _check_scope(info: ResourceInfo, key: ObjectKey) -> None:
    if info.namespaced and not key.namespace:
        raise BugError(f"{info.resource} {key.name!r} has no namespace; objects of this kind live in one: name it")
    if key.namespace and not info.namespaced:
        raise BugError(f"{info.resource} {key.name!r} is cluster-scoped; leave out the namespace {key.namespace!r}")
