"""The API server as a test has it: ways in, and what the test wants to do to it and know of it."""

from __future__ import annotations

import collections
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey, Resource, check_resource, check_string
from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import server_arguments
from reconcilekit.testing.apiserver.access.gate import Authorization, Gate
from reconcilekit.testing.apiserver.access.keys import Keys
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.cluster import Cluster, Snapshot
from reconcilekit.testing.apiserver.faults import Faults
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.request_records import RequestRecord
from reconcilekit.testing.apiserver.serving import Serving
from reconcilekit.testing.apiserver.storage.changes import Change
from reconcilekit.testing.apiserver.storage.collection import History
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs.dispatch import Answer
from reconcilekit.testing.apiserver.wire.limits import Limits, check_listening
from reconcilekit.testing.apiserver.wire.transport import DirectTransport
from reconcilekit.testing.apiserver.writing.admission import Admission

if TYPE_CHECKING:
    from reconcilekit.kube.client import Client
    from reconcilekit.testing.apiserver.storage.folder import DataFolder
    from reconcilekit.testing.apiserver.wire.endpoint import Endpoint


class ApiServer:
    """A Kubernetes API server in pure Python, on a clock that is handed in.

    It is called straight (`transport`), over a loopback socket (`serve`), or both at once.

    Args:
        clock: for timestamps, time-outs and delays; its random source draws uids and fault probabilities.
        accept_loopback_endpoints: take EndpointSlices and Endpoints with loopback addresses, which a real server
            refuses.
        watch_history: events kept per kind; older versions are answered with 410. The real server keeps minutes.
        watch_history_bytes: of the replaced and deleted versions among them, as JSON; in memory they take two or three
            times as much. By default enough for all events of objects of 6 KiB, and less than big ones would take.
        refuse_old_watches: answer a watch at a compacted version with HTTP 410 at once, as some servers do, instead
            of 200 and an ERROR event.
        tokens: bearer tokens by user, or by the user's name; None, the default, asks nobody for any.
        authorization: "RBAC" makes roles and bindings decide who may do what, and brings the default ones.
        anonymous: take requests without a credential as system:anonymous'; by default only where there are no `tokens`.
        keep_requests: how many records `requests` keeps.
        start: a snapshot, of this or another server, to begin with; None, the default, begins with a fresh cluster.
        keys: another server's: the tokens and certificates that it has given are good here, too. None makes its own.
        data: a folder to go on from and to keep every change and the keys in, which `close` gives free; see
            `storage.folder`.
        housekeeping: which of a cluster's controllers it plays; None for the default ones, see `Housekeeping`.

    Raises:
        UnusableFolderError: `data` can't be made or written to.
        FolderInUseError: another server keeps its state in `data`.
        DamagedDataError: what `data` holds can't be read.
        ValueError: an argument can't be meant, such as two users with one token; says which.
        TypeError: an argument is of another type; says which, and what to pass.

    Attributes:
        access: who may do what.
        faults: what is done to which requests.
        requests: the latest requests, oldest first.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        accept_loopback_endpoints: bool = False,
        watch_history: int = 10_000,
        watch_history_bytes: int = 64 * 1024 * 1024,
        refuse_old_watches: bool = False,
        tokens: Mapping[str, str] | Mapping[User, str] | None = None,
        authorization: Authorization = "AlwaysAllow",
        anonymous: bool | None = None,
        keep_requests: int = 100_000,
        start: Snapshot | None = None,
        keys: Keys | None = None,
        data: Path | str | None = None,
        housekeeping: Housekeeping | None = None,
    ) -> None:
        # Every argument, the ones still to be invented included: what `fork` hands on.
        told = locals()
        server_arguments.check_options(told)
        its_own = ("self", "clock", "start", "keys", "data")
        self._options = {name: told[name] for name in told if name not in its_own}
        self._clock = clock
        self._keys = Keys(clock.random) if keys is None else keys.copy()
        self._folder = None if data is None else self._opened(Path(data))
        self._cluster = Cluster(
            clock=clock,
            admission=Admission(accept_loopback_endpoints=accept_loopback_endpoints),
            history=History(events=watch_history, size=watch_history_bytes),
            refuses_old_watches=refuse_old_watches,
            start=start,
            housekeeping=housekeeping,
            root_certificate=lambda: self._keys.root_certificate,
        )
        if self._folder is not None:
            self._cluster.keep_in(self._folder)
        try:
            self.access = Gate(
                self._cluster,
                clock=clock,
                keys=self._keys,
                tokens=tokens,
                authorization=authorization,
                anonymous=anonymous,
                goes_on=start is not None,
            )
        except BaseException:
            self.close()
            raise
        self.faults = Faults(clock.random)
        self.requests: collections.deque[RequestRecord] = collections.deque(maxlen=keep_requests)
        self._serving = Serving(
            cluster=self._cluster, gate=self.access, clock=clock, faults=self.faults, requests=self.requests
        )

    async def handle(self, request: Request, *, peer: User | None = None) -> Answer:
        """Answer one request.

        Args:
            request: as it came.
            peer: whom the connection's client certificate names.

        Raises:
            LostAnswerError: a fault breaks the connection.
            NotSentError: a fault lets no connection come about.
        """
        return await self._serving.handle(request, peer)

    def begin(self, request: Request, *, peer: User | None = None) -> Answer | Awaitable[Answer]:
        """Answer one request in one step; arguments as for `handle`.

        Returns:
            The answer; or, where a fault or a version of the future has it wait, what waits for it and raises as
            `handle` does.
        """
        return self._serving.begin(request, peer)

    def transport(
        self,
        user_agent: str = "",
        *,
        token: str = "",
        user: User | None = None,
        latency: Callable[[], float] | None = None,
    ) -> DirectTransport:
        """A transport that calls this server without a socket; see `DirectTransport`."""
        return DirectTransport(self, clock=self._clock, user_agent=user_agent, token=token, user=user, latency=latency)

    def client(
        self, name: str, *, user: User | None = None, token: str = "", latency: Callable[[], float] | None = None
    ) -> Client:
        """A client that calls this server without a socket; `name` is its field manager and its user agent.

        The other arguments are `DirectTransport`'s. Where RBAC decides, or anonymous requests are refused, `user` or
        `token` is needed: were it the administrator by default, a controller without a single permission would pass its
        tests. For system:anonymous make a `Client` over `transport()`.

        Raises:
            ValueError: it is told neither, where it would get nowhere.
        """
        from reconcilekit.kube.client import Client

        check_string("client", "the name", name)
        if user is None and not token:
            self.access.let_nobody_in(name)
        transport = self.transport(user_agent=name, token=token, user=user, latency=latency)
        return Client(transport, clock=self._clock, field_manager=name)

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False, limits: Limits | None = None
    ) -> AbstractAsyncContextManager[Endpoint]:
        """Listen on a socket.

        Args:
            host: where; others than loopback are told of on standard error.
            port: 0 takes a free one, which the endpoint tells.
            tls: by a certificate authority of the server's own; users may show client certificates. Needs the extra
                `testing`.
            limits: what it puts up with on the wire; None for what the real server does.

        Raises:
            AddressError: it can't listen there.
            TypeError, ValueError: an argument can't be meant; says which, and what to pass.
        """
        check_listening(host=host, port=port, tls=tls, limits=limits)
        from reconcilekit.testing.apiserver.wire.http import serve

        turns = self._cluster.turns
        return serve(self, gate=self.access, turns=turns, host=host, port=port, tls=tls, limits=limits or Limits())

    def objects(self, resource: Resource, *, namespace: str = "") -> list[dict[str, Any]]:
        """Fresh copies of the objects of a kind, in the order of lists; without a namespace those of all.

        Raises:
            KeyError: the kind isn't served.
            ValueError: a namespace is named, and the kind has none.
            TypeError: that is no kind.
        """
        served = self._kind_of("objects", resource, namespace)
        collection = self._cluster.storage.collection(served)
        chosen = [key for key in collection.sorted_keys() if not namespace or key.namespace == namespace]
        return [msgspec.json.decode(collection.objects[key].body(served)) for key in chosen]

    def object(self, resource: Resource, name: str, *, namespace: str = "") -> dict[str, Any] | None:
        """A fresh copy of one object, None where there is none.

        Raises:
            KeyError: the kind isn't served.
            ValueError: the kind is namespaced and no namespace is named, or the other way round.
            TypeError: that is no kind, or no name.
        """
        served = self._kind_of("object", resource, namespace)
        check_string("object", "the name", name)
        if served.is_namespaced and not namespace:
            raise ValueError(f"a {resource.kind} has a namespace: pass it, as in object(..., {name!r}, namespace=...)")
        stored = self._cluster.storage.collection(served).objects.get(ObjectKey(namespace, name))
        return None if stored is None else msgspec.json.decode(stored.body(served), type=dict[str, Any])

    def _kind_of(self, call: str, resource: Resource, namespace: str) -> ResourceType:
        check_resource(call, resource)
        served = self._cluster.registry.of(resource)
        if namespace and not served.is_namespaced:
            raise ValueError(f"a {resource.kind} has no namespace: leave namespace={namespace!r} away")
        return served

    @property
    def revision(self) -> int:
        """The latest resourceVersion."""
        return self._cluster.storage.revision

    @property
    def watches(self) -> list[WatchStream]:
        """The watches under way."""
        return self._cluster.watches.streams

    def count(self, *, method: str = "*", path: str = "*", status: int | None = None) -> int:
        """How many of the kept requests match.

        Args:
            method: one, or several with commas; "*" for all.
            path: a glob in which "*" matches slashes, too.
            status: of the answer, 0 for none (yet); None for any.

        Raises:
            TypeError, ValueError: an argument can't match any request; says which.
        """
        server_arguments.check_count(method=method, path=path, status=status)
        return sum(record.matches(method=method, path=path, status=status) for record in self.requests)

    def compact(self) -> None:
        """Forget the past: versions older than the present one are answered with 410."""
        self._cluster.storage.compact()

    def changes(self, after: int | None = None) -> list[Change]:
        """The change log, oldest first: what happened later than revision `after`, by default all that is known.

        Raises:
            CompactedError: not all of it is known any more (`watch_history`, `watch_history_bytes`, `compact`).
            ValueError: `after` lies in the future.
        """
        server_arguments.check_after(after)
        return [Change(event) for event in self._cluster.storage.changes(after)]

    def snapshot(self) -> Snapshot:
        """Everything as it stands: objects, their past, and the kinds; O(1), however much that is.

        Faults, lag, watches, records of requests and the clock's random source are no state: they stay as they are
        when a snapshot is restored.
        """
        return self._cluster.snapshot()

    def restore(self, snapshot: Snapshot, *, watches: Literal["close", "silent"] = "close") -> None:
        """Go back to a snapshot and its older resourceVersions, as a restore of etcd does; O(1).

        Controllers that are played look at their own objects again: Namespaces and definitions, and where workloads are
        played those of their kinds.

        Args:
            snapshot: of this or another server.
            watches: what becomes of those under way: closed, or open and silent until their version is passed again.

        Raises:
            ValueError: there is no such `watches`.
            UnusableFolderError: it can't be kept in `data`; everything stays as it is.
        """
        server_arguments.check_restore(snapshot, watches)
        self._cluster.restore(snapshot)
        self._settle_watches(watches)

    def rewind(self, revision: int, *, watches: Literal["close", "silent"] = "close") -> None:
        """Go back to how everything stood at a revision, and forget what happened later; costs what it undoes.

        Groups that are down and list keys that were told stay as they are.

        Args:
            revision: of the past.
            watches: see `restore`.

        Raises:
            CompactedError: not all that happened since is known any more; a snapshot reaches further.
            ValueError: it lies in the future, or there is no such `watches`.
            UnusableFolderError: it can't be kept in `data`; everything stays as it is.
        """
        server_arguments.check_rewind(revision, watches)
        self._cluster.rewind(revision)
        self._settle_watches(watches)

    def fork(self, *, clock: Clock | None = None) -> ApiServer:
        """A server with the same options that begins with this one's state and past, and goes its own way; O(1).

        It knows the tokens and certificates that this one has given. It has no faults, lag, watches and records of
        requests, and is kept in no folder.

        Args:
            clock: its own; by default this server's, and then they draw from one random source.
        """
        return ApiServer(clock=clock or self._clock, start=self.snapshot(), keys=self._keys, **self._options)

    def _settle_watches(self, watches: Literal["close", "silent"]) -> None:
        if watches == "close":
            for stream in self.watches:
                stream.end()

    def load(self, *paths: Path | str) -> None:
        """Apply the manifests in files and folders: YAML, JSON and Lists, definitions and namespaces first.

        They are applied server-side by the field manager "reconcilekit-load", which takes what others own, asks nobody
        for leave and meets no faults; loading them twice changes nothing but `managedFields` of objects that name no
        field, as on a real server. An object without a namespace goes to "default"; uid, resourceVersion, managedFields
        and status are left away. What comes before the object that raises is loaded.

        Raises:
            ManifestError: one can't be read or isn't taken; the message names its file and document.
            TypeError, ValueError: no path is given, or one is none or empty.
        """
        server_arguments.check_paths(paths)
        from reconcilekit.testing.apiserver.manifests.loading import load
        from reconcilekit.testing.apiserver.manifests.reading import read_manifests

        load(read_manifests(map(Path, paths)), lambda: self._cluster.registry, self._serving.dispatch)

    def close(self) -> None:
        """Sync what is kept in `data`, and give the folder free; without `data` there is nothing to do.

        Later changes aren't kept, so that they are refused with 500.
        """
        if self._folder is not None:
            self._keys.let_go()
            self._folder.close()

    def lag(self, plural: str, seconds: float | Callable[[], float]) -> None:
        """Hold back the watch events of a kind; their order within the kind stays.

        Args:
            plural: the kind's, as in its path.
            seconds: for which each event is held back, or what tells that of each; 0 ends it.

        Raises:
            ValueError: no kind with this plural is served, or the seconds are negative.
        """
        if all(served.plural != plural for served in self._cluster.registry.all()):
            raise ValueError(f"no kind with the plural {plural!r} is served; define it first")
        if not callable(seconds) and seconds < 0:
            raise ValueError(f"events can't be told {-seconds} s before they happen")
        self._cluster.watches.lag(plural, seconds if callable(seconds) else lambda: seconds)

    def take_down(self, group: str, version: str = "v1") -> None:
        """Make a group an aggregated API whose server is down: stale in discovery, 503 for everything else.

        Args:
            group: such as "metrics.k8s.io"; kinds of it need not be served.
            version: the version alone.

        Raises:
            ValueError: the group holds a version, or is "", which no server could be aggregated for.
        """
        if not group or "/" in group:
            raise ValueError(f"{group!r} is no group; pass the version apart: take_down('example.com', 'v1')")
        self._cluster.registry.down |= {(group, version)}

    def bring_up(self, group: str, version: str = "v1") -> None:
        """End what `take_down` began; a group without kinds of its own is gone from discovery, too."""
        self._cluster.registry.down -= {(group, version)}

    def tell_list_keys(self, resource: Resource, keys: Mapping[str, Any]) -> None:
        """Say how a kind's lists merge under server-side apply.

        Args:
            resource: a kind that is served already.
            keys: dotted paths, "[]" standing for a list's items, with the item's key fields, "set" or "atomic":
                ``{"spec.ports": ("port", "protocol")}``. They replace what was known of the kind.
        """
        check_resource("tell_list_keys", resource)
        self._cluster.registry.tell_list_keys(resource, keys)

    def __repr__(self) -> str:
        return f"<ApiServer revision={self.revision} watches={len(self.watches)} requests={len(self.requests)}>"

    def _opened(self, path: Path) -> DataFolder:
        from reconcilekit.testing.apiserver.storage.folder import DataFolder

        folder = DataFolder(path)
        try:
            self._keys.keep_in(path)
        except BaseException:
            folder.close()
            raise
        return folder
