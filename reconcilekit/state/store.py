"""`StateStore`: in-memory state that switches from one whole snapshot to the next, for any number of consumers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from reconcilekit.state.content import Diff, ScopeOptions, diff
from reconcilekit.state.engine import Engine, Listener
from reconcilekit.state.errors import StateError
from reconcilekit.state.publication import Subscriber
from reconcilekit.state.publisher import Link
from reconcilekit.state.scope import ScopeState
from reconcilekit.state.snapshot import ScopeSnapshot, ScopeVersion, StateSnapshot
from reconcilekit.state.staging import Stage


class StateStore:
    """Scopes of named entries; what is staged becomes visible whole or not at all.

    Thread safe, and needs neither an event loop nor a cluster. Reading takes no lock. A commit copies the entries of
    the scopes it changes shallowly, some 50 us for 10,000 of them.

    Args:
        history: how many versions each scope keeps, and how many contents that all its subscribers accepted; 10
            by default, since each holds a table of all its entries.
        options: for scopes that get none of their own.
        log: where failing listeners, subscribers and validators are reported.
    """

    def __init__(
        self, *, history: int = 10, options: ScopeOptions | None = None, log: logging.Logger | None = None
    ) -> None:
        if history < 1:
            raise StateError(f"history is {history}: keep at least 1 version")
        self._engine = Engine(
            history=history, options=options or ScopeOptions(), log=log or logging.getLogger("reconcilekit.state")
        )

    def __repr__(self) -> str:
        root = self._engine.root
        return f"<StateStore sequence={root.sequence} scopes={len(root.scopes)} is_held={root.is_held}>"

    def scope(self, name: str, *, options: ScopeOptions | None = None) -> Scope:
        """Return the scope of that name, made on first use.

        Raises:
            StateError: it exists with other options.
        """
        with self._engine.guard:
            self._engine.state(name, options)
        return Scope(self._engine, name)

    def stage(self, *, owner: str = "", replace: bool = False) -> Stage:
        """Return a stage for what `owner` wants changed.

        Args:
            owner: whose entries these are, such as a key's ``namespace/name``; "" for those of nobody in particular.
            replace: what is staged is all that the owner has, in every scope; whatever else it owns goes. That is
                what a reconcile means.
        """
        return Stage(self._engine, owner, self._engine.root, replace=replace)

    def snapshot(self) -> StateSnapshot:
        """Return all scopes as they are at one instant; takes no lock and copies nothing."""
        return self._engine.root

    def remove_owner(self, owner: str) -> None:
        """Remove all entries of an owner that is gone; nobody waits for it any more.

        Raises:
            VetoError: a validator refuses the content without them; nothing was removed.
            StageBusyError: it collides with what another owner has prepared.
        """
        with self.stage(owner=owner, replace=True):
            pass
        self._engine.report(owner)

    def remove_scope(self, name: str) -> None:
        """Forget a scope without entries and subscribers; one of that name later never reuses its versions.

        Raises:
            StateError: it is in use.
        """
        self._engine.remove_scope(name)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each `StateChange` from now on, in order; return what ends that.

        It is called without locks, on whatever thread caused the change or is delivering already, and should be quick.
        """
        with self._engine.guard:
            self._engine.listeners = (*self._engine.listeners, listener)

        def stop() -> None:
            with self._engine.guard:
                self._engine.listeners = tuple(each for each in self._engine.listeners if each is not listener)

        return stop

    @property
    def is_held(self) -> bool:
        """True while no scope may publish, because somebody expected after the start hasn't reported."""
        return self._engine.root.is_held

    @property
    def waiting_for(self) -> frozenset[str]:
        """The owners that all scopes wait for."""
        return self._engine.root.waiting_for

    def hold(self) -> None:
        """Let no scope publish until a matching `expect` says whom to wait for; call it before anything is staged.

        Several parties can hold; each answers with one `expect`.

        Raises:
            StateError: the store has been released already.
        """
        self._engine.change_hold(lambda hold: hold.hold())

    def expect(self, owners: Iterable[str]) -> None:
        """Let no scope publish until each of these owners has reported.

        Raises:
            StateError: the store has been released already.
        """
        listed = tuple(owners)
        self._engine.change_hold(lambda hold: hold.expect(listed))

    def report(self, owner: str) -> None:
        """Note that `owner` has finished a run, done or for a user to mend, or has its entries from elsewhere.

        Counts for the store and for every scope that waits for it. Owners that nobody waits for may report, too.
        """
        self._engine.report(owner)


