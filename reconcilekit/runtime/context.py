"""What a reconcile is given: reads of one frozen view, and a stage for what follows from them.

Reads and stagings need no await, so the same context serves a `def` (in its thread) and an `async def`. Every read is
recorded: it's what wakes the key later.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from reconcilekit.cache.selection import LabelSelector, Selection
from reconcilekit.cache.store import Store
from reconcilekit.cache.view import View
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.dependencies import Reads
from reconcilekit.runtime.encoding import copy_as_json
from reconcilekit.runtime.live import LiveReader
from reconcilekit.runtime.staging import Stage, StagedApply, StagedEvent, StagingError, owner_reference
from reconcilekit.runtime.statuses import ConditionStatus, StagedCondition, merge_entries
from reconcilekit.state import ScopeSnapshot, StateSnapshot

Labels = str | Mapping[str, str] | LabelSelector


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a run is given by its controller; one object, so that it's passed on as one."""

    controller: str
    primary: Resource
    declared: Mapping[Resource, Store]
    applicable: Mapping[tuple[str, str], Resource]
    is_namespaced: Callable[[Resource], bool | None]
    view: View
    state: StateSnapshot
    live: LiveReader
    now: datetime
    log: Callable[[], logging.LoggerAdapter[logging.Logger]]


class Context:
    """One run's view and stage.

    Attributes:
        key: namespace and name of the primary.
        now: the wall clock's time when the run began, the same throughout; its passing wakes nobody.
    """

    def __init__(
        self, key: ObjectKey, *, primary: RawObject | None, surroundings: Surroundings, stage: Stage, reads: Reads
    ) -> None:
        self.key = key
        self.now = surroundings.now
        self._at = surroundings
        self._stage = stage
        self._reads = reads
        reads.objects[surroundings.primary, key] = primary
        self._raw = primary
        self._primary = None if primary is None else primary.decode()

    def __repr__(self) -> str:
        return f"<Context {self._at.controller} {self.key}>"

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry controller, key and reconcile id."""
        return self._at.log()

    # Reads

    @property
    def primary(self) -> dict[str, Any] | None:
        """The object of this key, the same dict at each access; None once it's gone."""
        return self._primary

    def get(
        self, resource: Resource, name: str, *, namespace: str | None = None, confirm: bool = True
    ) -> dict[str, Any] | None:
        """One object as the view has it: a fresh dict at each call, the same content however often it's asked for.

        Args:
            resource: a kind that the class declares.
            name: of the object.
            namespace: default the primary's; passed over for cluster-scoped kinds.
            confirm: have the server confirm that it's absent before anything is committed on that ground (one GET, and
                only where nothing is found). Watches of different kinds run apart, so a view can show an effect
                without its cause. False where a passing hole hurts nobody.

        Raises:
            StagingError: the kind isn't declared; names the line to add.
            KindNotSyncedError: its cache isn't whole.
        """
        keys = self._object_keys(resource, name, namespace)
        found = next(filter(None, (self._read(resource, key) for key in keys)), None)
        if found is None and confirm:
            self._reads.vain.add((resource, keys[0]))
        return None if found is None else found.decode()

    def select(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: Labels | None = None,
        index: tuple[str, str] | None = None,
        where: Callable[[dict[str, Any]], bool] | None = None,
        confirm: bool = True,
    ) -> list[dict[str, Any]]:
        """The objects that match, ordered by namespace and name.

        Args:
            resource: a kind that the class declares.
            namespace: None for all of the cache's scope.
            labels: a selector as kubectl writes it ("app=web,tier in (a,b)"), or a mapping of equalities.
            index: name and value of an index that was added to the store; ("owner", uid) is built in.
            where: a pure function of the object; such a selection is a scan of what the rest leaves.
            confirm: have the server confirm that there is none, where none is found and the server can evaluate it
                (namespace and labels). Selections by index or function are never confirmed.
        """
        store = self._store(resource)
        selection = Selection(namespace=namespace, labels=_selector(labels), index=index, where=where)
        self._stage.check_open()
        self._reads.selections.add((resource, selection))
        found = self._at.view.select(store.resource, selection)
        if not found and confirm and selection.is_evaluable_by_server:
            self._reads.vain.add((resource, selection))
        return [(self._seen(store.resource, obj.key) or obj).decode() for obj in found]

    def owned(self, resource: Resource) -> list[dict[str, Any]]:
        """The objects of this kind whose owner references name the primary; none once the primary is gone."""
        if self._primary is None:
            return []
        return self.select(resource, index=("owner", self._primary["metadata"]["uid"]))

    def read_state(self, scope: str) -> ScopeSnapshot:
        """A scope of the StateStore as it stood when the run began; its changes and new verdicts wake the key."""
        self._stage.check_open()
        self._reads.scopes.add(scope)
        return self._at.state[scope]

    @property
    def live(self) -> LiveReader:
        """Reads that go past the view to the server: not repeatable, and nothing that wakes this key."""
        self._stage.check_open()
        return self._at.live

    # Stagings

    def apply(self, obj: dict[str, Any], *, owned: bool = True) -> None:
        """Stage an object: its fields will be as they are here, and fields of ours that are no longer here go.

        Nothing is sent where nothing would change. `metadata.namespace` defaults to the primary's.

        Args:
            obj: apiVersion, kind, metadata.name and the fields to own; it is copied.
            owned: make the primary its controller owner, so that it's collected with it. Such an object stands in the
                primary's namespace. False for objects that outlive the primary; delete them in `finalize`.

        Raises:
            StagingError: no name, an undeclared kind, an owner in another namespace, no JSON form, or staged
                before otherwise.
        """
        resource, keys = self._identify(obj)
        key = keys[0]
        if "status" in obj:
            raise StagingError(
                f"{resource.kind} {key} was staged with a status, which its own controller alone writes; leave it out"
            )
        store = self._store(resource)
        desired = copy_as_json(obj, subject=f"{resource.kind} {key}")
        if key.namespace:
            desired["metadata"]["namespace"] = key.namespace
        if owned:
            desired["metadata"]["ownerReferences"] = self._owners(desired, resource, key)
        self._look_up(store, keys)
        self._stage.stage_apply(StagedApply(resource=store.resource, key=key, desired=desired, is_owned=owned))

    def delete(self, resource: Resource, name: str, *, namespace: str | None = None) -> None:
        """Stage that an object is gone; nothing is sent where the view has none.

        What the view shows is what is deleted: an object of that name that was made or changed since isn't.
        """
        keys = self._object_keys(resource, name, namespace)
        self._look_up(self._store(resource), keys)
        self._stage.stage_delete(resource, keys[0])

    def condition(self, type: str, status: ConditionStatus, *, reason: str, message: str = "") -> None:  # noqa: A002
        """Stage a condition of the primary; observedGeneration and lastTransitionTime are set for you.

        Args:
            type: "Ready", "Accepted", ...
            status: True, False or "Unknown".
            reason: a CamelCase word, for programs.
            message: a sentence, for people.
        """
        self._stage.stage_condition(StagedCondition(type=type, status=status, reason=reason, message=message))

    @property
    def status(self) -> dict[str, Any]:
        """The primary's status, to be changed as you like; what you leave in it is written if it says something new.

        Raises:
            StagingError: the primary is gone.
        """
        self._stage.check_open()
        if self._stage.status is None:
            status = self._require_primary("has a status").get("status") or {}
            self._stage.status = copy_as_json(status, subject=f"the status of {self.key}")
        return self._stage.status

    def status_entries(
        self, field: str, entries: Sequence[dict[str, Any]], *, mine: Callable[[dict[str, Any]], bool]
    ) -> None:
        """Stage this controller's entries of a list in the status that several controllers share.

        Args:
            field: the list's name in the status, such as "parents".
            entries: ours, whole; other controllers' entries stay as they are. Their conditions keep their transition
                times where their status didn't flip.
            mine: tells our entries from others', such as ``lambda e: e["controllerName"] == NAME``.
        """
        live = (self._require_primary("has a status").get("status") or {}).get(field) or []
        self.status[field] = merge_entries(live, copy.deepcopy(list(entries)), is_mine=mine)

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Stage a Kubernetes event about the primary; it's sent after the commit, and its loss fails nothing."""
        self._stage.check_open()
        self._stage.events.append(StagedEvent(reason=reason, message=message, is_warning=warning))

    def state(self, scope: str) -> MutableMapping[str, object]:
        """This key's entries in a scope of the StateStore, empty at first: what it doesn't stage again goes.

        The class says ``publishes = True``, so that the first publish after a start waits for its keys.
        """
        return self._stage.state_entries(scope, controller=self._at.controller)

    # How they're done

    def _store(self, resource: Resource) -> Store:
        store = self._at.declared.get(resource)
        if store is None:
            raise StagingError(
                f"{self._at.controller} uses {resource}, which it doesn't declare; add to its class: "
                f'reads = [Resource("{resource.api_version}", "{resource.kind}")]'
            )
        return store

    def _read(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        self._stage.check_open()
        store = self._store(resource)
        found = self._seen(store.resource, key)
        self._reads.objects[store.resource, key] = found
        return found

    def _seen(self, resource: Resource, key: ObjectKey) -> RawObject | None:
        # The primary is newer than the view where its finalizer has just been added, and the same in every read.
        return self._raw if (resource, key) == (self._at.primary, self.key) else self._at.view.get(resource, key)

    def _look_up(self, store: Store, keys: Sequence[ObjectKey]) -> None:
        self._stage.check_open()
        for key in keys:
            found = self._reads.staged[store.resource, key] = self._seen(store.resource, key)
            if found is not None:
                return

    def _object_keys(self, resource: Resource, name: str, namespace: str | None) -> tuple[ObjectKey, ...]:
        """Where the object stands, and the other place, in which that of a kind that is absent may come one day."""
        store = self._store(resource)
        given: object = name  # untyped callers hand in what their objects hold
        if not isinstance(given, str) or not given:
            raise StagingError(f"{resource.kind} is looked up by the name {name!r}; check the field that it comes from")
        is_namespaced = self._at.is_namespaced(resource)
        found = self.key.namespace if namespace is None else namespace
        if is_namespaced and not found:
            raise StagingError(
                f"{resource.kind} {name!r} is namespaced and {self._at.controller} isn't; say namespace="
            )
        places = (ObjectKey("", name), ObjectKey(found, name))
        first, other = places if is_namespaced is False else reversed(places)
        has_two = (is_namespaced is None or store.resource.is_optional) and first != other
        return (first, other) if has_two and store.scope.covers(other.namespace) else (first,)

    def _identify(self, obj: dict[str, Any]) -> tuple[Resource, tuple[ObjectKey, ...]]:
        metadata = obj.get("metadata") or {}
        name, version, kind = metadata.get("name"), obj.get("apiVersion"), obj.get("kind")
        if not (isinstance(name, str) and name and isinstance(version, str) and isinstance(kind, str)):
            raise StagingError(
                f"apply() needs apiVersion, kind and metadata.name, got {version!r}, {kind!r} and {name!r}; "
                "generateName can't be staged, since a lost answer would double the object"
            )
        resource = self._at.applicable.get((version, kind))
        if resource is None:
            raise self._inapplicable(version, kind, name)
        return resource, self._object_keys(resource, name, metadata.get("namespace"))

    def _inapplicable(self, version: str, kind: str, name: str) -> StagingError:
        try:
            resource = Resource(version, kind)
        except ValueError as error:
            return StagingError(f"apply() of {name!r}: {error}")
        return StagingError(
            f"{self._at.controller} applies {resource}, which it doesn't say; add to its class: "
            f'owns = [Resource("{version}", "{kind}")]'
        )

    def _owners(self, desired: dict[str, Any], resource: Resource, key: ObjectKey) -> list[dict[str, Any]]:
        primary = self._require_primary("owns things")
        if self.key.namespace and key.namespace != self.key.namespace:
            place = f"in namespace {key.namespace}" if key.namespace else "cluster-scoped"
            raise StagingError(
                f"{resource.kind} {key} is {place} and can't be owned by {self._at.primary.kind} {self.key}: "
                "an owner stands in its object's namespace; say owned=False, and delete it in finalize()"
            )
        others = [
            entry
            for entry in desired["metadata"].get("ownerReferences", ())
            if entry.get("uid") != primary["metadata"]["uid"]
        ]
        return [*others, owner_reference(primary)]

    def _require_primary(self, what: str) -> dict[str, Any]:
        if self._primary is None:
            subject = f"{self._at.primary.kind} {self.key}"
            raise StagingError(f"{subject} is gone, so nothing of it {what}; return when ctx.primary is None")
        return self._primary


def _selector(labels: Labels | None) -> LabelSelector | None:
    if labels is None or isinstance(labels, LabelSelector):
        return labels
    return LabelSelector.parse(labels) if isinstance(labels, str) else LabelSelector.from_mapping(labels)
