"""Ownership as the verbs see it: what a create, an update and an apply make of `metadata.managedFields`.

The order of the steps is that of k8s.io/apimachinery, `internal/fieldmanager.go`: what a client says of managedFields,
who owned the object before its first apply, the write itself, its time, and the cap on old updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.json_values import is_equal
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.kinds.traits import SIGNING_REQUESTS
from reconcilekit.testing.apiserver.ownership import checking, managers, scaling, types
from reconcilekit.testing.apiserver.ownership.conflicts import conflict
from reconcilekit.testing.apiserver.ownership.field_sets import FieldSet, difference, from_paths, without_all_below
from reconcilekit.testing.apiserver.ownership.last_applied import KUBECTL, forgiven, with_last_applied
from reconcilekit.testing.apiserver.ownership.managers import APPLY, UPDATE, Manager, Managers, Owned
from reconcilekit.testing.apiserver.ownership.types import Type
from reconcilekit.testing.apiserver.ownership.updater import ConflictError, Content, Updater, with_update
from reconcilekit.testing.apiserver.ownership.values import gained
from reconcilekit.testing.apiserver.ownership.zeros import zero_object

Entries = list[dict[str, Any]]

BEFORE_FIRST_APPLY = "before-first-apply"
"""Who owns what an object without managedFields had when it was first applied to."""

_NOBODYS_METADATA = frozenset(
    {
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)
_NOBODYS = from_paths(
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(("f:metadata", f"f:{name}") for name in _NOBODYS_METADATA),
)
"""What identifies an object, and what the server alone writes."""

_SPEC = from_paths(("f:spec",))
_STATUS = from_paths(("f:status",))
_CUSTOM_STATUS = from_paths(("f:spec",), ("f:metadata",))

_STATUS_RESETS: Mapping[tuple[str, str], FieldSet] = {
    ("apps", "deployments"): from_paths(("f:spec",), ("f:metadata", "f:labels")),
    ("", "pods"): from_paths(("f:spec",), ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")),
}
"""What writes to the status of a built-in kind can't change, where that is more than its spec."""


_UNRESET = ("ephemeralcontainers", "resize")
"""The subresources whose writers own whatever they send, taken or not."""

_REQUEST_RESETS: Mapping[str, FieldSet] = {
    "": from_paths(("f:spec",), ("f:status",)),
    "approval": from_paths(("f:spec",), ("f:status", "f:certificate")),
    "status": from_paths(("f:spec",), ("f:status", "f:conditions")),
}
"""What writes to a CertificateSigningRequest can't change, by subresource."""

Find = Callable[[str, str, str], ResourceType | None]
"""The kind behind a group, a version and a plural, None where it isn't served."""


@attrs.frozen(kw_only=True)
class Write:
    """One write, as ownership sees it.

    Attributes:
        served: the kind, in the version that the write was made in, or that it is stored in.
        face: the kind that the write was made in, where it is stored as another.
        manager: who writes.
        subresource: through which, "" for the object itself.
        time: now, as metadata has it.
    """

    served: ResourceType
    face: ResourceType | None = None
    manager: str
    subresource: str = ""
    time: str

    @property
    def asked(self) -> ResourceType:
        """The kind that the write was made in."""
        return self.face or self.served

    def identity(self, operation: str) -> Manager:
        """The entry that the write is tracked in."""
        return managers.identify(self.manager, operation, self.asked.api_version, self.subresource)