class Scope:
    """A handle on one scope of a store; cheap, and as good as any other of that name."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def __repr__(self) -> str:
        snapshot = self.snapshot()
        return (
            f"<Scope {self.name!r} version={snapshot.version} entries={len(snapshot)} "
            f"subscribers={len(snapshot.subscribers)} quarantined={len(snapshot.quarantined)}>"
        )

    def snapshot(self) -> ScopeSnapshot:
        """Return the scope as it is; to read several at one instant take the store's."""
        return self._engine.root[self.name]

    def subscribe(self, subscriber: Subscriber) -> Subscription:
        """Connect a consumer: it is offered the present content, whole, and each later one.

        A scope's subscribers are replicas of one consumer: what one of them refuses is put back for all.
        """
        with self._engine.step() as step:
            state = self._engine.state(self.name)
            link = state.publisher.connect(subscriber, step.touch(state).outcome)
        return Subscription(self._engine, state, link)

    @property
    def is_held(self) -> bool:
        """True while nothing is published because the first publication wouldn't be whole."""
        return self.snapshot().is_held

    @property
    def waiting_for(self) -> frozenset[str]:
        """The owners that haven't reported since the start, this scope's and the whole store's."""
        return self.snapshot().waiting_for

    def hold(self) -> None:
        """Publish nothing until a matching `expect` says whom to wait for.

        Raises:
            StateError: the scope's own hold has been released already.
        """
        self._engine.change_hold(lambda hold: hold.hold(), self.name)

    def expect(self, owners: Iterable[str]) -> None:
        """Publish nothing until each of these owners has reported.

        Raises:
            StateError: the scope's own hold has been released already.
        """
        listed = tuple(owners)
        self._engine.change_hold(lambda hold: hold.expect(listed), self.name)

    def report(self, owner: str) -> None:
        """Note for this scope alone that `owner` has had its say."""
        self._engine.change_hold(lambda hold: hold.report(owner), self.name)

    def history(self) -> tuple[ScopeVersion, ...]:
        """Return the versions that are kept, the oldest first."""
        with self._engine.guard:
            return tuple(self._engine.state(self.name).desired.history)

    def diff(self, old: int, new: int | None = None) -> Diff:
        """Return how the desired content of version `new` (by default the present one) differs from that of `old`.

        Raises:
            StateError: history doesn't have one of them any more.
        """
        versions = {version.version: version.entries for version in self.history()}
        wanted = (old, max(versions, default=0) if new is None else new)
        for version in wanted:
            if version not in versions:
                kept = f"{min(versions)} to {max(versions)}" if versions else "none"
                raise StateError(f"scope {self.name!r} has no version {version}: it keeps {kept}")
        return diff(versions[wanted[0]], versions[wanted[1]])

    def rollback(self, *, reason: str, to: int | None = None) -> None:
        """Publish an earlier content that all subscribers had accepted; what differs counts as refused.

        The desired content stays as it is. Each unit is published again once its content changes, or by `retry`.

        Args:
            reason: for the verdicts of what is put back.
            to: the desired version that the content was made of; by default the last accepted one other than what is
                published now.

        Raises:
            StateError: no such content is known.
        """
        with self._engine.step() as step:
            state = self._engine.state(self.name)
            state.publisher.roll_back(reason, to, step.touch(state).outcome)

    def retry(self, *names: str) -> None:
        """Publish again what was refused of these entries, or of all, though it hasn't changed."""
        with self._engine.step() as step:
            state = self._engine.state(self.name)
            state.publisher.retry(names, step.touch(state).outcome)


class Subscription:
    """A subscriber's connection."""

    def __init__(self, engine: Engine, state: ScopeState, link: Link) -> None:
        self._engine = engine
        self._state = state
        self._link = link

    def close(self) -> None:
        """Disconnect: what is still in flight is forgotten, and verdicts don't wait for it. Idempotent."""
        with self._engine.step() as step:
            if not self._link.is_closed:
                self._state.publisher.disconnect(self._link, step.touch(self._state).outcome)
