"""The store's inside: every change is one step under one lock that ends in one new root."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType

import attrs

from reconcilekit.state.content import ScopeOptions
from reconcilekit.state.desired import Changes, Claim
from reconcilekit.state.dispatch import Guard, Outbox
from reconcilekit.state.errors import EntryOwnedError, StageBusyError, StateError, VetoError
from reconcilekit.state.hold import Hold
from reconcilekit.state.publication import Publication
from reconcilekit.state.publisher import Link
from reconcilekit.state.scope import ScopeState, Touched
from reconcilekit.state.snapshot import ScopeChange, ScopeSnapshot, StateChange, StateSnapshot
from reconcilekit.state.staging import PreparedStage, StagedEntries

Listener = Callable[[StateChange], None]


@attrs.frozen(kw_only=True)
class Reservation:
    """One scope's share of a prepared stage."""

    state: ScopeState
    claim: Claim
    version: int


class Step:
    """One atomic change in the making: which scopes it touches and how.

    Attributes:
        touched: by scope name, what happened to it.
        is_hold_changed: what the whole store waits for may have changed.
        snapshot: the store as the step left it, once it has ended.
    """

    def __init__(self, root: StateSnapshot) -> None:
        self.touched: dict[str, Touched] = {}
        self.is_hold_changed = False
        self.snapshot = root

    def touch(self, state: ScopeState) -> Touched:
        """Return the record of what happens to `state`."""
        return self.touched.setdefault(state.name, Touched(state))