class Ownership:
    """Tracks who owns what, for every kind.

    Args:
        find: finds the other versions of a kind.
    """

    def __init__(self, find: Find) -> None:
        self._find = find
        self._types: WeakKeyDictionary[ResourceType, Type] = WeakKeyDictionary()

    def of_create(self, write: Write, content: Content, told: Sequence[Mapping[str, Any]] | None = None) -> Entries:
        """The entries of a new object.

        Args:
            write: the create.
            content: the object, defaults filled in.
            told: the managedFields that the client sent, None for none.
        """
        known = self._owners_before(write, {}, told) if told is not None else {}
        return self._updated(write, {}, content, known) if known else self._created(write, content)

    def of_update(
        self, write: Write, live: Content, content: Content, told: Sequence[Mapping[str, Any]] | None
    ) -> Entries:
        """The entries after an update or a patch.

        Args:
            write: the update.
            live: the object as it was.
            content: the object as the client wants it, defaults filled in; its managedFields aren't looked at.
            told: the managedFields that the client sent, None for none.
        """
        if write.subresource == "scale":
            # `of_scale` has told already.
            return [dict(entry) for entry in told or ()]
        known = self._owners_before(write, live, told)
        if not known:
            return []
        try:
            return self._updated(write, live, content, known)
        except checking.UnfitError:
            return [dict(entry) for entry in _entries(live)]

    def of_apply(self, write: Write, live: Content, config: Content, *, force: bool) -> tuple[Content, Entries]:
        """What an apply makes of an object, {} for none, and the entries then.

        The object is `live` itself where nothing in it changes.

        Raises:
            StatusError: 409 for conflicts, 500 for what doesn't fit the kind.
        """
        self._check(write, config)
        known = managers.decode(_entries(live))
        before = live
        if not known and live:
            known = self._before_first_apply(write, live)
        manager = write.identity(APPLY)
        start = _without_entries(live) or zero_object(write.served)
        new, after = self._apply_or_refuse(write, start, config, known, force=force)
        is_same = bool(before) and is_equal(start, new)
        if not is_same and manager in after:
            after[manager] = attrs.evolve(after[manager], time=write.time)
        result = before if is_same else new
        if write.manager == KUBECTL:
            result = with_last_applied(result, config, write.served)
        return result, managers.encode(after.items())

    def of_scale(
        self, write: Write, live: Content, before: Content, after: Content, replicas: scaling.Replicas
    ) -> Entries:
        """The entries of an object after an update or a patch of its scale.

        Args:
            write: the update, of the object's kind.
            live: the object as it was.
            before: its scale as it was.
            after: the scale as the client wants it.
            replicas: where the number of replicas stands in the kind's versions.
        """
        parents = managers.decode(_entries(live))
        known = scaling.to_scale(parents, replicas)
        if known:
            known = managers.capped(self._after_update(_of_scale(write), before, after, known))
        return managers.encode(scaling.to_object(parents, known, replicas, api_version=write.served.api_version))

    def scale_entries(self, live: Content, replicas: scaling.Replicas) -> Entries:
        """The entries of an object's scale; arguments as for `of_scale`."""
        return managers.encode(scaling.to_scale(managers.decode(_entries(live)), replicas).items())

    def of_scale_apply(
        self, write: Write, live: Content, before: Content, config: Content, replicas: scaling.Replicas, *, force: bool
    ) -> tuple[Content, Entries]:
        """What an apply makes of an object's scale, and the object's entries then; arguments as for `of_scale`.

        Raises:
            StatusError: as `of_apply`, and 500 for a custom kind whose replicas nobody owns, or are to change.
        """
        parents = managers.decode(_entries(live))
        of_scale = _of_scale(write)
        known = scaling.to_scale(parents, replicas)
        if not known:
            if write.served.is_custom:
                raise status.StatusError(500, _NO_SCALE)
            known = self._before_first_apply(of_scale, before)
        self._check(of_scale, config)
        new, after = self._apply_or_refuse(of_scale, before, config, known, force=force)
        if write.served.is_custom and not is_equal(before, new):
            raise status.StatusError(500, f"failed to convert new object ({described(SCALE, config)}) {_NO_VERSION}")
        owners = scaling.to_object(parents, after, replicas, api_version=write.served.api_version)
        return new, managers.encode(owners)

    def type_of(self, served: ResourceType) -> Type:
        """By which a kind's fields are told apart."""
        found = self._types.get(served)
        if found is None:
            found = self._types[served] = _type_of(served)
        return found

    def _owners_before(self, write: Write, live: Content, told: Sequence[Mapping[str, Any]] | None) -> Managers:
        if told is not None and told is not _entries(live) and not write.subresource:
            if managers.is_reset(told):
                return {}
            try:
                if known := managers.decode_told(told):
                    return known
            except managers.ManagedFieldsError:
                # A client that garbles them is one that doesn't mean them.
                pass
        return managers.decode(_entries(live))

    def _updated(self, write: Write, live: Content, content: Content, known: Managers) -> Entries:
        return managers.encode(managers.capped(self._after_update(write, live, content, known)).items())

    def _after_update(self, write: Write, live: Content, content: Content, known: Managers) -> Managers:
        version = write.asked.api_version
        start = _without_entries(live) or zero_object(write.served)
        manager = write.identity(UPDATE)
        # Its entry from before is one of the others: what the write takes from it, it gets back below.
        rest, taken = self._updater(write).update(start, _without_entries(content), version, known, _SELF)
        taken = difference(taken, _NOBODYS)
        return with_update(rest, manager, Owned(taken, version, write.time))

    def _created(self, write: Write, content: Content) -> Entries:
        """The same as `_updated` of nothing that nobody owns, in one walk through the object."""
        served = write.asked
        told = _ownable(_shown(content, served))
        found = gained(_shown(zero_object(write.served), served), told, self.type_of(served))
        owned = difference(without_all_below(found, _reset(served, write.subresource, served.api_version)), _NOBODYS)
        if not owned:
            return []
        return managers.encode([(write.identity(UPDATE), Owned(owned, served.api_version, write.time))])

    def _before_first_apply(self, write: Write, live: Content) -> Managers:
        first = attrs.evolve(write, manager=BEFORE_FIRST_APPLY)
        return self._after_update(first, {}, live, {})

    def _apply_or_refuse(
        self, write: Write, live: Content, config: Content, known: Managers, *, force: bool
    ) -> tuple[Content, Managers]:
        manager = write.identity(APPLY)
        try:
            new, after = self._applied(write, live, config, known, force=force)
        except ConflictError as error:
            raise conflict(error.conflicts) from error
        except checking.UnfitError as error:
            raise status.StatusError(500, str(error)) from error
        return new, self._stripped(after, manager) if manager in after else after

    def _applied(
        self, write: Write, live: Content, config: Content, known: Managers, *, force: bool
    ) -> tuple[Content, Managers]:
        updater, version, manager = self._updater(write), write.served.api_version, write.identity(APPLY)
        try:
            return updater.apply(live, config, version, known, manager, force=force)
        except ConflictError as error:
            rest = error.conflicts
            if write.manager == KUBECTL:
                rest = forgiven(rest, live, version, self.type_of(write.served))
            if rest:
                raise ConflictError(rest) from error
        return updater.apply(live, config, version, known, manager, force=True)

    def _stripped(self, after: Managers, manager: Manager) -> Managers:
        owned = after[manager]
        fields = difference(owned.fields, _NOBODYS)
        if not fields:
            return {other: its for other, its in after.items() if other != manager}
        return {**after, manager: attrs.evolve(owned, fields=fields)}

    def _check(self, write: Write, config: Content) -> None:
        found = checking.problems(config, self.type_of(write.served))
        if found:
            raise status.StatusError(
                500, f"failed to create typed patch object ({described(write.served, config)}): {found}"
            )

    def _check_fit(self, content: Content, served: ResourceType) -> None:
        """A custom object isn't changed for another version in which somebody owns some of it, so that it must fit."""
        if found := checking.problems(content, self.type_of(served)):
            raise checking.UnfitError(found)

    def _updater(self, write: Write) -> Updater:
        served = write.served

        def kind_of(api_version: str) -> Type | None:
            if api_version == write.asked.api_version:
                return self.type_of(write.asked)
            group, _, version = api_version.rpartition("/")
            # What is owned in another group, though it is stored as the same, isn't known any more.
            other = self._find(group, version, served.plural) if group == write.asked.group else None
            return None if other is None else self.type_of(other)

        def reset(api_version: str) -> FieldSet:
            return _reset(served, write.subresource, api_version)

        def shown(content: Content, api_version: str) -> Content:
            group, _, version = api_version.rpartition("/")
            other = self._find(group, version, served.plural)
            if served.is_custom and other is not None and api_version != served.api_version:
                self._check_fit(content, other)
            return content if other is None else _shown(content, other)

        return Updater(kind_of=kind_of, reset=reset, shown=shown)


