"""The commit: what a run staged becomes so, in an order in which nobody sees a hole.

    validate and prepare all of it; creates and updates; publish; deletes; status

So a veto leaves nothing behind in the cluster, what a proxy still uses isn't deleted before the publish, and the status
speaks last. It stops at the first failure; the next run compares with what is there and goes on.

Kubernetes has no transaction over several objects. Every single write is conditional on the uid and the resourceVersion
that the view showed, so neither a straggler nor a stale view can overwrite what came later: a server-side timeout
bounds the answer, not the effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import attrs

from reconcilekit.cache.store import Change
from reconcilekit.cache.view import View
from reconcilekit.classification import (
    Classifier,
    is_already_exists,
    is_conflict,
    is_namespace_terminating,
    is_not_found,
    is_replaced,
)
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError, ConfigError, ConflictError, Operation, TransientError, WireError
from reconcilekit.kube.client import Client
from reconcilekit.kube.objects import OwnerReference, RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.comparison import NoOps, differs
from reconcilekit.runtime.encoding import copy_as_json, is_same_json
from reconcilekit.runtime.own_writes import OwnWrites, is_deletion
from reconcilekit.runtime.staging import Stage, StagedApply, StagedEvent
from reconcilekit.runtime.statuses import merge_conditions
from reconcilekit.state import PreparedStage


@attrs.frozen(kw_only=True)
class Primary:
    """The object of the key, as the view showed it, or with the finalizer that was added to it since."""

    resource: Resource
    key: ObjectKey
    raw: RawObject | None
    has_status_subresource: bool

    @property
    def is_deleting(self) -> bool:
        """True once its deletionTimestamp is set."""
        return self.raw is not None and self.raw.meta.deletion_timestamp is not None

    def seen_by(self, view: View, resource: Resource, key: ObjectKey) -> RawObject | None:
        """An object as the view has it, or this one as it is since its finalizer was added."""
        return self.raw if (resource, key) == (self.resource, self.key) else view.get(resource, key)

    def has_finalizer(self, name: str | None) -> bool:
        """True where the finalizer stands on it."""
        return self.raw is not None and name in (self.raw.meta.finalizers or ())


@attrs.frozen(kw_only=True)
class Plan:
    """What a commit will do, decided in one step; empty where all is as it should be."""

    remove_finalizer: str | None = None
    applies: tuple[tuple[StagedApply, RawObject | None], ...] = ()
    deletes: tuple[tuple[Resource, RawObject], ...] = ()
    state: PreparedStage | None = None
    status: dict[str, Any] | None = None
    events: tuple[StagedEvent, ...] = ()


@attrs.define
class Committed:
    """What a commit did, also where it stopped half-way.

    Attributes:
        quiet: objects whose echo tells the key nothing: the primary, and what was staged but not read.
        writes: how many requests changed something.
        echoes: what of `quiet` was written, with each resourceVersion that answered it.
        deleted: what of `quiet` was deleted, with its uid.
    """

    quiet: Collection[tuple[Resource, ObjectKey]] = frozenset()
    writes: int = 0
    echoes: set[tuple[Resource, ObjectKey, str]] = attrs.field(factory=set)
    deleted: dict[tuple[Resource, ObjectKey], str] = attrs.field(factory=dict)

    def is_echo(self, change: Change) -> bool:
        """True where the change is what this commit wrote, and tells the key nothing."""
        target, after = (change.resource, change.key), change.after
        if after is not None and (*target, after.meta.resource_version) in self.echoes:
            return True
        return target in self.deleted and is_deletion(change, self.deleted[target])


def plan_commit(
    primary: Primary,
    stage: Stage,
    *,
    view: View,
    no_ops: NoOps,
    clock: Clock,
    removes_finalizer: str | None = None,
) -> Plan:
    """Validate what was staged and decide the writes, all before the first of them is sent.

    Raises:
        VetoError: a validator of the StateStore refused.
        StagingError: the status has no JSON form.
        ConfigError: an object to be owned belongs to somebody else.
        TransientError: an object to be applied is being deleted, or is about to be: its owner is gone.
    """
    applies = []
    for staged in stage.applies.values():
        live = primary.seen_by(view, staged.resource, staged.key)
        if live is None or _needs_apply(staged, live, no_ops):
            applies.append((staged, live))
    deletes = [(resource, view.get(resource, key)) for resource, key in stage.deletes]
    status = None if removes_finalizer else new_status(primary, stage, clock=clock)
    return Plan(
        remove_finalizer=removes_finalizer,
        applies=tuple(applies),
        deletes=tuple((resource, live) for resource, live in deletes if live and not live.meta.deletion_timestamp),
        status=status,
        events=tuple(stage.events),
        # Last: what is prepared is reserved until it's committed or abandoned, so nothing may fail after it.
        state=None if stage.state is None else stage.state.prepare(),
    )


def _needs_apply(staged: StagedApply, live: RawObject, no_ops: NoOps) -> bool:
    if live.meta.deletion_timestamp is not None:
        raise TransientError(f"{staged.resource.kind} {staged.key} is being deleted; it's applied anew once it's gone")
    if staged.is_owned:
        _check_owner(staged, live)
    return differs(staged.desired, live) and not no_ops.is_known(staged.desired, live)


def _check_owner(staged: StagedApply, live: RawObject) -> None:
    ours = {reference["uid"]: reference for reference in staged.desired["metadata"]["ownerReferences"]}
    for other in live.meta.owner_references or ():
        if not other.controller or other.uid in ours:
            continue
        subject = f"{staged.resource.kind} {staged.key}"
        if any(_is_incarnation(other, reference) for reference in ours.values()):
            raise TransientError(
                f"{subject} belongs to an earlier {other.kind} {other.name} and is being collected; "
                "it's applied anew once it's gone"
            )
        raise ConfigError(
            "OwnedBySomebodyElse",
            f"{subject} is controlled by {other.kind} {other.name}; rename one of the two, or delete the object",
        )


def _is_incarnation(other: OwnerReference, reference: Mapping[str, Any]) -> bool:
    group = reference["apiVersion"].rpartition("/")[0]
    return (other.api_version.rpartition("/")[0], other.kind, other.name) == (
        group,
        reference["kind"],
        reference["name"],
    )


def new_status(primary: Primary, stage: Stage, *, clock: Clock) -> dict[str, Any] | None:
    """The status to be written, None where it says nothing new."""
    if primary.raw is None or (stage.status is None and not stage.conditions):
        return None
    live = primary.raw.decode_status()
    subject = f"the status of {primary.resource.kind} {primary.key}"
    status = dict(live) if stage.status is None else copy_as_json(stage.status, subject=subject)
    if stage.conditions:
        generation, now = primary.raw.meta.generation, clock.now()
        stated = [condition.as_object(generation=generation, now=now) for condition in stage.conditions.values()]
        status["conditions"] = merge_conditions(status.get("conditions") or [], stated)
    return None if is_same_json(status, live) else status


class Committer:
    """Carries out plans.

    Args:
        client: for the writes.
        own_writes: told of each write, and of each whose outcome isn't known.
        no_ops: told of each apply that changed nothing.
        classifier: gives a failed write its verdict.
    """

    def __init__(self, client: Client, *, own_writes: OwnWrites, no_ops: NoOps, classifier: Classifier) -> None:
        self._client = client
        self._own_writes = own_writes
        self._no_ops = no_ops
        self._classifier = classifier

    async def add_finalizer(self, primary: Primary, finalizer: str, committed: Committed) -> Primary:
        """Put the finalizer on a primary that lacks it; gives the primary as it then is.

        Raises:
            ReconcileError: the verdict on the write, which failed.
        """
        assert primary.raw is not None
        committed.quiet = {(primary.resource, primary.key)}
        answer = await self._set_finalizers(primary, primary.raw, committed, added=finalizer)
        if answer is None:
            # Not to be told in a status: there is none any more. The key runs again once the cache has seen that.
            self._own_writes.doubt(primary.key, primary.resource, primary.key)
            raise ConflictError(f"{primary.resource.kind} {primary.key} was deleted before its finalizer was added")
        return attrs.evolve(primary, raw=answer)

    async def commit(self, primary: Primary, plan: Plan, committed: Committed) -> None:
        """Write what the plan says, in its order.

        Args:
            primary: of the key.
            plan: from `plan_commit`.
            committed: what was done is entered here as it's done, so that it's known also after a failure.

        Raises:
            ReconcileError: the verdict on the first write that failed; nothing after it was sent.
        """
        try:
            base = primary.raw
            for staged, live in plan.applies:
                await self._apply(primary.key, staged, live, committed)
            if plan.state is not None:
                plan.state.commit()
            for resource, live in plan.deletes:
                await self._delete(primary.key, resource, live, committed)
            if plan.status is not None and base is not None:
                await self._write_status(primary, base, plan.status, committed)
            if plan.remove_finalizer is not None and base is not None:
                await self._set_finalizers(primary, base, committed, without=plan.remove_finalizer)
        finally:
            if plan.state is not None:
                plan.state.abandon()

    async def _set_finalizers(
        self, primary: Primary, base: RawObject, committed: Committed, *, added: str = "", without: str = ""
    ) -> RawObject | None:
        names = [name for name in base.meta.finalizers or () if name != without] + ([added] if added else [])
        patch = {"metadata": {"resourceVersion": base.meta.resource_version, "uid": base.meta.uid, "finalizers": names}}
        operation = Operation(verb="patch", role="primary", api_group=primary.resource.group)
        answer = await self._send(
            primary.key,
            primary.resource,
            primary.key,
            operation,
            lambda: self._client.merge_patch(primary.resource, primary.key, patch),
            gone_is_done=True,
        )
        if answer is not None and without and not names:
            # The last finalizer's removal deletes the object: its answer's version is never seen by a watch as such.
            self._own_writes.await_gone(primary.key, primary.resource, primary.key, base.meta.uid, until_removed=True)
            committed.writes += 1
        elif answer is not None:
            self._enter(primary.key, primary.resource, answer, base, committed)
        return answer

    async def _apply(self, key: ObjectKey, staged: StagedApply, live: RawObject | None, committed: Committed) -> None:
        metadata = dict(staged.desired["metadata"])
        if live is None:
            # 201 where nothing is, 409 where something is: "1" is no object's version.
            metadata["resourceVersion"] = "1"
        else:
            # The uid stops an apply from making an object anew, the version stops a straggler: so both.
            metadata["uid"], metadata["resourceVersion"] = live.meta.uid, live.meta.resource_version
        obj = {**staged.desired, "metadata": metadata}
        operation = Operation(verb="create" if live is None else "apply", role="child", api_group=staged.resource.group)
        answer = await self._send(
            key,
            staged.resource,
            staged.key,
            operation,
            lambda: self._client.apply(staged.resource, obj),
            namespace_going_is_done=live is None,
        )
        if answer is None:
            return
        if live is not None and answer.meta.resource_version == live.meta.resource_version:
            self._no_ops.remember(staged.desired, live)
        self._enter(key, staged.resource, answer, live, committed)

    async def _delete(self, key: ObjectKey, resource: Resource, live: RawObject, committed: Committed) -> None:
        operation = Operation(verb="delete", role="child", api_group=resource.group)
        uid, version = live.meta.uid, live.meta.resource_version

        async def delete() -> RawObject:
            await self._client.delete(resource, live.key, uid=uid, resource_version=version)
            return live

        if await self._send(key, resource, live.key, operation, delete, gone_is_done=True) is not None:
            committed.writes += 1
            is_quiet = (resource, live.key) in committed.quiet
            if is_quiet:
                committed.deleted[resource, live.key] = uid
            self._own_writes.await_gone(key, resource, live.key, uid, is_quiet=is_quiet)

    async def _write_status(
        self, primary: Primary, base: RawObject, status: dict[str, Any], committed: Committed
    ) -> None:
        obj = base.decode()
        obj["status"] = status
        operation = Operation(verb="update", role="primary", subresource="status", api_group=primary.resource.group)
        write = self._client.update_status if primary.has_status_subresource else self._client.update
        answer = await self._send(
            primary.key,
            primary.resource,
            primary.key,
            operation,
            lambda: write(primary.resource, obj),
            gone_is_done=True,
        )
        if answer is not None:
            self._enter(primary.key, primary.resource, answer, base, committed)

    def _enter(
        self, key: ObjectKey, resource: Resource, answer: RawObject, before: RawObject | None, committed: Committed
    ) -> None:
        if before is not None and before.meta.resource_version == answer.meta.resource_version:
            return
        committed.writes += 1
        is_quiet = (resource, answer.key) in committed.quiet
        if is_quiet:
            committed.echoes.add((resource, answer.key, answer.meta.resource_version))
        self._own_writes.wrote(key, resource, answer.key, answer.meta.resource_version, is_quiet=is_quiet)

    async def _send(
        self,
        key: ObjectKey,
        resource: Resource,
        object_key: ObjectKey,
        operation: Operation,
        write: Callable[[], Awaitable[RawObject]],
        *,
        gone_is_done: bool = False,
        namespace_going_is_done: bool = False,
    ) -> RawObject | None:
        """The answer, or None where the failure means that there's nothing to do."""
        try:
            return await write()
        except (ApiError, WireError) as error:
            if gone_is_done and is_not_found(error):
                return None
            if namespace_going_is_done and is_namespace_terminating(error):
                return None
            verdict = self._classifier.classify(error, operation=operation)
            stale = is_conflict(error) or is_already_exists(error) or is_replaced(error)
            if (
                stale
                or isinstance(verdict, ConflictError)
                or (isinstance(verdict, TransientError) and verdict.outcome_unknown)
            ):
                # What the object is now must be read live: AlreadyExists, too, may be the echo of our own lost create.
                self._own_writes.doubt(key, resource, object_key)
            raise verdict from error
