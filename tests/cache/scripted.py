"""An API server for the cache's eyes only: it lists, watches, and fails as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs

from reconcilekit.cache import Cache, Change, ReflectorSettings
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError, LostAnswerError
from reconcilekit.kube.client import Page
from reconcilekit.kube.objects import RawObject, UndecodableObject, parse_object
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.kube.watch import EventType, WatchEvent
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual

CONFIG_MAP = Resource("v1", "ConfigMap")
SECRET = Resource("v1", "Secret")
WIDGET = Resource("example.com/v1", "Widget")


def make_object(
    name: str,
    version: int | str = 1,
    *,
    namespace: str = "default",
    uid: str = "",
    labels: Mapping[str, str] | None = None,
    owners: Iterable[str] = (),
    data: str = "",
) -> RawObject:
    """One version of a small object."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid or f"uid-{namespace}-{name}",
        "resourceVersion": str(version),
        "labels": dict(labels or {}),
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner} for owner in owners],
    }
    return parse_object(json.dumps({"metadata": metadata, "data": data}).encode(), field_manager=None)


def make_undecodable(name: str, version: int | str = 1, *, namespace: str = "default") -> UndecodableObject:
    """An object that can't be read, but named."""
    return UndecodableObject(
        raw=b"{}", error="labels: expected str", key=ObjectKey(namespace, name), resource_version=str(version)
    )


