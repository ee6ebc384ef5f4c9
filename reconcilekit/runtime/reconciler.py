"""What a user writes: a class that says which kinds it looks at, and what follows from what it sees."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from reconcilekit.cache.store import Change
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.runtime.outcomes import Result

if TYPE_CHECKING:
    from reconcilekit.runtime.context import Context

Predicate = Callable[[Change], bool]
"""True where a change of a kind may wake a key. It must be a pure function of the change."""


class Wake(Protocol):
    """How a source wakes a key."""

    def __call__(self, key: ObjectKey, reason: str, /) -> None:
        """Run the key; `reason` appears in its log as it stands. From the event loop's thread only."""


class Source(Protocol):
    """Something outside the cluster that wakes keys: a queue, a webhook, a clock of another system."""

    @property
    def name(self) -> str:
        """For logs and health."""

    async def watch(self, wake: Wake) -> None:
        """Call `wake` for what happens, until cancelled. If it raises or returns, it's started again with backoff."""


class Reconciler:
    """Base class of every controller's logic; the class attributes declare what it may look at.

    A subclass sets `primary` and defines `reconcile`. Everything it reads comes from one frozen view, everything it
    decides is staged on `ctx`, and nothing but the finalizer leaves before `reconcile` has returned.

    Attributes:
        primary: the kind whose objects are the keys.
        owns: kinds that it creates. What `ctx.apply` stages gets the primary as its controller owner.
        reads: kinds that it looks at. Declared so that their caches are whole before the first run; what a run read of
            them is what wakes it.
        watches: sources outside the cluster.
        predicates: per kind, which of its changes may wake a key; default all. A change that is filtered out is still
            seen by the next run.
        finalizer: a name such as "example.com/cleanup". The framework adds it before anything else is written, calls
            `finalize` once the primary is being deleted, and removes it when that has succeeded.
        ready_condition: the type of the condition that a `ConfigError` sets to False; default "Ready". None sets none.
        publishes: it stages entries of the StateStore; the first publish after a start then waits for its keys.
        name: of the controller, in logs and metrics and before the names of what it owns in the StateStore: a DNS label
            such as "cert-renewal"; by default made from the class's name (CertificateReconciler is "certificate").
    """

    primary: ClassVar[Resource]
    owns: ClassVar[Sequence[Resource]] = ()
    reads: ClassVar[Sequence[Resource]] = ()
    watches: Sequence[Source] = ()
    predicates: ClassVar[Mapping[Resource, Predicate]] = {}
    finalizer: ClassVar[str | None] = None
    publishes: ClassVar[bool] = False
    ready_condition: ClassVar[str | None] = "Ready"
    name: str = ""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        # Not an inherited name: two controllers of one name can't be told apart in logs and metrics.
        if not cls.__dict__.get("name"):
            cls.name = _controller_name(cls.__name__)

    def reconcile(self, ctx: Context) -> Awaitable[Result | None] | Result | None:
        """Say what should be, given what `ctx` shows; a `def` or an `async def`.

        It runs again whenever something it read changes, and whenever a run failed; so it says the whole each time.
        A `def` runs in a thread of its own and may block; an `async def` must not.

        Args:
            ctx: the view, and the stage.

        Returns:
            None to wait for a change, or a `Result`.

        Raises:
            ConfigError: somebody must change something.
            TransientError: try again later, with backoff. Anything else is classified; what is unknown is transient.
        """
        raise TypeError(f"{type(self).__name__} has no reconcile(); define: def reconcile(self, ctx): ...")

    def finalize(self, ctx: Context) -> Awaitable[Result | None] | Result | None:
        """Clean up outside the cluster; called in place of `reconcile` once the primary is being deleted.

        Like `reconcile`, it may run more than once. A `Result` keeps the finalizer and comes back later; None says that
        all is clean, and the finalizer is removed.
        """
        raise TypeError(
            f"{type(self).__name__} sets finalizer but has no finalize(); define: def finalize(self, ctx): ..."
        )

    @property
    def declared(self) -> tuple[Resource, ...]:
        """Every kind it may look at, the primary first, each once."""
        return tuple(dict.fromkeys((self.primary, *self.owns, *self.reads)))


def generation_changed(change: Change) -> bool:
    """A predicate: pass over updates that touch neither spec nor deletion, such as another controller's status.

    It passes over nothing of kinds whose generation the server doesn't count, such as ConfigMap and Secret.
    """
    if change.before is None or change.after is None:
        return True
    before, after = change.before.meta, change.after.meta
    return (
        after.generation == 0
        or before.generation != after.generation
        or before.deletion_timestamp != after.deletion_timestamp
        or before.uid != after.uid
    )


def _controller_name(class_name: str) -> str:
    stem = class_name.removesuffix("Reconciler") or class_name
    return nearest_label(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", stem))


def nearest_label(name: str) -> str:
    """The nearest DNS label, "controller" where nothing is left of the name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "controller"
