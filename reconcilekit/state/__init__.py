"""In-memory state that a proxy or another consumer sees switch from one whole snapshot to the next, never between.

Usable on its own: it needs no event loop and no cluster. Read `docs/state.md` for how.
"""

from __future__ import annotations

from reconcilekit.state.content import (
    Candidate,
    Diff,
    Entry,
    ScopeOptions,
    Validator,
    Veto,
    by_entry,
    by_owner,
)
from reconcilekit.state.errors import EntryOwnedError, StageBusyError, StageClosedError, StateError, VetoError
from reconcilekit.state.freezing import content_hash, freeze
from reconcilekit.state.publication import Publication, Subscriber
from reconcilekit.state.quarantine import Refusal
from reconcilekit.state.snapshot import (
    ScopeChange,
    ScopeSnapshot,
    ScopeVersion,
    StateChange,
    StateSnapshot,
    SubscriberState,
    Verdict,
    VerdictState,
)
from reconcilekit.state.staging import PreparedStage, Stage, StagedEntries
from reconcilekit.state.store import Scope, StateStore, Subscription

__all__ = [
    # the store
    "StateStore", "Scope", "ScopeOptions", "Stage", "StagedEntries", "PreparedStage",
    # what readers get
    "StateSnapshot", "ScopeSnapshot", "ScopeVersion", "Entry", "Diff", "Verdict", "VerdictState", "Refusal",
    "SubscriberState", "StateChange", "ScopeChange",
    # validators and units
    "Validator", "Candidate", "Veto", "by_entry", "by_owner", "freeze", "content_hash",
    # consumers
    "Subscriber", "Subscription", "Publication",
    # errors
    "StateError", "StageClosedError", "StageBusyError", "VetoError", "EntryOwnedError",
]  # fmt: skip
