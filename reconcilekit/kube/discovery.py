"""Which kinds the API server serves, and at what paths.

*Failed*, *stale* and *absent* are three different answers. A kind is called absent only where the documents that would
name it are whole and current: an aggregated API that is down is listed as stale and without resources, and who takes
that for absence deletes, or publishes a hole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import attrs

from reconcilekit.classification.answers import read_answer
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError, ConfigError, Operation, TransientError, WireError
from reconcilekit.kube.discovery_documents import (
    AGGREGATED_ACCEPT,
    ResourceInfo,
    UnreadableDocumentError,
    parse_root,
    parse_version,
    version_path,
)
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Transport

GRACE = 60.0
"""Seconds after the start, and after a kind was last seen, in which a missing kind is called transient: CRDs are
installed along with their controllers, and an API server that has just started lists its groups one by one."""

_ROOTS = ("/api", "/apis")


class DiscoveryFailedError(TransientError):
    """Discovery got no usable answer, so nothing is known of the kind."""


class StaleDiscoveryError(TransientError):
    """The kind's group is listed but its backend doesn't answer: the kind may well exist."""


class KindNotYetServedError(TransientError):
    """The kind is absent, but it is too early to say so: see `GRACE`."""


class KindAbsentError(ConfigError):
    """The API server doesn't serve the kind, and what says so is whole and current."""


@attrs.define
class _Catalog:
    """What one round of requests found.

    Attributes:
        infos: the kinds that are served, as far as they are known.
        current: the group versions of which every kind is known.
        stale: group versions whose backend doesn't answer.
        unread: group versions whose legacy document hasn't been asked for.
        failures: a root path or a group version -> why it couldn't be read.
    """

    infos: dict[Resource, ResourceInfo] = attrs.field(factory=dict)
    current: set[str] = attrs.field(factory=set)
    stale: set[str] = attrs.field(factory=set)
    unread: set[str] = attrs.field(factory=set)
    failures: dict[str, Exception] = attrs.field(factory=dict)

    def add(self, infos: Iterable[ResourceInfo]) -> None:
        for info in infos:
            # Where two resources share a kind the first one is the kind's own, as in client-go's mapper.
            self.infos.setdefault(info.resource, info)

    def is_proof_for(self, api_version: str) -> bool:
        """True where a kind of this group version, whose documents were read, isn't served if it isn't known."""
        group = _group(api_version)
        doubted = self.stale | self.failures.keys()
        return _root_of(api_version) not in self.failures and not any(_group(each) == group for each in doubted)

    def keep(self, known: Iterable[ResourceInfo]) -> None:
        """Take over from an earlier round what this one can neither confirm nor deny."""
        self.add(info for info in known if not self.is_proof_for(info.resource.api_version))


