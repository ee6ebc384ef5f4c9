"""What can go wrong with a stage, by who must act.

A veto and a stolen entry wait for a change of the input (`ConfigError`), a collision with another stage in flight
passes by itself (`TransientError`), and misuse is the caller's bug (`StateError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconcilekit.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from reconcilekit.state.content import Veto


class StateError(Exception):
    """The store was used in a way that can never work; the message says what to do instead."""


class StageClosedError(StateError):
    """A stage was used after it was prepared, committed or closed."""


class VetoError(ConfigError):
    """A validator refused the staged content; nothing of the stage was taken.

    Attributes:
        scope: the scope whose validator refused.
        vetoes: what it refused and why; never empty.
        entry: the first entry it refused.
    """

    def __init__(self, scope: str, vetoes: Sequence[Veto]) -> None:
        listed = "; ".join(f"entry {veto.entry!r} of scope {scope!r}: {veto.message}" for veto in vetoes)
        super().__init__("Vetoed", listed)
        self.scope = scope
        self.vetoes = tuple(vetoes)
        self.entry = vetoes[0].entry


class EntryOwnedError(ConfigError):
    """Two owners stage the same entry with different content; the one that holds it keeps it.

    Attributes:
        scope: where.
        entry: the entry both want.
        owners: who holds it, then who wanted it.
    """

    def __init__(self, scope: str, entry: str, *, holders: Sequence[str], claimant: str) -> None:
        held = " and ".join(repr(holder) for holder in holders)
        super().__init__(
            "EntryOwned",
            f"entry {entry!r} of scope {scope!r} is owned by {held} with other content than {claimant!r} stages: "
            f"name it differently or let one of them own it",
        )
        self.scope = scope
        self.entry = entry
        self.owners = (*holders, claimant)


class StageBusyError(TransientError):
    """The stage collides with one that another owner has prepared and not yet finished; it passes by itself.

    Attributes:
        scope_name: where they collide.
    """

    def __init__(self, scope: str, message: str) -> None:
        super().__init__(f"scope {scope!r}: {message}")
        self.scope_name = scope
