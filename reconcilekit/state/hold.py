"""The rule for the first publication after a start: not before everybody who may contribute has had a say."""

from __future__ import annotations

from collections.abc import Iterable

from reconcilekit.state.errors import StateError


class Hold:
    """Counts who is awaited; not thread safe by itself.

    Each `hold` must be answered by one `expect`, which says whom to wait for; it is released when all holds are
    answered and all expected owners have reported, and never held again: what comes later joins a publication that
    was whole once.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._unanswered = 0
        self._pending: set[str] = set()
        self._reported: set[str] = set()
        self.is_released = False

    @property
    def is_held(self) -> bool:
        """True while somebody is awaited, or it isn't known yet who is."""
        return bool(self._unanswered or self._pending)

    @property
    def waiting_for(self) -> frozenset[str]:
        """The expected owners that haven't reported."""
        return frozenset(self._pending)

    def hold(self) -> None:
        """Hold until a matching `expect` says whom to wait for."""
        self._refuse_late("hold")
        self._unanswered += 1

    def expect(self, owners: Iterable[str]) -> None:
        """Wait for these owners as well, but for those that have reported already."""
        self._refuse_late("expect")
        self._unanswered = max(0, self._unanswered - 1)
        self._pending.update(set(owners) - self._reported)
        self._settle()

    def report(self, owner: str) -> None:
        """Note that `owner` has had its say, or is gone."""
        if self.is_released:
            return
        self._reported.add(owner)
        if owner in self._pending:
            self._pending.discard(owner)
            self._settle()

    def _settle(self) -> None:
        if not self.is_held:
            self.is_released = True
            self._reported.clear()

    def _refuse_late(self, verb: str) -> None:
        if self.is_released:
            raise StateError(f"{self._subject} has been released already: call {verb}() before, not after, a start")
