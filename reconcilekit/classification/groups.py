"""Exception groups: one verdict for the whole, which forgets none of the leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from reconcilekit.errors import (
    BugError,
    ConfigError,
    ConflictError,
    ReconcileError,
    RetryScope,
    TransientError,
    walk_leaves,
)

RULE = "exception-group"
"""The name that a group's verdict has for its rule; its leaves name their own."""

_E = TypeVar("_E", bound=ReconcileError)


def interruption(error: BaseException) -> BaseException | None:
    """The leaf that isn't an error but an order to stop, None where there is none.

    CancelledError, KeyboardInterrupt, SystemExit and GeneratorExit are none of a classifier's business. Where several
    are in a group, the one that ends the process goes before the one that ends a task.
    """
    orders = [leaf for leaf in walk_leaves(error) if not isinstance(leaf, Exception)]
    ending = [order for order in orders if isinstance(order, (KeyboardInterrupt, SystemExit))]
    return next(iter(ending + orders), None)


def combine(verdicts: Sequence[ReconcileError]) -> ReconcileError:
    """One verdict on a group: transient if any leaf is, else config, else bug; its `leaves` are the verdicts.

    A transient one has the largest `retry_after`, and an unknown outcome if any leaf has. It is a conflict only where
    every transient leaf is one. It binds more than its key only where all who ask to wait bind the same: the leaves
    tell who asked for what.

    Args:
        verdicts: the verdicts on the leaves, at least one.
    """
    leaves = tuple(leaf for verdict in verdicts for leaf in verdict.leaves or (verdict,))
    if transient := _only(TransientError, leaves):
        whole: ReconcileError = _transient(transient)
    elif config := _only(ConfigError, leaves):
        whole = _config(config, leaves)
    else:
        whole = BugError(_joined(leaves))
    whole.leaves = leaves
    whole.rule = RULE
    return whole


def _transient(leaves: Sequence[TransientError]) -> TransientError:
    kind = ConflictError if all(isinstance(leaf, ConflictError) for leaf in leaves) else TransientError
    asking = [leaf for leaf in leaves if leaf.retry_after is not None]
    bound = {(leaf.scope, leaf.api_group) for leaf in asking}
    scope, api_group = bound.pop() if len(bound) == 1 else (RetryScope.KEY, None)
    return kind(
        _joined(leaves),
        retry_after=max((leaf.retry_after or 0.0 for leaf in asking), default=None),
        outcome_unknown=any(leaf.outcome_unknown for leaf in leaves),
        scope=scope,
        api_group=api_group,
    )


def _config(config: Sequence[ConfigError], leaves: Sequence[ReconcileError]) -> ConfigError:
    """The first leaf's reason, everybody's message, and the soonest recheck that somebody asked for."""
    rechecks = [leaf.recheck_after for leaf in config if leaf.recheck_after is not None]
    message = config[0].message if len(leaves) == 1 else _joined(leaves)
    return ConfigError(config[0].reason, message, recheck_after=min(rechecks, default=None))


def _only(kind: type[_E], leaves: Sequence[ReconcileError]) -> list[_E]:
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def _joined(leaves: Sequence[ReconcileError]) -> str:
    return "; ".join(str(leaf) or type(leaf).__name__ for leaf in leaves)