def status_error(code: int, reason: str = "", *, retry_after: int | None = None) -> ApiError:
    """An answer that isn't a success."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "code": code,
        "message": reason,
    }
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return ApiError(code, body=json.dumps(body).encode(), headers=headers)


@attrs.frozen(kw_only=True)
class Asked:
    """One request."""

    at: float
    verb: str
    resource: Resource
    namespace: str | None = None
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""


_END = None


@attrs.define(kw_only=True)
class ScriptedServer:
    """Holds objects, counts resourceVersions, and remembers what it was asked.

    Attributes:
        clock: dates the requests.
        requests: what was asked, in order.
        version: the present resourceVersion.
        on_list: called before each list is answered; what it raises is the answer.
        on_watch: the same for each watch.
        closes_at_once: watches end as soon as they are open.
        never_ends: watches don't end when they were asked to.
    """

    clock: Clock
    requests: list[Asked] = attrs.field(factory=list)
    version: int = 10
    on_list: Callable[[Asked], None] = lambda asked: None
    on_watch: Callable[[Asked], None] = lambda asked: None
    closes_at_once: bool = False
    never_ends: bool = False
    _objects: dict[Resource, dict[ObjectKey, RawObject | UndecodableObject]] = attrs.field(
        factory=lambda: defaultdict(dict)
    )
    _history: list[tuple[int, Resource, str, WatchEvent]] = attrs.field(factory=list)
    _watches: list[tuple[Resource, str | None, asyncio.Queue[WatchEvent | BaseException | None]]] = attrs.field(
        factory=list
    )

    # --- the cluster's side

    def put(self, resource: Resource, name: str, **fields: object) -> RawObject:
        """Make or change an object, and tell the watches."""
        self.version += 1
        obj = make_object(name, self.version, **fields)  # type: ignore[arg-type]  # the caller's, checked at run time
        kind: EventType = "MODIFIED" if obj.key in self._objects[resource] else "ADDED"
        self._objects[resource][obj.key] = obj
        self._tell(resource, WatchEvent(type=kind, object=obj, resource_version=str(self.version)))
        return obj

    def spoil(self, resource: Resource, name: str) -> None:
        """Make an object unreadable, and tell the watches."""
        self.version += 1
        bad = make_undecodable(name, self.version)
        assert bad.key is not None
        self._objects[resource][bad.key] = bad
        self._tell(resource, WatchEvent(type="MODIFIED", undecodable=bad, resource_version=str(self.version)))

    def delete(self, resource: Resource, name: str, *, namespace: str = "default", quietly: bool = False) -> None:
        """Delete an object, and tell the watches unless `quietly`."""
        self.version += 1
        del self._objects[resource][ObjectKey(namespace, name)]
        if not quietly:
            last = make_object(name, self.version, namespace=namespace)
            self._tell(resource, WatchEvent(type="DELETED", object=last, resource_version=str(self.version)))

    def bookmark(self) -> None:
        """Tell every watch how far the server has come."""
        for _, _, queue in self._watches:
            queue.put_nowait(WatchEvent(type="BOOKMARK", resource_version=str(self.version)))

    def send(self, resource: Resource, event: WatchEvent) -> None:
        """Tell the watches of a kind just this."""
        for watched, _, queue in self._watches:
            if watched == resource:
                queue.put_nowait(event)

    def end_watches(self, resource: Resource | None = None, error: BaseException | None = None) -> None:
        """End watches between two events, or with an error."""
        for watched, _, queue in self._watches:
            if resource is None or watched == resource:
                queue.put_nowait(error or _END)

    def go_back(self, version: int, objects: Mapping[Resource, Sequence[RawObject]]) -> None:
        """Be restored to an older state; connections break."""
        self.version = version
        self._history.clear()
        self._objects.clear()
        for resource, kept in objects.items():
            self._objects[resource] = {obj.key: obj for obj in kept}
        self.end_watches(error=LostAnswerError("restored"))

    def _tell(self, resource: Resource, event: WatchEvent) -> None:
        source = event.object or event.undecodable
        assert source is not None
        assert source.key is not None
        self._history.append((self.version, resource, source.key.namespace, event))
        for watched, namespace, queue in self._watches:
            if watched == resource and namespace in (None, source.key.namespace):
                queue.put_nowait(event)

    # --- the client's side

    async def list_page(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        continue_token: str = "",
    ) -> Page:
        asked = Asked(
            at=self.clock.monotonic(),
            verb="check" if limit == 1 else "list",
            resource=resource,
            namespace=namespace,
            limit=limit,
            continue_token=continue_token,
        )
        self.requests.append(asked)
        self.on_list(asked)
        items = [obj for key, obj in self._objects[resource].items() if namespace in (None, key.namespace)]
        start = int(continue_token or 0)
        end = start + limit if limit else len(items)
        await self.clock.sleep(0)
        return Page(
            items=tuple(items[start:end]),
            resource_version=str(self.version),
            continue_token=str(end) if end < len(items) else "",
        )

    @asynccontextmanager
    async def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        timeout_seconds: int = 290,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        asked = Asked(
            at=self.clock.monotonic(),
            verb="watch",
            resource=resource,
            namespace=namespace,
            resource_version=resource_version,
        )
        self.requests.append(asked)
        self.on_watch(asked)
        queue: asyncio.Queue[WatchEvent | BaseException | None] = asyncio.Queue()
        for version, changed, where, event in self._history:
            if changed == resource and namespace in (None, where) and version > int(resource_version):
                queue.put_nowait(event)
        if self.closes_at_once:
            queue.put_nowait(_END)
        entry = (resource, namespace, queue)
        self._watches.append(entry)
        patience = 1e9 if self.never_ends else timeout_seconds
        timer = self.clock.call_later(patience, lambda: queue.put_nowait(_END))
        try:
            yield self._events(queue)
        finally:
            timer.cancel()
            self._watches.remove(entry)

    async def _events(self, queue: asyncio.Queue[WatchEvent | BaseException | None]) -> AsyncIterator[WatchEvent]:
        while (event := await queue.get()) is not _END:
            if isinstance(event, BaseException):
                raise event
            yield event

    def count(self, verb: str, resource: Resource | None = None) -> int:
        """How many requests of a verb there were: "list" (pages), "check" (of the fresh version), "watch"."""
        return sum(each.verb == verb and resource in (None, each.resource) for each in self.requests)


class Recorder:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.progress: list[Resource] = []
        self.health: list[Resource] = []

    def changed(self, change: Change) -> None:
        self.changes.append(change)

    def progressed(self, resource: Resource) -> None:
        self.progress.append(resource)

    def health_changed(self, resource: Resource) -> None:
        self.health.append(resource)

    def told(self, *, namespace: str | None = None) -> list[str]:
        """The changes, in one namespace or all, as short words: ``+a`` came, ``~a`` changed, ``-a`` went."""
        chosen = [change for change in self.changes if namespace in (None, change.key.namespace)]
        return [f"{_sign(change)}{change.key.name}" for change in chosen]


def _sign(change: Change) -> str:
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"


Story = Callable[[VirtualClock, ScriptedServer, Cache, Recorder], Awaitable[None]]


def tell(story: Story, *, seed: int = 0, settings: ReflectorSettings | None = None) -> None:
    """Run a story on virtual time, and see that the cache leaves no task behind."""

    async def main(clock: VirtualClock) -> None:
        server = ScriptedServer(clock=clock)
        cache = Cache(server, clock=clock, settings=settings)
        recorder = Recorder()
        cache.subscribe(recorder)
        await story(clock, server, cache, recorder)
        await cache.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    run_virtual(main, seed=seed)


def refuse(error: Exception, *, resource: Resource | None = None) -> Callable[[Asked], None]:
    """Answer every request, or those for one kind, with an error."""

    def answer(asked: Asked) -> None:
        if resource in (None, asked.resource):
            raise error

    return answer
