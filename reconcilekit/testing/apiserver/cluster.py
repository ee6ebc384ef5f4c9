"""The server's state, and what one write does to others: definitions make kinds, controllers follow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.clock import Clock
from reconcilekit.testing.apiserver.crd.definitions import acceptance
from reconcilekit.testing.apiserver.housekeeping.beginnings import first_objects, service_addresses
from reconcilekit.testing.apiserver.housekeeping.cluster import TokenMaker
from reconcilekit.testing.apiserver.housekeeping.housekeeper import Housekeeper
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from reconcilekit.testing.apiserver.kinds.faces import Face
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.ownership.tracking import Ownership
from reconcilekit.testing.apiserver.pacing import Turns
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.storage import Event, History, Storage, StorageSnapshot, Stored
from reconcilekit.testing.apiserver.storage.watch_hub import WatchHub
from reconcilekit.testing.apiserver.writing.addresses import SERVICES
from reconcilekit.testing.apiserver.writing.admission import Admission
from reconcilekit.testing.apiserver.writing.classes import Classes
from reconcilekit.testing.apiserver.writing.preconditions import Target
from reconcilekit.testing.apiserver.writing.quotas import Quotas
from reconcilekit.testing.apiserver.writing.settling import Settling
from reconcilekit.testing.apiserver.writing.writes import Check, Outcome, Transform, Writer

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.storage.folder import DataFolder

_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


@attrs.frozen(kw_only=True)
class Snapshot:
    """The whole state of a server at one revision: what `ApiServer.restore` goes back to and forks begin with.

    Attributes:
        kept_for: by which controllers, with which root certificate; None where they have something to try again.
    """

    storage: StorageSnapshot
    registry: Registry
    kept_for: tuple[Housekeeping, str] | None = None


class Cluster:
    """Storage, kinds and watches, and the writes that keep them in step.

    Args:
        clock: of everything.
        admission: the checks.
        history: kept of each kind.
        refuses_old_watches: a watch at a compacted version gets HTTP 410, not an ERROR event; some servers do.
        start: the state to begin with; None for a fresh cluster's.
        housekeeping: which controllers are at work; None for the default ones.
        root_certificate: tells what clients inside the cluster trust, in PEM; "" while there is no TLS.

    Attributes:
        resume: has the controllers go on where no timer counts for them: on the way of every request, so without a
            method in between.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        admission: Admission,
        history: History,
        refuses_old_watches: bool,
        start: Snapshot | None = None,
        housekeeping: Housekeeping | None = None,
        root_certificate: Callable[[], str] = str,
    ) -> None:
        self.clock = clock
        self.admission = admission
        self.refuses_old_watches = refuses_old_watches
        self.registry = Registry() if start is None else start.registry
        self.make_token: TokenMaker | None = None
        self.root_certificate = root_certificate
        self.storage = Storage(clock=clock, history=history, listener=self._changed)
        self.turns = Turns()
        self.watches = WatchHub(clock=clock, turns=self.turns, revision=lambda: self.storage.revision)
        namespaces = self.registry.find("", "v1", "namespaces")
        assert namespaces is not None
        self._namespaces: ResourceType = namespaces
        housekeeping = self._housekeeping = housekeeping or Housekeeping()
        self._addresses = service_addresses(self, housekeeping)
        self.ownership = Ownership(self._served)
        quotas = self.registry.find("", "v1", "resourcequotas")
        assert quotas is not None
        settling = Settling(
            storage=self.storage,
            admission=admission,
            addresses=self._addresses,
            classes=Classes(self.storage, self._served),
            quotas=Quotas(self.storage, quotas),
        )
        self._writer = Writer(self.storage, admission, settling, namespaces, self.ownership)
        self._housekeeper = Housekeeper(self, clock, housekeeping)
        self.resume = self._housekeeper.resume
        self._is_going_on = start is not None
        if start is not None:
            self.restore(start)
        if start is None or (start.kept_for is not None and start.kept_for[0] != housekeeping):
            self._make_first_objects()

    def _served(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The kind as it is served now: the registry is another one after a restore."""
        return self.registry.find(group, version, plural)

    def create(self, target: Target, obj: dict[str, Any], check: Check | None = None) -> Outcome:
        """See `Writer.create`."""
        if (face := target.served.face) is not None:
            target, obj = self._behind(target, face), face.filled(obj)
        return self._after(target, self._writer.create(target, obj, check))

    def asked(self, target: Target, obj: dict[str, Any], check: Check) -> Outcome:
        """See `Writer.asked`."""
        return self._writer.asked(target, obj, check)

    def replace(self, target: Target, obj: dict[str, Any], check: Check | None = None) -> Outcome:
        """See `Writer.replace`."""
        if (face := target.served.face) is not None:
            target, obj = self._behind(target, face), face.filled(obj)
        return self._after(target, self._writer.replace(target, obj, check))

    def patch(self, target: Target, transform: Transform, check: Check | None = None) -> Outcome:
        """See `Writer.patch`."""
        if (face := target.served.face) is not None:
            target, transform = self._behind(target, face), face.transforming(transform)
        return self._after(target, self._writer.patch(target, transform, check))

    def apply(self, target: Target, config: dict[str, Any], check: Check | None = None) -> Outcome:
        """See `Writer.apply`."""
        if (face := target.served.face) is not None:
            target, config = self._behind(target, face), face.stored(config)
        return self._after(target, self._writer.apply(target, config, check))

    def delete(self, target: Target, options: Mapping[str, Any]) -> Outcome:
        """See `Writer.delete`."""
        return self._after(target, self._writer.delete(target, options))

    def snapshot(self) -> Snapshot:
        """Everything as it stands; O(1)."""
        kept_for = self._kept_for() if self._housekeeper.is_settled else None
        return Snapshot(storage=self.storage.snapshot(), registry=self.registry.copy(), kept_for=kept_for)

    def restore(self, snapshot: Snapshot) -> None:
        """Everything as it stood; no watch is told."""
        self.storage.restore(snapshot.storage)
        self.watches.clear()
        self.registry = snapshot.registry.copy()
        self._start_over(unsettled=() if snapshot.kept_for == self._kept_for() else None)

    def rewind(self, revision: int) -> None:
        """Everything as it stood at a revision; no watch is told.

        Raises:
            CompactedError: not all that has happened since is known any more.
            ValueError: it lies in the future.
        """
        is_settled = self._housekeeper.is_settled
        undone = self.storage.rewind(revision)
        self.watches.clear()
        for event in undone:
            if event.served.storage_key == _DEFINITIONS:
                self._follow_back(event)
        kinds = {event.served.storage_key for event in undone}
        self._start_over(unsettled=kinds if is_settled else None)

    def follow_root_certificate(self) -> None:
        """Hand out the authority's certificate, which is another one than before."""
        self._housekeeper.follow_root_certificate()

    def keep_in(self, folder: DataFolder) -> None:
        """Go on from what the folder holds, and keep there what happens; an empty folder begins with this state.

        The folder's server may have been one of fewer controllers: first objects that it doesn't have are made.

        Raises:
            DamagedDataError: what it holds doesn't fit together.
            UnusableFolderError: it can't be written to.
        """
        from reconcilekit.testing.apiserver.storage.recovery import recover

        try:
            self._is_going_on |= folder.kept is not None
            if folder.kept is not None:
                recover(folder.kept, self.storage, self.registry)
            folder.begin(self.storage.snapshot)
            self.storage.journal = folder
            self._start_over()
            self._make_first_objects()
        except BaseException:
            folder.close()
            raise

    def _make_first_objects(self) -> None:
        """Make those that aren't there, as the real server's controllers do at each start."""
        for target, obj in first_objects(self.registry, self._housekeeping):
            if target.key not in self.storage.collection(target.served).objects:
                self._make_first_object(target, obj)
        self._housekeeper.begin()

    def _make_first_object(self, target: Target, obj: dict[str, Any]) -> None:
        try:
            self._writer.create(target, obj)
        except StatusError as error:
            # Somebody else has its address by now, or its namespace is going.
            is_taken = error.code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.FORBIDDEN)
            if not (is_taken and self._is_going_on):
                raise

    def _behind(self, target: Target, face: Face) -> Target:
        """The same, at the kind that this face is stored as."""
        stored = self.registry.find(*face.behind)
        assert stored is not None
        return attrs.evolve(target, served=stored, face=target.served)

    def _kept_for(self) -> tuple[Housekeeping, str]:
        return self._housekeeping, self.root_certificate()

    def _start_over(self, *, unsettled: Collection[tuple[str, str]] | None = None) -> None:
        self._addresses.start_over()
        self._housekeeper.start_over(unsettled=unsettled)

    def _follow_back(self, event: Event) -> None:
        if event.before is not None and acceptance.is_established(event.before.content):
            self._define(event.before.content)
        elif event.after is not None:
            self.registry.undefine(event.after.content)

    def _changed(self, key: tuple[str, str], event: Event) -> None:
        self.watches.publish(key, event)
        if key == SERVICES:
            self._addresses.notice(event)
        self._housekeeper.notice(key, event)

    def _after(self, target: Target, outcome: Outcome) -> Outcome:
        if target.is_dry_run:
            return outcome
        if target.served.storage_key == _DEFINITIONS:
            if outcome.is_gone or not target.subresource:
                self._follow_definition(target, outcome)
            elif acceptance.is_established(outcome.stored.content):
                self._define(outcome.stored.content)
        self._housekeeper.settle()
        return outcome

    def _follow_definition(self, target: Target, outcome: Outcome) -> None:
        definition = outcome.stored.content
        if outcome.is_gone:
            spec = definition["spec"]
            for version in spec["versions"]:
                served = self.registry.find(spec["group"], version["name"], spec["names"]["plural"])
                if served is not None:
                    self.storage.drop(served)
                    self.watches.end(served.storage_key)
            self.registry.undefine(definition)
        else:
            self._review_definition(target.served, outcome.stored)
        for other in self._definitions(target.served, definition["spec"]["group"]):
            if other.key != outcome.stored.key:
                self._review_definition(target.served, other)

    def _review_definition(self, served: ResourceType, stored: Stored) -> None:
        definition = stored.content
        group = definition["spec"]["group"]
        others = [other.content for other in self._definitions(served, group) if other.key != stored.key]
        time = self.storage.timestamp()
        reviewed = acceptance.reviewed(definition, acceptance.taken_by(others, group), time)
        definition = self._with_status(served, stored, definition, reviewed)
        if (established := acceptance.established(definition, time)) is not None:
            definition = self._with_status(served, stored, definition, established)
        if acceptance.is_established(definition):
            self._define(definition)

    def _define(self, definition: dict[str, Any]) -> None:
        from reconcilekit.testing.apiserver.storage.definitions import define

        define(definition, self.registry, self.storage)

    def _with_status(
        self, served: ResourceType, stored: Stored, definition: dict[str, Any], status: dict[str, Any]
    ) -> dict[str, Any]:
        if status != definition.get("status"):
            target = Target(served=served, key=stored.key, subresource="status", manager="kube-apiserver")
            self._writer.patch(target, lambda live: {**live, "status": status})
        return {**definition, "status": status}

    def _definitions(self, served: ResourceType, group: str) -> list[Stored]:
        stored = self.storage.collection(served).objects.values()
        return [definition for definition in stored if definition.content["spec"]["group"] == group]