def _shown(content: Content, served: ResourceType) -> Content:
    return served.face.shown(content) if served.face is not None and content else content


_SELF = Manager("current-operation", "")


SCALE = ResourceType(
    group="autoscaling",
    version="v1",
    kind="Scale",
    plural="scales",
    singular="scale",
    is_namespaced=True,
    definition="io.k8s.api.autoscaling.v1.Scale",
)
"""What the subresource speaks, whatever its object is."""

_NO_VERSION = "to proper version: request to convert CR to an invalid group/version: autoscaling/v1"
"""Why the real server can't own a custom kind's scale."""

_NO_SCALE = (
    "failed to create manager for existing fields: failed to convert live object (/; autoscaling/v1, Kind=Scale) "
    + _NO_VERSION
)


def described(served: ResourceType, content: Mapping[str, Any]) -> str:
    """An object as messages about applies name it."""
    metadata = content.get("metadata") or {}
    namespace, name = (told if isinstance(told := metadata.get(part), str) else "" for part in ("namespace", "name"))
    return f"{namespace}/{name}; {served.group}/{served.version}, Kind={served.kind}"


def _of_scale(write: Write) -> Write:
    return attrs.evolve(write, served=SCALE, subresource="scale")


def _reset(served: ResourceType, subresource: str, api_version: str) -> FieldSet:
    if not served.has_status or subresource in _UNRESET:
        return {}
    if served.storage_key == SIGNING_REQUESTS:
        return _REQUEST_RESETS.get(subresource, _SPEC)
    if subresource == "status":
        if served.is_custom:
            return _CUSTOM_STATUS
        return _STATUS_RESETS.get(served.storage_key, _SPEC)
    return _STATUS if api_version == served.api_version else {}


def _type_of(served: ResourceType) -> Type:
    if served.is_told:
        return types.of_shape(served.shape)
    if served.is_custom or served.openapi:
        return types.of_schema(served.openapi)
    return types.of_definition(served.definition) if served.definition else types.DEDUCED


def is_same_but_for_times(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """True if two lists of entries tell of the same ownership."""
    if len(one) != len(other):
        return False
    return all(_untimed(a) == _untimed(b) for a, b in zip(one, other, strict=True))


def _untimed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "time"}


def _entries(content: Content) -> Sequence[Mapping[str, Any]]:
    return (content.get("metadata") or {}).get("managedFields") or ()


def _ownable(content: Content) -> Content:
    """An object without what is nobody's: half of the fields of a small one."""
    found = dict(content)
    found.pop("apiVersion", None)
    found.pop("kind", None)
    if metadata := found.get("metadata"):
        found["metadata"] = {name: value for name, value in metadata.items() if name not in _NOBODYS_METADATA}
    return found


def _without_entries(content: Content) -> Content:
    metadata = content.get("metadata")
    if not metadata or "managedFields" not in metadata:
        return content
    return {**content, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}