class Engine:
    """Scopes, root, lock and outbox of one store; methods lock for themselves unless they say otherwise."""

    def __init__(self, *, history: int, options: ScopeOptions, log: logging.Logger) -> None:
        self.guard = Guard()
        self.root = StateSnapshot()
        self.hold = Hold("the store")
        self.scopes: dict[str, ScopeState] = {}
        self.listeners: tuple[Listener, ...] = ()
        self._history = history
        self._options = options
        self._log = log
        self._outbox = Outbox(log)
        self._version_floor = 0

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Hold the lock for the block; then swap the root, give the lock back, and tell everybody.

        If the block raises, the root stays: whoever changes something in it makes all checks first.
        """
        with self.guard:
            step = Step(self.root)
            yield step
            if step.touched or step.is_hold_changed:
                self._swap(step)
                step.snapshot = self.root
        self._outbox.deliver()

    def state(self, name: str, options: ScopeOptions | None = None) -> ScopeState:
        """Return the scope, made on first use; needs the lock."""
        state = self.scopes.get(name)
        if state is None:
            state = self.scopes[name] = ScopeState.create(
                name,
                options or self._options,
                version=self._version_floor,
                history=self._history,
                store_hold=self.hold,
                answer=partial(self.take_answer, name),
                log=self._log,
            )
        elif options is not None and state.options != options:
            raise StateError(f"scope {name!r} exists with other options: give them where it is used first")
        return state

    def remove_scope(self, name: str) -> None:
        """Forget an empty scope; a later one of that name starts with a version above all that were forgotten."""
        with self.guard:
            state = self.scopes.get(name)
            if state is None:
                return
            if not state.is_idle:
                raise StateError(f"scope {name!r} is in use: remove its entries and subscribers first")
            del self.scopes[name]
            self._version_floor = max(self._version_floor, state.desired.version)
            scopes = {other: snapshot for other, snapshot in self.root.scopes.items() if other != name}
            self._set_root(scopes)

    def options_of(self, scope: str) -> ScopeOptions:
        """Return the options of a scope, present or to be."""
        state = self.scopes.get(scope)
        return self._options if state is None else state.options

    def prepare(self, owner: str, staged: Mapping[str, StagedEntries], *, replace: bool) -> PreparedStage:
        """Check what is staged against the present content and reserve it, in all scopes or in none."""
        reserved: list[Reservation] = []
        with self.guard:
            try:
                for name, claim in self._claims(owner, staged, replace=replace).items():
                    state = self.state(name)
                    if name in staged:
                        _refuse_other_options(state, staged[name])
                    state.desired.prepare(claim)
                    reserved.append(Reservation(state=state, claim=claim, version=state.desired.version))
            except BaseException:
                self._release(reserved)
                raise
        replaced = owner if replace else None
        return PreparedStage(
            owner, commit=partial(self._commit, reserved, replaced), release=partial(self._abandon, reserved)
        )

    def take_answer(self, scope: str, publication: Publication, reason: str | None, suspects: frozenset[str]) -> bool:
        """Act on an ACK (`reason` is None) or NACK; False if it came too late."""
        with self.step() as step:
            state = self.scopes.get(scope)
            if state is None or not any(link.in_flight is publication for link in state.publisher.links):
                return False
            return state.publisher.take_answer(publication, reason, suspects, step.touch(state).outcome)

    def change_hold(self, change: Callable[[Hold], None], scope: str | None = None) -> None:
        """Change a scope's hold, or the store's, and publish what that releases."""
        with self.step() as step:
            state = None if scope is None else self.state(scope)
            change(self.hold if state is None else state.hold)
            step.is_hold_changed = True
            for each in tuple(self.scopes.values()) if state is None else (state,):
                each.refresh(step.touch(each).outcome)

    def report(self, owner: str) -> None:
        """Tick `owner` off every list."""
        with self.step() as step:
            was_awaited = owner in self.hold.waiting_for
            self.hold.report(owner)
            step.is_hold_changed = was_awaited
            for state in self.scopes.values():
                concerns = was_awaited or owner in state.hold.waiting_for
                state.hold.report(owner)
                if concerns:
                    state.refresh(step.touch(state).outcome)

    def _claims(self, owner: str, staged: Mapping[str, StagedEntries], *, replace: bool) -> dict[str, Claim]:
        claims = {name: entries.claim() for name, entries in staged.items()}
        return claims | (self._removals(owner, claims) if replace else {})

    def _removals(self, owner: str, staged: Collection[str]) -> dict[str, Claim]:
        return {
            name: Claim(owner=owner, puts={}, replaces=True)
            for name, state in self.scopes.items()
            if name not in staged and state.desired.is_owner(owner)
        }

    def _commit(self, reserved: list[Reservation], replaced: str | None) -> StateSnapshot:
        with self.step() as step:
            self._release(reserved)
            plans = [(each.state, self._plan(each)) for each in (*reserved, *self._late(reserved, replaced))]
            for state, changes in plans:
                if changes:
                    touched = step.touch(state)
                    touched.entries = state.desired.install(changes)
                    state.refresh(touched.outcome)
        return step.snapshot

    def _late(self, reserved: list[Reservation], replaced: str | None) -> list[Reservation]:
        """What an owner that replaces everything got in other scopes since it prepared goes, too."""
        if replaced is None:
            return []
        removals = self._removals(replaced, {each.state.name for each in reserved})
        return [Reservation(state=self.scopes[name], claim=claim, version=-1) for name, claim in removals.items()]

    def _plan(self, each: Reservation) -> Changes:
        desired = each.state.desired
        try:
            return desired.plan(each.claim, is_validated=desired.version == each.version)
        except (EntryOwnedError, VetoError) as error:
            raise StageBusyError(
                each.state.name, f"what others committed since this was prepared refuses it: {error.message}"
            ) from error

    def _abandon(self, reserved: list[Reservation]) -> None:
        with self.guard:
            self._release(reserved)

    def _release(self, reserved: list[Reservation]) -> None:
        for each in reserved:
            each.state.desired.release(each.claim)

    def _swap(self, step: Step) -> None:
        scopes, was_held = dict(self.root.scopes), self.root.is_held
        changes: dict[str, ScopeChange] = {}
        for name, touched in step.touched.items():
            before, after = self.root[name], touched.state.snapshot()
            scopes[name] = after
            if change := touched.change_from(before, after):
                changes[name] = change
        self._set_root(scopes)
        is_released = was_held and not self.root.is_held
        if changes or is_released:
            event = StateChange(snapshot=self.root, scopes=MappingProxyType(changes), is_released=is_released)
            self._outbox.put(partial(self._notify, listener, event) for listener in self.listeners)
        for touched in step.touched.values():
            self._outbox.put(partial(_offer, link, publication) for link, publication in touched.outcome.offers)

    def _set_root(self, scopes: Mapping[str, ScopeSnapshot]) -> None:
        self.root = StateSnapshot(
            sequence=self.root.sequence + 1,
            scopes=MappingProxyType(dict(scopes)),
            is_held=self.hold.is_held,
            waiting_for=self.hold.waiting_for,
        )

    def _notify(self, listener: Listener, event: StateChange) -> None:
        if listener in self.listeners:
            listener(event)


def _refuse_other_options(state: ScopeState, staged: StagedEntries) -> None:
    if state.options is not staged.options:
        raise StageBusyError(state.name, "it was made with other options since the stage began: stage again")


def _offer(link: Link, publication: Publication) -> None:
    if not link.is_closed:
        link.subscriber.offer(publication)