class Discovery:
    """Finds kinds, remembers them, and asks anew when one is missing.

    Calls that meet share one round of requests. A kind that was found once stays found while its group can't be read.

    Args:
        transport: the way to the API server.
        clock: measures the grace for kinds that are missing.
        grace: seconds; see `GRACE`.
    """

    def __init__(self, transport: Transport, clock: Clock, *, grace: float = GRACE) -> None:
        self._transport = transport
        self._clock = clock
        self._grace = grace
        self._started = clock.monotonic()
        self._catalog = _Catalog()
        self._last_seen: dict[Resource, float] = {}
        self._doubted: set[Resource] = set()
        self._rounds = 0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Discovery kinds={len(self._catalog.infos)} rounds={self._rounds}>"

    def cached(self, resource: Resource) -> ResourceInfo | None:
        """What is already known of the kind and not in doubt; None says nothing about the server."""
        return None if resource in self._doubted else self._catalog.infos.get(resource)

    def known(self, resource: Resource) -> ResourceInfo | None:
        """What was last found of the kind, also while it is in doubt; None where it was never found, or is gone."""
        return self._catalog.infos.get(resource)

    def doubt(self, resource: Resource) -> None:
        """The kind's own path was answered with 404: it is asked for anew before it is used again.

        It may be gone, or have moved: a definition that was made anew can have another plural or scope. What can't be
        read then stays as it was.
        """
        self._doubted.add(resource)

    async def find(self, resource: Resource) -> ResourceInfo:
        """The kind's paths and scope: from memory or, where it isn't known, from the server.

        Raises:
            DiscoveryFailedError: the server didn't answer, or with what can't be read.
            StaleDiscoveryError: the backend of the kind's group doesn't answer the API server.
            KindNotYetServedError: proven absent, but within the grace after the start or after it was last seen. An
                optional kind is given no grace after the start: its absence is nothing to wait for.
            KindAbsentError: proven absent.
        """
        info = self.cached(resource)
        if info is not None:
            return info
        await self._update(resource.api_version)
        return self._conclude(resource)

    async def _update(self, *api_versions: str) -> None:
        """One round of requests, unless one that was under way ended while this call waited for its turn."""
        rounds = self._rounds
        async with self._lock:
            if self._rounds == rounds:
                settled = set(self._doubted)
                catalog = await self._read_roots()
                known = {resource.api_version for resource in self._catalog.infos}
                await self._read_versions(catalog, known.union(api_versions))
                catalog.keep(self._catalog.infos.values())
                self._rounds += 1
                self._doubted -= settled
            else:
                catalog = self._catalog
                await self._read_versions(catalog, api_versions)
            self._adopt(catalog)

    def _adopt(self, catalog: _Catalog) -> None:
        self._catalog = catalog
        self._last_seen.update(dict.fromkeys(catalog.infos, self._clock.monotonic()))

    def _conclude(self, resource: Resource) -> ResourceInfo:
        catalog = self._catalog
        info = catalog.infos.get(resource)
        if info is not None:
            return info
        group = resource.group
        for path, cause in catalog.failures.items():
            if path == _root_of(resource.api_version) or (path not in _ROOTS and _group(path) == group):
                raise _failed(str(resource), path, cause, self._clock) from cause
        for api_version in sorted(catalog.stale):
            if _group(api_version) == group:
                raise StaleDiscoveryError(
                    f"{resource}: the backend of {api_version} doesn't answer the API server, so the kind may exist; "
                    f"see the APIService {_api_service(api_version)}"
                )
        raise self._absence(resource)

    def _absence(self, resource: Resource) -> Exception:
        versions = sorted(each for each in self._catalog.current if _group(each) == resource.group)
        served = f"of that group it serves {', '.join(versions)}" if versions else "it doesn't know the group either"
        message = (
            f"{resource}: the API server serves no such kind ({served}); install it or correct apiVersion and kind"
        )
        since = self._last_seen.get(resource, float("-inf") if resource.is_optional else self._started)
        if self._clock.monotonic() < since + self._grace:
            return KindNotYetServedError(message)
        return KindAbsentError("KindAbsent", message)

    async def _read_roots(self) -> _Catalog:
        catalog = _Catalog()
        for path in _ROOTS:
            try:
                root = parse_root(await self._get(path, accept=AGGREGATED_ACCEPT))
            except (ApiError, WireError, UnreadableDocumentError) as error:
                catalog.failures[path] = error
                continue
            catalog.add(root.infos)
            catalog.current |= root.current
            catalog.stale |= root.stale
            catalog.unread |= root.unread
        return catalog

    async def _read_versions(self, catalog: _Catalog, api_versions: Iterable[str]) -> None:
        """In the legacy form: the documents of the groups of these; one that fails dooms only its own group.

        Whole groups are read because a kind is only proven absent by every version of its group.
        """
        groups = {_group(each) for each in api_versions}
        for api_version in sorted(each for each in catalog.unread if _group(each) in groups):
            try:
                body = await self._get(version_path(api_version), accept="application/json")
                catalog.add(parse_version(api_version, body))
                catalog.current.add(api_version)
            except (ApiError, WireError, UnreadableDocumentError) as error:
                catalog.failures[api_version] = error
            catalog.unread.discard(api_version)

    async def _get(self, path: str, *, accept: str) -> bytes:
        request = Request(method="GET", path=path, headers={"accept": accept})
        response = await self._transport.send(request)
        if response.status in (400, 406) and accept is AGGREGATED_ACCEPT:
            return await self._get(path, accept="application/json")
        if response.status != 200:
            raise ApiError(
                response.status,
                body=response.body,
                headers=response.headers,
                operation=Operation(verb="get"),
                request=str(request),
            )
        return response.body


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _root_of(api_version: str) -> str:
    return "/apis" if _group(api_version) else "/api"


def _api_service(api_version: str) -> str:
    group, _, version = api_version.rpartition("/")
    return f"{version}.{group}"


def _failed(subject: str, path: str, cause: Exception, clock: Clock) -> DiscoveryFailedError:
    answer = read_answer(cause)
    return DiscoveryFailedError(
        f"{subject}: discovery couldn't read {path}: {cause}",
        retry_after=None if answer is None else answer.retry_after(clock),
    )
