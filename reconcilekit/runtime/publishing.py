"""What a controller's keys publish to the StateStore: whose it is, when the first of it is whole, and its end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable

from reconcilekit.clock import Clock
from reconcilekit.errors import ReconcileError, TransientError
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.reconciler import Reconciler
from reconcilekit.state import StateError, StateStore

DISOWN_PAUSE = 0.05
"""Seconds until the entries of a gone primary are removed, where another key's commit was in the way."""


class Publisher:
    """Keeps the StateStore's owners in step with the keys of one controller; idle where that publishes nothing.

    Args:
        reconciler: the user's.
        state: where it publishes.
        clock: for what has to be tried again.
        log: for what can't be removed.
    """

    def __init__(self, reconciler: Reconciler, *, state: StateStore, clock: Clock, log: logging.Logger) -> None:
        self._reconciler = reconciler
        self._state = state
        self._clock = clock
        self._log = log

    def take_over(self, keys: Iterable[ObjectKey]) -> None:
        """Have the first publish wait for these, and remove what keys left behind that vanished while nobody ran."""
        if not self._reconciler.publishes:
            return
        owners = {owner_of(self._reconciler, key) for key in keys}
        # A store that was released by an earlier run of the manager has content to go on with, and waits for nobody.
        with contextlib.suppress(StateError):
            self._state.expect(owners)
        entries = (entry for scope in self._state.snapshot().scopes.values() for entry in scope.entries.values())
        known = {owner for entry in entries for owner in entry.owners} | self._state.waiting_for
        for owner in sorted(known - owners):
            if owner.startswith(_prefix(self._reconciler)):
                self._disown(owner)

    def finished(self, key: ObjectKey) -> None:
        """The key has published all that it has for now."""
        if self._reconciler.publishes:
            self._state.report(owner_of(self._reconciler, key))

    def gone(self, key: ObjectKey) -> None:
        """The key's primary is gone, and so is what it published."""
        if self._reconciler.publishes:
            self._disown(owner_of(self._reconciler, key))

    def _disown(self, owner: str) -> None:
        try:
            self._state.remove_owner(owner)
        except TransientError:
            # Another stage that is being committed is in the way for the moment.
            self._clock.call_later(DISOWN_PAUSE, lambda: self._disown(owner))
        except ReconcileError as error:
            self._log.error("the state of %s, which is gone, can't be removed: %s", owner, error)


def owner_of(reconciler: Reconciler, key: ObjectKey) -> str:
    """Whose the entries of the StateStore are that a key publishes."""
    return f"{_prefix(reconciler)}{key}"


def _prefix(reconciler: Reconciler) -> str:
    return f"{reconciler.name}:"
