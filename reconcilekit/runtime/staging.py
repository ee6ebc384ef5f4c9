"""What a run decided, held back until it has returned. Staging checks what it can at once and writes nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

import attrs

from reconcilekit.errors import BugError
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.statuses import StagedCondition
from reconcilekit.state import Stage as StateStage

_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]{0,1022}[A-Za-z0-9_])?")
"""What the API accepts as a condition's reason (metav1.Condition)."""


class StagingError(BugError):
    """A run staged something that can't be committed; the message says what to write instead."""


class RunClosedError(RuntimeError):
    """The run was abandoned (time limit, shutdown): it can neither read nor stage any more."""


@attrs.frozen(kw_only=True)
class StagedEvent:
    """A Kubernetes event about the primary, sent after the commit."""

    reason: str
    message: str
    is_warning: bool = False


@attrs.frozen(kw_only=True)
class StagedApply:
    """An object to be as it's said here; `desired` holds the fields to own, and the owner reference if it's owned."""

    resource: Resource
    key: ObjectKey
    desired: dict[str, Any]
    is_owned: bool


@attrs.define
class Stage:
    """Everything one run decided.

    Attributes:
        applies: objects to be so, in the order in which they were staged.
        deletes: objects to be gone.
        conditions: of the primary, by type.
        status: the primary's status as the run left it; None where it wasn't touched.
        events: to be sent after the commit.
        state: the entries of the StateStore; None where this controller publishes none.
    """

    applies: dict[tuple[Resource, ObjectKey], StagedApply] = attrs.field(factory=dict)
    deletes: dict[tuple[Resource, ObjectKey], None] = attrs.field(factory=dict)
    conditions: dict[str, StagedCondition] = attrs.field(factory=dict)
    status: dict[str, Any] | None = None
    events: list[StagedEvent] = attrs.field(factory=list)
    state: StateStage | None = None
    _is_closed: bool = False
    _lock: threading.Lock = attrs.field(factory=threading.Lock, repr=False)

    def check_open(self) -> None:
        """Raise RunClosedError where the run was abandoned."""
        if self._is_closed:
            raise RunClosedError("this run was abandoned: it overran its time limit, or its controller stops")

    def close(self) -> None:
        """Nothing more can be staged, and what was staged can't be committed."""
        with self._lock:
            self._is_closed = True
            if self.state is not None:
                self.state.close()

    def stage_apply(self, staged: StagedApply) -> None:
        """Add an object to be so.

        Raises:
            StagingError: it was staged before with other content, or to be deleted.
        """
        with self._lock:
            self.check_open()
            target = (staged.resource, staged.key)
            before = self.applies.get(target)
            if before is not None and before.desired != staged.desired:
                raise StagingError(
                    f"{staged.resource.kind} {staged.key} was staged twice with different content; stage it once"
                )
            if target in self.deletes:
                raise StagingError(
                    f"{staged.resource.kind} {staged.key} was staged to be deleted and to be applied; choose one"
                )
            self.applies[target] = staged

    def stage_delete(self, resource: Resource, key: ObjectKey) -> None:
        """Add an object to be gone.

        Raises:
            StagingError: it was staged to be applied.
        """
        with self._lock:
            self.check_open()
            if (resource, key) in self.applies:
                raise StagingError(f"{resource.kind} {key} was staged to be applied and to be deleted; choose one")
            self.deletes[resource, key] = None

    def stage_condition(self, condition: StagedCondition) -> None:
        """Add a condition; the last word on a type counts.

        Raises:
            StagingError: the reason isn't what the API accepts.
        """
        with self._lock:
            self.check_open()
            if not _REASON.fullmatch(condition.reason):
                raise StagingError(
                    f"condition {condition.type} has reason {condition.reason!r}; write a CamelCase word"
                )
            self.conditions[condition.type] = condition

    def state_entries(self, scope: str, *, controller: str) -> MutableMapping[str, object]:
        """This key's entries in a scope of the StateStore."""
        self.check_open()
        if self.state is None:
            raise StagingError(
                f"{controller} stages state in scope {scope!r} but doesn't say so; add to its class: publishes = True"
            )
        return self.state[scope]


def owner_reference(primary: Mapping[str, Any]) -> dict[str, Any]:
    """The controller reference to `primary`, blocking its foreground deletion as Kubernetes' own controllers do."""
    return {
        "apiVersion": primary["apiVersion"],
        "kind": primary["kind"],
        "name": primary["metadata"]["name"],
        "uid": primary["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
